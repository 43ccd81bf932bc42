"""The help of every command: what most people need first, groups in panels, the example last."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import ASCII, ROUNDED
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

WIDEST = 100
"""Longer lines are hard to read on a wide screen."""
_NARROW = 72
"""Below so many columns, what an option does stands under it instead of beside it."""
_WIDEST_NAME = 30
_EXAMPLE = "Example: "
COMMON = "Common options"
"""The panel of what every command takes, the last one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel: an argument, an option or a command, and what it does."""

    name: Text
    text: Text


def render_help(command: Any, context: Any, width: int | None = None) -> str:
    """Return the help of a command or a group of commands, `width` columns wide."""
    columns = min(width or shutil.get_terminal_size((80, 24)).columns, WIDEST)
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=columns, force_terminal=sys.stdout.isatty(), legacy_windows=False
    )
    console.print()
    console.print(Padding(Text.assemble(("Usage: ", "bold"), _usage(command, context)), (0, 1)))
    paragraphs = (command.help or "").split("\n\n")
    for paragraph in paragraphs:
        if not paragraph.startswith(_EXAMPLE):
            console.print()
            console.print(Padding(Text(paragraph), (0, 1)))
    console.print()
    sections = _sections(command, context)
    names = min(_WIDEST_NAME, max(row.name.cell_len for _, rows in sections for row in rows))
    for title, rows in sections:
        console.print(_panel(title, rows, columns, names))
    for paragraph in paragraphs:
        if paragraph.startswith(_EXAMPLE):
            words = paragraph.removeprefix(_EXAMPLE)
            console.print()
            console.print(Padding(Text.assemble((_EXAMPLE, "bold"), (words, "cyan")), (0, 1)))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _usage(command: Any, context: Any) -> str:
    """Return the words that must be given, then OPTIONS for those that may be."""
    words = [context.command_path]
    if hasattr(command, "commands"):
        return " ".join([*words, "COMMAND", "..."])
    for parameter in command.params:
        name = parameter.metavar or parameter.name.upper()
        if parameter.param_type_name == "argument":
            words.append(name if parameter.required else f"[{name}]")
        elif parameter.required:
            words.append(f"{parameter.opts[0]} {name}")
    return " ".join([*words, "[OPTIONS]"])


def _sections(command: Any, context: Any) -> list[tuple[str, list[Row]]]:
    """Return the panels in order: arguments, the command's own options, groups, the common ones."""
    sections: dict[str, list[Row]] = {"Arguments": [], "Options": []}
    common: list[Row] = []
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            sections["Arguments"].append(_argument(parameter))
            continue
        title = getattr(parameter, "rich_help_panel", None) or "Options"
        is_common = title == COMMON or "--help" in parameter.opts or hasattr(command, "commands")
        (common if is_common else sections.setdefault(title, [])).append(_option(parameter))
    for name in command.list_commands(context) if hasattr(command, "commands") else ():
        each = command.commands[name]
        title = getattr(each, "rich_help_panel", None) or "Commands"
        sections.setdefault(title, []).append(_command(name, each))
    sections.setdefault(COMMON, []).extend(common)
    return [(title, rows) for title, rows in sections.items() if rows]


def _argument(parameter: Any) -> Row:
    name = parameter.metavar or parameter.name.upper()
    return Row(Text(name, "bold cyan"), _described(parameter.help or "", required=False))


def _option(parameter: Any) -> Row:
    short = [each for each in parameter.opts if not each.startswith("--")]
    long = [each for each in parameter.opts if each.startswith("--")]
    name = Text(", ".join([*short, *long, *parameter.secondary_opts]), "bold cyan")
    if not parameter.is_flag:
        name.append(f" {parameter.metavar or parameter.name.upper()}", "yellow")
    return Row(name, _described(parameter.help or "", required=parameter.required))


def _command(name: str, command: Any) -> Row:
    summary = (command.help or "").split("\n\n")[0]
    return Row(Text(name, "bold cyan"), Text(summary))


def _described(text: str, *, required: bool) -> Text:
    """Return a sentence, with its range and default in brackets dim."""
    sentence, bracket, facts = text.partition(" [")
    shown = Text(sentence)
    if bracket:
        shown.append(f" [{facts}", "dim")
    if required:
        shown.append(" [required]", "red")
    return shown


def _panel(title: str, rows: Sequence[Row], columns: int, names: int) -> RenderableType:
    body = _stacked(rows) if columns < _NARROW else _beside(rows, names)
    lines = ROUNDED if _can_show(ROUNDED.top_left) else ASCII
    return Panel(body, lines, title=title, title_align="left", border_style="dim", width=columns)


def _can_show(text: str) -> bool:
    """Tell whether stdout has these letters, which a pipe on Windows may not."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _stacked(rows: Iterable[Row]) -> Table:
    table = Table.grid(expand=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(row.name)
        table.add_row(Padding(row.text, (0, 0, 0, 4)))
    return table


def _beside(rows: Iterable[Row], names: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=names, overflow="fold")
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(row.name, row.text)
    return table
