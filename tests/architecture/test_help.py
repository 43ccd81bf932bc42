"""Every ``--help``: free of slow imports, readable on any screen, its worked example last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cellenhance.cli.app import app

SLOW = ("torch", "numpy", "kornia", "scipy", "skimage", "matplotlib")

# Runs in a process of its own: this one has imported torch for other tests.
SHOW_ALL = """
import json, sys
from typer.testing import CliRunner
from cellenhance.cli.app import app
from cellenhance.settings import Settings
def models_below(base):
    return [x for each in base.__subclasses__() for x in (each, *models_below(each))]
shown = {}
for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, words)
    slow = sorted(set(sys.modules) & set(SLOW))
    slow += [each.__name__ for each in models_below(Settings) if each.__pydantic_complete__]
    shown[" ".join(words)] = [result.exit_code, result.output, slow]
json.dump(shown, sys.stdout)
"""


def commands(group: Any = None, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the leaf commands by their words, "dataset prepare"."""
    group = typer.main.get_command(app) if group is None else group
    found = {}
    for name, each in group.commands.items():
        below = (*path, name)
        found.update(
            commands(each, below) if hasattr(each, "commands") else {" ".join(below): each}
        )
    return found


COMMANDS = commands()


@pytest.fixture(scope="module")
def shown() -> dict[str, tuple[int, str, list[str]]]:
    """Exit code, output and what slows after each ``--help`` and each unknown option.

    Slow are some modules, and records of options whose checks were built, which takes as long.
    """
    calls = [["--help"], ["--no-such-option"]]
    calls += [[*name.split(), option] for name in COMMANDS for option in calls[0] + calls[1]]
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", f"SLOW = {SLOW!r}\n{SHOW_ALL}"],
        input=json.dumps(calls),
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    values: dict[str, tuple[int, str, list[str]]] = json.loads(done.stdout)
    return values


@pytest.mark.parametrize("words", ["", *COMMANDS])
def test_help_is_shown_without_slow_imports(words: str, shown: dict[str, Any]) -> None:
    exit_code, output, slow = shown[f"{words} --help".strip()]
    assert exit_code == 0
    assert slow == []
    assert f"Example: cellenhance {words}".rstrip() in " ".join(output.split())


@pytest.mark.parametrize("words", ["", *COMMANDS])
def test_a_usage_error_exits_with_2_without_slow_imports(words: str, shown: dict[str, Any]) -> None:
    exit_code, output, slow = shown[f"{words} --no-such-option".strip()]
    assert exit_code == 2
    assert "--no-such-option" in output
    assert slow == []


@pytest.mark.parametrize("words", COMMANDS)
def test_the_description_ends_with_a_worked_example(words: str) -> None:
    last = (COMMANDS[words].help or "").strip().split("\n\n")[-1]
    assert last.startswith(f"Example: cellenhance {words}")


@pytest.fixture(scope="module", params=[60, 80])
def narrow(request: pytest.FixtureRequest) -> tuple[int, dict[str, str]]:
    """A width, and the help of every command on a terminal of that width."""
    runner, width = CliRunner(), int(request.param)
    env = {"COLUMNS": str(width), "NO_COLOR": "1", "TERM": "dumb"}
    return width, {
        words: runner.invoke(app, [*words.split(), "--help"], env=env).stdout
        for words in ["", "dataset", *COMMANDS]
    }


def test_no_line_is_wider_than_the_terminal(narrow: tuple[int, dict[str, str]]) -> None:
    width, shown = narrow
    lines = [line for text in shown.values() for line in text.splitlines()]
    assert [line for line in lines if len(line) > width] == []
    # Nothing is cut off: an ellipsis in place of words would be.
    assert [line for line in lines if "\N{HORIZONTAL ELLIPSIS}" in line] == []


def test_the_example_is_the_last_thing_on_the_screen(narrow: tuple[int, dict[str, str]]) -> None:
    for words, text in narrow[1].items():
        last = " ".join(text.split("\n\n")[-1].split())
        assert last.startswith(f"Example: cellenhance {words}".rstrip())


def test_types_are_words_and_flags_have_none(narrow: tuple[int, dict[str, str]]) -> None:
    text = "".join(narrow[1].values())
    assert [word for word in ("<bool>", "<int>", "<str>", "range]", "{") if word in text] == []


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_has_few_options_of_its_own(words: str) -> None:
    own = [
        each.name
        for each in COMMANDS[words].params
        if each.param_type_name == "option" and not each.rich_help_panel and each.name != "help"
    ]
    assert len(own) <= 12


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_has_help(words: str) -> None:
    assert [each.name for each in COMMANDS[words].params if not (each.help or "").strip()] == []
