"""Around every command: one line for an error, the exit code of its kind, quiet and debug."""

from __future__ import annotations

import errno
import logging
import signal
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from cellenhance import __version__
from cellenhance.cli.image_work import report_end
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
        (OSError(errno.ENOSPC, "full", "out.tif"), 5, "error: out.tif: the disk is full (full)"),
        (OSError(errno.EDQUOT, "Quota", "out.tif"), 5, "error: out.tif: the disk is full (quota)"),
        (
            PermissionError(errno.EACCES, "Denied", "a.tif"),
            3,
            "error: a.tif: denied; check the path",
        ),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 GiB"), 5, "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 5, "out of memory"),
        (FileNotFoundError(errno.ENOENT, "Gone", "a.tif"), 3, "error: a.tif: gone; check the path"),
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_and_a_closed_terminal_end_a_command_as_ctrl_c_does(number: int) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    cleared = []

    @app.command()
    @command
    def work() -> None:
        """Work."""
        try:
            try:
                signal.raise_signal(number)
            except Exception:
                cleared.append("taken for a failure")
        finally:
            cleared.append("cleared")

    before = signal.getsignal(number)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 143
    assert done.stderr == "error: terminated; what was finished is kept\n"
    assert cleared == ["cleared"]
    assert signal.getsignal(number) == before


def test_the_last_line_says_how_many_failures_and_skipped_files_it_does_not_name() -> None:
    failed = [(Path(f"{i}.tif"), f"reason {i}") for i in range(5)]
    skipped = [Path(f"{i}.txt") for i in range(12)]
    with pytest.raises(PartlyDoneError, match=r"reason 2; and 2 more, named above$"):
        report_end(7, failed, skipped, Path("out"))
    with pytest.raises(DatasetError, match=r"3 failed: reason 0; reason 1; reason 2$"):
        report_end(0, failed[:3], [], Path("out"))


def test_help_fills_the_lines_of_a_paragraph(cli: Any) -> None:
    lines = [line.strip() for line in cli("translate", "--help").stdout.splitlines()]
    first = next(line for line in lines if line.startswith("Input, learned filters"))
    following = lines[lines.index(first) + 1]
    assert len(f"{first} {following.split()[0]}") > 76


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
