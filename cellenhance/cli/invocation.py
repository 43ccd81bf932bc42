"""What happens around every command: -v, -q and --debug, and errors turned into exit codes."""

from __future__ import annotations

import functools
import inspect
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, NoReturn, TypeAlias

import typer

from cellenhance.cli import console
from cellenhance.cli.help import COMMON
from cellenhance.cli.records import Leaf, is_record, leaves_of, make_record, parameter_of
from cellenhance.errors import CellEnhanceError, describe_system_error
from cellenhance.options import Options, group_defaults

Records: TypeAlias = Mapping[str, tuple[type[Options], tuple[Leaf, ...]]]
"""The parameters of a command that are records, with their options."""

_EXTRA_OPTIONS = {
    "verbose": typer.Option("-v", "--verbose", help="Show details.", rich_help_panel=COMMON),
    "quiet": typer.Option(
        "-q", "--quiet", help="Show results and errors only.", rich_help_panel=COMMON
    ),
    "debug": typer.Option(
        "--debug", help="Show the full trace of an error.", rich_help_panel=COMMON
    ),
}


class _Terminated(BaseException):
    """SIGTERM or SIGHUP came; like KeyboardInterrupt, only the end of a command catches it."""


def command(body: Callable[..., None]) -> Callable[..., None]:
    """Return `body` with the options -v, -q, --debug, its errors shown as one line each.

    A parameter whose type is a class of `Options` becomes the options of that record, groups in it
    under headings of their own; `body` is handed the record. What the parameter's default says
    replaces the defaults of the class.

    Exit codes: those of `CellEnhanceError`; 5 when memory or disk ran out; 130 on Ctrl-C; 143 on
    SIGTERM; 1 for anything that is a bug in cellenhance.
    """
    signature = inspect.signature(body, eval_str=True)
    records = {
        each.name: (
            each.annotation,
            tuple(leaves_of(each.annotation, group_defaults(each.default))),
        )
        for each in signature.parameters.values()
        if is_record(each.annotation)
    }

    @functools.wraps(body)
    def run(*, verbose: bool, quiet: bool, debug: bool, **values: Any) -> None:
        console.set_verbosity(verbose=verbose, quiet=quiet)
        try:
            with _termination_raised():
                body(**_with_records(values, records))
            console.say_repeats()
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt, _Terminated) as error:
            if debug and not isinstance(error, _Terminated):
                raise
            raise typer.Exit(_report(error)) from error
        finally:
            console.say_repeats()

    _set_signature(run, signature, records)
    # Typer keeps line breaks inside paragraphs; a narrow terminal would break such lines twice.
    paragraphs = (inspect.getdoc(body) or "").split("\n\n")
    run.__doc__ = "\n\n".join(" ".join(each.split()) for each in paragraphs)
    return run


@contextmanager
def _termination_raised() -> Iterator[None]:
    """Raise `_Terminated` where SIGTERM comes or the terminal closes: unfinished files are cleared.

    A signal that is ignored, as under ``nohup``, stays ignored.
    """

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    heard = [each for each in numbers if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    known = describe_system_error(error)
    if known is not None:
        console.fail(str(known))
        return known.exit_code
    what = f"{type(error).__name__}: {error}"
    console.fail(f"internal error, please report it ({what}); --debug shows the trace")
    return 1


def _with_records(values: dict[str, Any], records: Records) -> dict[str, Any]:
    """Return what Typer collected as the arguments of a command: its records are made."""
    inside = {leaf.name for _, leaves in records.values() for leaf in leaves}
    arguments = {name: value for name, value in values.items() if name not in inside}
    for name, (record, leaves) in records.items():
        made = make_record(record, leaves, values)
        if "command_line" in record.model_fields:
            typed = shlex.join(["cellenhance", *sys.argv[1:]])
            made = made.model_copy(update={"command_line": typed})
        arguments[name] = made
    return arguments


def _set_signature(
    run: Callable[..., None], signature: inspect.Signature, records: Records
) -> None:
    """Show Typer the options of a command, those of its records, and the extra ones."""
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    own: list[inspect.Parameter] = []
    for each in signature.parameters.values():
        if each.name in records:
            own += map(parameter_of, records[each.name][1])
        else:
            own.append(each.replace(kind=keyword_only))
    extra = [
        inspect.Parameter(name, keyword_only, default=False, annotation=Annotated[bool, option])
        for name, option in _EXTRA_OPTIONS.items()
    ]
    flags = [flag for _, leaves in records.values() for leaf in leaves for flag in leaf.flags]
    twice = dict.fromkeys(flag for flag in flags if flags.count(flag) > 1)
    if twice:
        raise TypeError(f"{run.__name__}: two options have the flag {', '.join(twice)}")
    run.__signature__ = signature.replace(parameters=[*own, *extra])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in [*own, *extra]}
