"""What the tests of this room share: inputs, and each command once without any fault."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.reliability.commands import Command, Inputs, list_commands, make_source
from tests.reliability.harness import run

_TRIALS = os.environ.get("RELIABILITY_TRIALS")
_SEED = 7


@dataclass(frozen=True, slots=True)
class Straight:
    """A command, and what it did where nothing went wrong."""

    command: Command
    place: Path
    n_changes: int

    def chosen(self, purpose: str, usually: int) -> list[int]:
        """Return the numbers of the changes that are to go wrong, `usually` so many."""
        everything = range(1, self.n_changes + 1)
        trials = usually if _TRIALS is None else int(_TRIALS)
        if not trials or self.n_changes <= trials:
            return list(everything)
        rng = random.Random(f"{_SEED} {purpose} {self.command.name}")
        return sorted(rng.sample(everything, trials))


@pytest.fixture(scope="session")
def inputs(tiny_dataset: Path, tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Return what the commands work on."""
    if sys.platform != "linux":
        pytest.skip("changes of the file system are watched through /proc, which Linux has")
    place = tmp_path_factory.mktemp("inputs")
    images = place / "images"
    images.mkdir()
    for path in sorted((tiny_dataset / "images").iterdir())[:3]:
        shutil.copy(path, images)
    return Inputs(make_source(place / "source"), tiny_dataset, tiny_run, images)


@pytest.fixture(scope="session")
def straight(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Straight]:
    """Return a function that runs a command by its name, once."""
    known: dict[str, Straight] = {}

    def by_name(name: str) -> Straight:
        if name not in known:
            command = next(each for each in list_commands(inputs) if each.name == name)
            place = tmp_path_factory.mktemp(name) / "straight"
            done = run(command.first(place), place)
            assert done.code == 0, done.output
            known[name] = Straight(command, place, done.n_changes)
        return known[name]

    return by_name
