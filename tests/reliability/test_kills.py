"""Kill -9 at any change of the file system: what is there is whole, and the next call finishes.

A few changes of each command are chosen by a seeded generator; ``RELIABILITY_TRIALS`` raises their
number (0: every change of every command, which takes hours).
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.commands import NAMES, Inputs, list_commands
from tests.reliability.conftest import Straight
from tests.reliability.harness import check_whole, run, temporaries

pytestmark = pytest.mark.reliability


def names_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_every_command_that_writes_is_in_the_list(inputs: Inputs) -> None:
    assert tuple(each.name for each in list_commands(inputs)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_command_leaves_whole_files_and_the_next_call_finishes(
    straight: Callable[[str], Straight], tmp_path: Path, name: str
) -> None:
    usual = straight(name)
    for at in usual.chosen("kill", usually=2):
        place = tmp_path / f"killed-{at}"
        killed = run(usual.command.first(place), place, "kill", at)
        assert killed.code == -signal.SIGKILL, killed.output
        check_whole(place)
        again = run(usual.command.second(place), place)
        assert again.code == 0, f"after a kill at change {at}: {again.output}"
        check_whole(place)
        assert temporaries(place / usual.command.output) == []
        assert names_below(place) == names_below(usual.place)
        shutil.rmtree(place)
