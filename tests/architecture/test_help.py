"""Every ``--help``: free of slow imports, and with a worked example."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer

from cellenhance.cli.app import app

SLOW = ("torch", "kornia", "scipy", "skimage", "matplotlib")

# Runs in a process of its own: this one has imported torch for other tests.
SHOW_ALL = """
import json, sys
from typer.testing import CliRunner
from cellenhance.cli.app import app
shown = {}
for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, words)
    slow = sorted(set(sys.modules) & set(SLOW))
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
    """Exit code, output and slow modules after each ``--help`` and each unknown option."""
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
