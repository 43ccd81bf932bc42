"""A record of options on the command line: expanded into flags, handed over validated."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from cellenhance.cli.invocation import command
from cellenhance.options import Options, Output, Overwrite, argument, group, option, words_of


class Inner(Options):
    title: ClassVar[str] = "Inner things"

    size: int = option(4, "Size in pixels.", limits={"ge": 2, "le": 9})
    names: tuple[str, ...] = option((), "Names.", flag="--name", metavar="NAME")


class Request(Options):
    source: Path = argument("What to read.", metavar="SOURCE")
    output: Output
    numbers: tuple[float, ...] = option((), "Numbers.", commas=True, metavar="A,B")
    overwrite: Overwrite = False
    internal: str = "unseen"
    inner: Inner = group(Inner, size=7)


def run(*words: str) -> tuple[Any, list[Any]]:
    """Run a command that takes a request, a group and an option of its own."""
    app = typer.Typer(pretty_exceptions_enable=False)
    taken: list[Any] = []

    @app.command()
    @command
    def work(request: Request, own: bool = typer.Option(False, "--own", help="Own.")) -> None:
        """Work."""
        taken.extend((request, own))

    return CliRunner().invoke(app, [*words]), taken


def test_without_words_the_defaults_of_the_request_count() -> None:
    done, taken = run("here", "-o", "there")
    assert done.exit_code == 0
    assert taken == [Request(source=Path("here"), output=Path("there")), False]
    assert taken[0].inner == Inner(size=7)


def test_words_become_one_validated_record() -> None:
    flags = ("--numbers", "1, 2.5", "--overwrite", "--size", "3", "--name", "a", "--name", "b")
    done, (request, own) = run("here", "-o", "there", *flags, "--own")
    assert done.exit_code == 0
    assert request == Request(
        source=Path("here"),
        output=Path("there"),
        numbers=(1, 2.5),
        overwrite=True,
        inner=Inner(size=3, names=("a", "b")),
    )
    assert own is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "1"), "error: --size 1: expected a whole number from 2 to 9\n"),
        (("--size", "big"), "error: --size big: expected a whole number from 2 to 9\n"),
        (("--numbers", "1,x"), "error: --numbers x: expected a number\n"),
    ],
)
def test_a_refusal_names_the_flag_and_exits_with_2(words: tuple[str, ...], message: str) -> None:
    done, taken = run("here", "-o", "there", *words)
    assert (done.exit_code, done.stderr, taken) == (2, message, [])


def test_the_help_shows_a_group_under_its_title() -> None:
    lines = run("--help")[0].stdout.splitlines()
    (title,) = [i for i, line in enumerate(lines) if "Inner things" in line]
    (size,) = [i for i, line in enumerate(lines) if "--size" in line]
    (output,) = [i for i, line in enumerate(lines) if "--output" in line]
    assert output < title < size
    assert "--internal" not in "".join(lines)


def test_two_options_of_one_flag_are_a_mistake_of_ours() -> None:
    def work(request: Request, again: Inner) -> None:
        """Work."""

    with pytest.raises(TypeError, match="--size, --name"):
        command(work)


@pytest.mark.parametrize(
    "request_",
    [
        Request(source=Path("here"), output=Path("there")),
        Request(source=Path("-x y"), output=Path("a b"), numbers=(0.1, 1e-9, 3), overwrite=True),
        Request(source=Path("s"), output=Path("o"), inner=Inner(size=2, names=("a,b", "c d"))),
    ],
)
def test_the_words_of_a_record_make_it_again(request_: Request) -> None:
    words = words_of(request_)
    done, taken = run(*words[1:], "--", words[0])
    assert done.exit_code == 0, done.stderr
    assert taken[0] == request_
