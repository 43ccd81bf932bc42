"""The only place that writes to the terminal: tables, notes, warnings, progress, errors.

Results (tables, JSON) go to stdout; notes, warnings, progress and errors go to stderr. NO_COLOR is
honoured by Rich; without a terminal there are no bars.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cellenhance.cli.repeats import RepeatedWarnings
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import format_yaml
from cellenhance.texts import escape_surrogates, shown

out = Console(soft_wrap=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


class TextTable(Protocol):
    """What `render.tables` returns."""

    @property
    def title(self) -> str:
        """What the numbers are."""

    @property
    def header(self) -> Sequence[str]:
        """Column names."""

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """Cells."""


_STYLES = {logging.WARNING: "[yellow]warning:[/yellow] ", logging.ERROR: "[red]error:[/red] "}


def _plain(text: str) -> str:
    """Return `text` as it is shown: one line, no control characters, no markup of Rich."""
    return escape(shown(text))


class _NoteHandler(logging.Handler):
    """Shows the package's log records as one line each on stderr, recurring warnings once."""

    def __init__(self, repeats: RepeatedWarnings | None) -> None:
        super().__init__()
        self._repeats = repeats

    def emit(self, record: logging.LogRecord) -> None:
        if self._repeats is None or self._repeats.is_new(record):
            err.print(_STYLES.get(record.levelno, "") + _plain(record.getMessage()))

    def say_repeats(self) -> None:
        """Show how often warnings and notes on files recurred."""
        for level in (logging.INFO, logging.WARNING):
            for line in [] if self._repeats is None else self._repeats.take(level):
                err.print(_STYLES.get(level, "") + _plain(line))


def say_repeats() -> None:
    """Show how often warnings of files recurred since they were shown; called before results."""
    for handler in logging.getLogger("cellenhance").handlers:
        if isinstance(handler, _NoteHandler):
            handler.say_repeats()


def set_verbosity(*, verbose: bool, quiet: bool) -> None:
    """Show details (`verbose`), notes and warnings (default) or only errors (`quiet`)."""
    logger = logging.getLogger("cellenhance")
    logger.handlers = [_NoteHandler(None if verbose else RepeatedWarnings())]
    logger.propagate = False
    logger.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO)


def is_quiet() -> bool:
    """Tell whether only errors are shown."""
    return logging.getLogger("cellenhance").level >= logging.ERROR


def note(message: str) -> None:
    """Show one line on stderr unless quiet."""
    say_repeats()
    if not is_quiet():
        err.print(_plain(message))


def fail(message: str) -> None:
    """Show one error line on stderr."""
    say_repeats()
    err.print("[red]error:[/red] " + _plain(message))


def show(table: TextTable, caption: str) -> None:
    """Write a table of `render.tables` to stdout, `caption` before its title."""
    title = f"{caption}: {table.title}" if caption else table.title
    print_table(title, table.header, table.rows)


def warn(message: str) -> None:
    """Show one warning line on stderr unless quiet."""
    if not is_quiet():
        err.print("[yellow]warning:[/yellow] " + _plain(message))


def print_fields(fields: Mapping[str, Any]) -> None:
    """Write names and values as YAML to stdout."""
    sys.stdout.write(format_yaml(dict(fields)))


def print_json(value: Any) -> None:
    """Write `value` as JSON to stdout; NaN must be None already."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(escape_surrogates(text) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numeric_from: int = 1
) -> None:
    """Write a table to stdout; columns from `numeric_from` on are right-aligned."""
    say_repeats()
    table = Table(title=_plain(title), title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(
            _plain(column),
            justify="right" if index >= numeric_from else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*[_plain(cell) for cell in row])
    if out.is_terminal:
        out.print(table)
    else:
        # Without a terminal Rich assumes 80 columns and would wrap numbers.
        Console(width=200, soft_wrap=False).print(table)


@contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """Yield a progress callback that draws a bar on stderr, or nothing without a terminal."""
    if not err.is_terminal or is_quiet():
        yield silent
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        task = bars.add_task("", total=None)

        def show(done: int, total: int, what: str) -> None:
            bars.update(task, completed=done, total=total, description=_plain(what))

        yield show
