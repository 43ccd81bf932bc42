"""What happens around every command: -v, -q and --debug, and errors turned into exit codes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from cellenhance.cli import console
from cellenhance.errors import CellEnhanceError

_EXTRA_OPTIONS = {
    "verbose": typer.Option("-v", "--verbose", help="Show details."),
    "quiet": typer.Option("-q", "--quiet", help="Show errors only."),
    "debug": typer.Option("--debug", help="Show the full trace of an error."),
}


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Return `body` with the options -v, -q, --debug, its errors shown as one line each.

    Exit codes: those of `CellEnhanceError`; 5 when memory or disk ran out; 130 on Ctrl-C; 1 for
    anything that is a bug of ours.
    """

    @functools.wraps(body)
    def run(*, verbose: bool, quiet: bool, debug: bool, **values: Any) -> None:
        console.set_verbosity(verbose=verbose, quiet=quiet)
        try:
            body(**values)
        except (CellEnhanceError, MemoryError, OSError, KeyboardInterrupt) as error:
            if debug:
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
    return run


def _report(error: BaseException) -> int:
    """Show `error` as one line and return its exit code."""
    if isinstance(error, CellEnhanceError):
        console.fail(str(error))
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        console.fail("interrupted; what was finished is kept")
        return 130
    if isinstance(error, MemoryError):
        console.fail("out of memory; try a smaller --tile or --batch-size")
        return 5
    if isinstance(error, OSError) and error.errno == 28:
        console.fail(f"the disk is full while writing {error.filename or 'the output'}")
        return 5
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
