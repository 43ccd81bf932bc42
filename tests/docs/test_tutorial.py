"""The tutorial: its commands run one after the other, small, and leave what the text names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "from-images-to-a-figure.md"
SMALLER = (
    (r"--n-images 24\b", "--n-images 6"),
    (r"--n-images 4\b", "--n-images 2"),
    (r"--size \d+", "--size 64"),
    (r"--epochs \d+ --batch-size \d+", "--epochs 1 --batch-size 2 --set recipe.crop_px=32"),
)
"""What a test has no time for; everything else is run as it stands."""
OF_ONE_SHELL = re.compile(r"[\\$`;&|<>(){}@#*?'!~%]")
WRITTEN = re.compile(r"`((?:data|figures|results|runs|practice|new)/[\w./-]+)`")


def commands() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_commands_mean_the_same_in_every_shell() -> None:
    for line in commands():
        assert line.startswith("cellenhance ")
        assert OF_ONE_SHELL.findall(line) == [], line


def test_the_tutorial_runs_and_leaves_what_it_names(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in commands():
        small = line
        for pattern, smaller in SMALLER:
            small = re.sub(pattern, smaller, small)
        done = cli(*shlex.split(small)[1:])
        assert done.exit_code == 0, f"{small}\n{done.stderr}"
    named = set(WRITTEN.findall(PAGE.read_text(encoding="utf-8")))
    assert len(named) >= 8
    assert [each for each in sorted(named) if not (tmp_path / each).exists()] == []
    assert len(list((tmp_path / "figures" / "paper").rglob("*.pdf"))) >= 2


def test_each_step_says_what_a_bad_sign_is() -> None:
    """Steps 2 to 9; the first only names a folder."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    steps = [each for each in sections if re.match(r"[2-9]\. ", each)]
    assert len(steps) == 8
    assert [each.splitlines()[0] for each in steps if "**Bad signs.**" not in each] == []
