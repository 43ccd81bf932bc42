"""Commands and groups of commands as Typer runs them: their help, and wrong words that help.

A usage error is one line on stderr and exit code 2, as every other error is one line.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cellenhance.cli import console
from cellenhance.cli.help import render_help


class Command(TyperCommand):
    """A command whose help is `render_help`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(render_help(self, ctx))


class Group(TyperGroup):
    """A group of commands that answers a wrong word with the right one."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(render_help(self, ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first word names, or fail with those it may mean."""
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            ctx.fail(_unknown_command(ctx, word))
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program; words that it does not know are one line of an error."""
        try:
            result = super().main(
                args,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.TyperException as error:
            if not standalone_mode:
                raise
            _explain(error)
            sys.exit(error.exit_code)
        except typer.Abort:
            if not standalone_mode:
                raise
            sys.exit(1)
        if not standalone_mode:
            return result
        sys.exit(result if isinstance(result, int) else 0)


def _explain(error: typer.TyperException) -> None:
    """Show a usage error as one line, with the nearest right word and where to read more."""
    # Typer hands out none of its kinds of usage errors: they are told by their names.
    kind, parameter = type(error).__name__, getattr(error, "param", None)
    context = getattr(error, "ctx", None)
    if kind == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return
    option = getattr(error, "option_name", "")
    if context is not None and kind == "NoSuchOption":
        message = _unknown_option(context.command, option)
    elif kind == "MissingParameter" and parameter is not None:
        message = f"{_name_of(parameter)} is missing"
    elif kind == "BadOptionUsage" and "requires" in error.format_message():
        message = f"{option} needs a value"
    else:
        message = error.format_message().rstrip(".")
        message = f"{message[:1].lower()}{message[1:]}"
    help_of = "cellenhance" if context is None else context.command_path
    console.fail(f"{message}; see {help_of} --help")


def _name_of(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return str(max(parameter.opts, key=len))


def _unknown_option(command: Any, word: str) -> str:
    """Return what to say of an option that `command` does not have."""
    flags = [flag for parameter in command.params for flag in parameter.opts]
    flags = [flag for flag in flags if flag.startswith("--")]
    begin = [flag for flag in flags if word.startswith("--") and flag.startswith(word)]
    near = begin or difflib.get_close_matches(word, flags, n=1, cutoff=0.6)
    return f"no such option: {word}{_did_you_mean(near)}"


def _unknown_command(context: Any, word: str) -> str:
    """Return what to say of a word that is not a command of this group."""
    known = _all_commands(context.find_root().command)
    asked = word.lower().replace("_", "-")
    same = [path for path in known if asked in (path.split()[-1], path.replace(" ", "-"))]
    begin = [path for path in known if path.split()[-1].startswith(asked)]
    near = difflib.get_close_matches(asked, known, n=1, cutoff=0.6)
    lasts = [path.split()[-1] for path in known]
    near = near or [
        known[lasts.index(each)] for each in difflib.get_close_matches(asked, lasts, n=1)
    ]
    program = context.find_root().info_name
    found = [f"{program} {path}" for path in same or begin or near]
    place = context.command_path.removeprefix(str(program)).strip()
    where = f" of {place}" if place else ""
    return f"no such command{where}: {word}{_did_you_mean(found)}"


def _all_commands(group: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Return the words of every command, ``dataset prepare``."""
    found: list[str] = []
    for name, each in group.commands.items():
        below = (*path, name)
        found += _all_commands(each, below) if hasattr(each, "commands") else [" ".join(below)]
    return found


def _did_you_mean(words: Sequence[str]) -> str:
    if not words:
        return ""
    *others, last = words
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"
