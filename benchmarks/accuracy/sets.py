"""The image sets of the comparison: prepared, dimmed, and split by our own commands.

Test images are fixed by a seed of their own and are the same for all methods and seeds; the images
that train are drawn from the others by the seed of the run. Nothing is ever chosen on test images.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.splits import SplitRow, SplitTable, save_split, split_path

_TEST_SEED = 2024


@dataclass(frozen=True)
class ImageSet:
    """A set: its folder below CELLENHANCE_DATA, how it is prepared, how many images are kept."""

    name: str
    folder: str
    prepare: tuple[str, ...]
    n_test: int


SETS = {
    each.name: each
    for each in (
        ImageSet(
            "corneal-endothelium",
            "corneal-endothelium/Training_data",
            (
                *("--images", "org", "--masks", "gt", "--valid-mask", "field"),
                *("--class", "interior=0,255", "--class", "membrane=127"),
            ),
            6,
        ),
        ImageSet(
            "isbi2012",
            "isbi2012/dataset",
            (
                *("--images", "train_img", "--masks", "train_label"),
                *("--class", "membrane=0", "--class", "interior=255"),
            ),
            6,
        ),
        ImageSet(
            "nucleolus-3class",
            "nucleolus-3class",
            ("--class", "background=0", "--class", "nucleolus=1", "--class", "nucleoplasm=2"),
            6,
        ),
        ImageSet(
            "wbc-3class",
            "wbc-3class/Dataset 1",
            ("--class", "background=0", "--class", "cytoplasm=128", "--class", "nucleus=255"),
            40,
        ),
    )
}


def dimmed_set(name: str, photons: int | None, data: Path, work: Path) -> Path:
    """Return the dataset folder of a set at a dose (None: full light), made where it is missing."""
    chosen = SETS[name]
    full = work / "datasets" / name
    if not (full / "samples.csv").exists():
        call("dataset", "prepare", data / chosen.folder, "-o", full, *chosen.prepare, "-q")
    if photons is None:
        return full
    dim = work / "datasets" / f"{name}-{photons}"
    if not (dim / "samples.csv").exists():
        noise = ("--photons", photons, "--read-noise", 1, "--seed", 0)
        call("dataset", "degrade", full, "-o", dim, *noise, "-q")
    return dim


def draw_split(dataset: Path, name: str, n_images: int | None, seed: int) -> str:
    """Return the name of a split of `n_images` drawn images (None: all), the rest of them "val".

    The part called "val" is what screening is judged on; no training validates on it, since a user
    with five images would train on them.
    """
    loaded = load_dataset(dataset)
    split = f"{'all' if n_images is None else n_images}-seed-{seed}"
    if split_path(dataset, split).exists():
        return split
    ids = sorted(row.id for row in loaded.samples)
    shuffled = np.random.default_rng(_TEST_SEED).permutation(ids).tolist()
    test, pool = shuffled[: SETS[name].n_test], sorted(shuffled[SETS[name].n_test :])
    train = np.random.default_rng([seed, 1]).permutation(pool).tolist()[:n_images]
    rows = [SplitRow(each, 1, "train" if each in train else "test") for each in (*train, *test)]
    save_split(loaded, SplitTable(split, tuple(rows)))
    return split


def screening_ids(dataset: Path, name: str, split: str) -> tuple[str, ...]:
    """Return the images that neither train nor test in a split: what screening is judged on."""
    from cellenhance.data.dataset.splits import load_split

    loaded = load_dataset(dataset)
    table = load_split(loaded, split)
    used = {*table.subset(1, "train"), *table.subset(1, "test")}
    return tuple(row.id for row in loaded.samples if row.id not in used)[: SETS[name].n_test]


def call(*words: object) -> None:
    """Run a cellenhance command."""
    command = [sys.executable, "-m", "cellenhance", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
