"""The README's tables, made from the program: ``python -m tests.docs.readme_tables``.

Called so it rewrites README.md; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from cellenhance.cli.app import app
from cellenhance.tasks.models import list_models

README = Path(__file__).resolve().parents[2] / "README.md"


def leaf_commands(group: Any = None, *words: str) -> Iterator[tuple[str, Any]]:
    """Yield every command by its words, "dataset prepare", in the order of the help."""
    group = typer.main.get_command(app) if group is None else group
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from leaf_commands(each, *words, name)
        else:
            yield " ".join((*words, name)), each


def command_table() -> list[str]:
    """Return the lines of the table of commands: the first sentence of each help."""
    lines = ["| command | what it does |", "|---|---|"]
    for words, command in leaf_commands():
        summary = command.get_short_help_str(limit=1000).rstrip(".")
        lines.append(f"| `cellenhance {words}` | {summary} |")
    return lines


def model_table() -> list[str]:
    """Return the lines of the table of models: what the catalogue says of each."""
    lines = ["| model | what it is | parameters | GFLOPs |", "|---|---|--:|--:|"]
    for each in list_models():
        numbers = f"{each.n_parameters:,} | {each.gflops:.2f}"
        lines.append(f"| `{each.name}` | {each.summary} | {numbers} |")
    return lines


TABLES = {"command table": command_table, "model table": model_table}
"""What stands between ``<!-- NAME begin -->`` and ``<!-- NAME end -->`` in README.md."""


def with_table(text: str, name: str, lines: list[str]) -> str:
    """Return the text with these lines between the marks of a table."""
    before, _, rest = text.partition(f"<!-- {name} begin -->\n")
    _, _, after = rest.partition(f"<!-- {name} end -->")
    if not after:
        raise ValueError(f"README.md has no marks of the {name}")
    inside = "\n".join(lines)
    return f"{before}<!-- {name} begin -->\n{inside}\n\n<!-- {name} end -->{after}"


def rewritten() -> str:
    """Return README.md with tables as the program has them now."""
    text = README.read_text(encoding="utf-8")
    for name, make in TABLES.items():
        text = with_table(text, name, make())
    return text


if __name__ == "__main__":
    README.write_text(rewritten(), encoding="utf-8")
