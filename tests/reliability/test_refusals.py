"""A full disk, a failing one, a missing right at any change: one line that names the file.

A few changes of each command are chosen by a seeded generator; ``RELIABILITY_TRIALS`` raises their
number (0: every change of every command, which takes hours).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.commands import NAMES
from tests.reliability.conftest import Straight
from tests.reliability.harness import EXIT_CODES, Fault, check_whole, run

pytestmark = pytest.mark.reliability


@pytest.mark.parametrize("fault", ["full", "broken", "denied"])
@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_of_the_system_has_its_exit_code_and_leaves_whole_files(
    straight: Callable[[str], Straight], tmp_path: Path, name: str, fault: Fault
) -> None:
    usual = straight(name)
    for at in usual.chosen(fault, usually=1):
        place = tmp_path / f"failed-{at}"
        failed = run(usual.command.first(place), place, fault, at)
        where = f"change {at} of {usual.n_changes}: {failed.output}"
        check_whole(place)
        assert "Traceback" not in failed.output, where
        if failed.code == 0:
            # What failed was only the removal of something, which the next call makes up for.
            continue
        assert failed.code in {EXIT_CODES[fault], 4}, where
        # Where other images or runs were done all the same, the line stands above the last one.
        named = failed.error_lines if failed.code == 4 else failed.error_lines[-1:]
        assert any(str(place) in line for line in named), where
        shutil.rmtree(place, ignore_errors=True)
