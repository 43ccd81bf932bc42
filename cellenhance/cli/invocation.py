"""What happens around every command: -v, -q and --debug, and errors turned into exit codes."""

from __future__ import annotations

import functools
import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from cellenhance.cli import console
from cellenhance.errors import CellEnhanceError

_EXTRA_OPTIONS = {
    "verbose": typer.Option("-v", "--verbose", help="Show details."),
    "quiet": typer.Option("-q", "--quiet", help="Show results and errors only."),
    "debug": typer.Option("--debug", help="Show the full trace of an error."),
}


class _Terminated(BaseException):
    """SIGTERM came; like KeyboardInterrupt nothing but the end of a command catches it."""


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Return `body` with the options -v, -q, --debug, its errors shown as one line each.

    Exit codes: those of `CellEnhanceError`; 5 when memory or disk ran out; 130 on Ctrl-C; 143 on
    SIGTERM; 1 for anything that is a bug of ours.
    """

    @functools.wraps(body)
    def run(*, verbose: bool, quiet: bool, debug: bool, **values: Any) -> None:
        console.set_verbosity(verbose=verbose, quiet=quiet)
        try:
            with _sigterm_raised():
                body(**values)
        except (CellEnhanceError, MemoryError, OSError, KeyboardInterrupt, _Terminated) as error:
            if debug and not isinstance(error, _Terminated):
                raise
            raise typer.Exit(_report(error)) from error
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            if debug:
                raise
            console.fail(
                f"internal error, please report it ({type(error).__name__}: {error}); "
                "--debug shows the trace"
            )
            raise typer.Exit(1) from error

    _set_signature(run, body)
    # Typer keeps line breaks inside paragraphs; a narrow terminal would break such lines twice.
    paragraphs = (inspect.getdoc(body) or "").split("\n\n")
    run.__doc__ = "\n\n".join(" ".join(each.split()) for each in paragraphs)
    return run


@contextmanager
def _sigterm_raised() -> Iterator[None]:
    """Raise `_Terminated` where SIGTERM comes, so that unfinished files are cleared away."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(error: BaseException) -> int:
    """Show `error` as one line and return its exit code."""
    if isinstance(error, CellEnhanceError):
        console.fail(str(error))
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        console.fail("interrupted; what was finished is kept")
        return 130
    if isinstance(error, _Terminated):
        console.fail("terminated; what was finished is kept")
        return 143
    if isinstance(error, MemoryError):
        console.fail("out of memory; try a smaller --tile or --batch-size")
        return 5
    if isinstance(error, OSError) and error.errno == 28:
        console.fail(f"the disk is full while writing {error.filename or 'the output'}")
        return 5
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        console.fail(
            f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}; check the path "
            "and your rights to it"
        )
        return 3
    console.fail(str(error))
    return 3


def _set_signature(run: Callable[..., None], body: Callable[..., None]) -> None:
    """Show Typer the options of `body` and the extra ones."""
    signature = inspect.signature(body, eval_str=True)
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    own = [each.replace(kind=keyword_only) for each in signature.parameters.values()]
    extra = [
        inspect.Parameter(name, keyword_only, default=False, annotation=Annotated[bool, option])
        for name, option in _EXTRA_OPTIONS.items()
    ]
    run.__signature__ = signature.replace(parameters=[*own, *extra])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in [*own, *extra]}
