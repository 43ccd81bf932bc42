"""CONTRIBUTING.md: its layers are those of the contract, its walk-throughs are short and true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = dict(re.findall(r"^## (Add [^\n]*)\n(.*?)(?=^## )", TEXT, flags=re.MULTILINE | re.DOTALL))
PATH = re.compile(r"`([\w.<>-]+/[\w./<>-]+|models\.yaml)`")
PLACEHOLDER = re.compile(r"<\w+>")


def contract(name: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [
        each["layers"]
        for each in project["tool"]["importlinter"]["contracts"]
        if each["name"] == name
    ]
    return list(layers)


def test_the_layers_are_those_of_the_import_contract() -> None:
    assert f"`{' > '.join(contract('imports go down only'))}`" in TEXT


def test_there_is_a_walk_for_each_thing_that_is_added() -> None:
    things = ("a model", "a loss", "an importer", "a metric", "a command", "an output of predict")
    assert list(WALKS) == [f"Add {thing}" for thing in things]


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_names_at_most_four_files_and_they_are_there(walk: str) -> None:
    steps = re.findall(r"^\d+\. (.*)$", WALKS[walk], flags=re.MULTILINE)
    named = list(dict.fromkeys(PATH.findall(WALKS[walk])))
    assert 1 <= len(steps) <= 4
    assert all(PATH.match(step) for step in steps)
    assert len(named) == len(steps)
    for path in named:
        found = list(ROOT.glob(PLACEHOLDER.sub("*", path)))
        assert found, path
