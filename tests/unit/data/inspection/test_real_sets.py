"""What is wrong with real sets is found by `dataset inspect`, and nothing that is not wrong."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_mask
from cellenhance.data.files.writers import write_mask
from cellenhance.tasks.datasets.inspect import inspect_dataset
from cellenhance.tasks.datasets.requests import InspectRequest

pytestmark = pytest.mark.real_data

SETS = {
    "isbi2012": ("isbi2012/dataset --images train_img --masks train_label --class membrane=0 "
                 "--class interior=255", set()),
    # The background reads 1,400 to 3,900 counts, where an image spans 1,600 from dark to bright.
    "nist-phase": ("nist-phase/data --class background=0 --class cell=1", {"varying-background"}),
    "corneal-endothelium": ("corneal-endothelium --class interior=0,255 --class membrane=127",
                            set()),
    # Nucleoli reach 255 in every image.
    "nucleolus-3class": ("nucleolus-3class/Nucleolus --images train --masks train_masks "
                         "--class background=0 --class nucleolus=1 --class nucleoplasm=2",
                         {"saturated"}),
    # 112 and 139 are one image with two masks; 166 and 171, 167 and 169 are one cell cut out twice.
    "wbc-3class": ("'wbc-3class/Dataset 1' --class background=0 --class cytoplasm=128 "
                   "--class nucleus=255", {"duplicate", "near-duplicate", "saturated"}),
}  # fmt: skip


def prepare(name: str, real_data: Path, target: Path, cli: Callable[..., Any]) -> None:
    words = shlex.split(SETS[name][0])
    done = cli("dataset", "prepare", real_data / words[0], "-o", target, *words[1:])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("name", SETS)
def test_findings_are_what_is_known_of_the_set(
    name: str, real_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    prepare(name, real_data, tmp_path / "set", cli)
    report = inspect_dataset(InspectRequest(dataset=tmp_path / "set"))
    assert {each.code for each in report.problems.findings} == SETS[name][1] | {"no-split"}
    if name == "wbc-3class":
        duplicate = next(each for each in report.problems.findings if each.code == "duplicate")
        assert duplicate.sentence.startswith("equal images, 112 = 139 (the masks of 112 and 139")
        pairs = [(each.first, each.second) for each in report.problems.near_duplicates]
        assert pairs == [("166", "171"), ("167", "169")]


def test_a_real_mask_that_was_moved_is_the_only_one_named(
    real_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    prepare("isbi2012", real_data, tmp_path / "set", cli)
    dataset = load_dataset(tmp_path / "set")
    row = dataset.samples[7]
    write_mask(dataset.root / row.mask, np.roll(load_mask(dataset, row), (-5, 6), (0, 1)))
    (found,) = [
        each
        for each in inspect_dataset(InspectRequest(dataset=tmp_path / "set")).problems.findings
        if each.code == "mask-shift"
    ]
    assert found.ids == (row.id,)
