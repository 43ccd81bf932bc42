"""The one door: every check runs, one that fails is named, and the whole must reach the floor."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests import run_all

ROOT = Path(__file__).parents[2]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that the door starts; those with "ruff" in them fail."""
    started: list[list[str]] = []

    def start(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        started.append(command[1:])
        return subprocess.CompletedProcess(command, int("ruff" in command))

    monkeypatch.setattr(subprocess, "run", start)
    return started


def test_every_check_runs_and_those_that_fail_are_named(
    commands: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_all.main([]) == 1
    assert len(commands) == len(run_all.CHECKS) == 5
    assert capsys.readouterr().err == "failed: ruff check, ruff format\n"


def test_the_whole_is_measured_and_a_part_is_not(commands: list[list[str]]) -> None:
    run_all.main([])
    assert "--cov" in commands[-1]
    run_all.main(["-k", "metrics"])
    assert commands[-1][-2:] == ["-k", "metrics"]
    assert "--cov" not in commands[-1]


def test_the_floor_is_of_branches_and_leaves_nothing_out() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    settings = project["tool"]["coverage"]
    assert settings["run"] == {"branch": True, "source": ["cellenhance"], "patch": ["subprocess"]}
    assert settings["report"]["fail_under"] >= 90
    assert not {"omit", "exclude_also", "exclude_lines"} & set(settings["report"])


def test_tests_are_type_checked_too() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["mypy"]["strict"]
    assert set(project["tool"]["mypy"]["packages"]) == {"cellenhance", "tests"}
