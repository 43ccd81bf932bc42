"""Around every command: one line for an error, the exit code of its kind, quiet and debug."""

from __future__ import annotations

import errno
import logging
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from cellenhance import __version__
from cellenhance.cli.invocation import command
from cellenhance.errors import (
    CheckpointError,
    DatasetError,
    InterruptedRunError,
    PartlyDoneError,
    ResourceError,
    SettingsError,
    TerminatedRunError,
)


def run(error: BaseException | None, *words: str) -> Any:
    """Run a command of one option that logs, and then raises `error`."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @command
    def work(name: Annotated[str, typer.Option("--name")] = "x") -> None:
        """Work."""
        logger = logging.getLogger("cellenhance.test")
        logger.debug("detail of %s", name)
        logger.info("note [red]of[/red] %s", name)
        logger.warning("careful")
        if error is not None:
            raise error

    return CliRunner().invoke(app, [*words])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SettingsError("bad option"), 2, "bad option"),
        (DatasetError("bad [input]"), 3, "bad [input]"),
        (CheckpointError("bad run"), 3, "bad run"),
        (PartlyDoneError("1 failed"), 4, "1 failed"),
        (ResourceError("too big"), 5, "too big"),
        (InterruptedRunError("stopped"), 130, "stopped"),
        (TerminatedRunError("stopped"), 143, "stopped"),
        (KeyboardInterrupt(), 130, "interrupted; what was finished is kept"),
        (MemoryError(), 5, "out of memory; try a smaller --tile or --batch-size"),
        (OSError(errno.ENOSPC, "full", "out.tif"), 5, "the disk is full while writing out.tif"),
        (FileNotFoundError(errno.ENOENT, "gone", "a.tif"), 3, "a.tif"),
        (ZeroDivisionError("by zero"), 1, "internal error, please report it (ZeroDivisionError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_one_line_and_the_exit_code_of_its_kind(
    error: BaseException, code: int, message: str
) -> None:
    done = run(error, "--quiet")
    assert done.exit_code == code
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("error", [SettingsError("bad"), ZeroDivisionError("bad")])
def test_debug_shows_the_trace(error: Exception) -> None:
    assert run(error, "--debug").exception is error


def test_notes_and_warnings_are_shown_as_written() -> None:
    assert run(None).stderr == "note [red]of[/red] x\nwarning: careful\n"


def test_verbose_shows_details_and_quiet_only_errors() -> None:
    assert run(None, "-v", "--name", "y").stderr.startswith("detail of y\n")
    assert run(None, "-q").stderr == ""


def test_the_exit_of_a_command_passes() -> None:
    assert run(typer.Exit(7)).exit_code == 7


def test_the_version_is_shown(cli: Any) -> None:
    done = cli("--version")
    assert (done.exit_code, done.stdout) == (0, f"cellenhance {__version__}\n")
