"""A named split of a dataset: who trains, validates and tests."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dealing import Unit, build_units
from cellenhance.data.manifest import Dataset, load_dataset
from cellenhance.data.samples import load_mask
from cellenhance.data.splits import (
    SUBSETS,
    SplitSettings,
    SplitTable,
    Subset,
    make_split,
    save_split,
    split_path,
)
from cellenhance.errors import OutputExistsError
from cellenhance.progress import ProgressCallback, silent

logger = logging.getLogger(__name__)

ClassCounts = dict[str, NDArray[np.int64]]
"""Labelled pixels of each class, in class order, by sample id."""


@dataclass(frozen=True, slots=True)
class SubsetSummary:
    """Images, groups and class shares (of labelled pixels) of one subset of one fold."""

    fold: int
    subset: Subset
    n_images: int
    n_groups: int
    class_shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The split as written, with a summary a subset."""

    dataset: Dataset
    table: SplitTable
    path: Path
    subsets: tuple[SubsetSummary, ...]


def split_dataset(
    path: Path,
    settings: SplitSettings,
    *,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> SplitResult:
    """Split the dataset in folder `path` and write ``splits/<name>.csv``.

    Raises
    ------
    DatasetError
        The folder is no dataset, a mask is damaged, or there are too few groups.
    OutputExistsError
        A split of that name exists and `overwrite` is not given.
    """
    dataset = load_dataset(path)
    target = split_path(dataset.root, settings.name)
    if target.exists() and not overwrite:
        raise OutputExistsError(
            f"{target}: split '{settings.name}' exists; choose another --name or give --overwrite"
        )
    counts = count_classes(dataset, progress)
    shares = {each: tuple(n / max(1, n.sum())) for each, n in counts.items()}
    table = make_split(dataset.samples, settings, shares)
    units = build_units(dataset.samples, settings.group_by)
    subsets = summarize_split(dataset, table, counts, units)
    save_split(dataset, table, overwrite=overwrite)
    _warn_of_gaps(dataset, settings, subsets, counts, len(units))
    return SplitResult(dataset, table, target, subsets)


def _warn_of_gaps(
    dataset: Dataset,
    settings: SplitSettings,
    subsets: Sequence[SubsetSummary],
    counts: ClassCounts,
    n_units: int,
) -> None:
    """Say which parts got no image though they were asked for, and what training never sees."""
    asked = dict(zip(SUBSETS, settings.fractions, strict=True))
    if settings.folds is not None:
        asked = {"train": 1.0, "val": settings.val_fraction, "test": 1.0}
    total = sum(counts.values(), np.zeros(len(dataset.class_names)))
    for each in subsets:
        if not each.n_images and asked[each.subset]:
            logger.warning(
                "fold %d: no image is left for the %s part: %d independent group(s) in all",
                each.fold,
                each.subset,
                n_units,
            )
        for name, n_pixels in zip(dataset.class_names, total, strict=True):
            if each.subset == "train" and n_pixels and not each.class_shares[name]:
                logger.warning(
                    "fold %d: no training image has class %s, so it cannot be learned; try "
                    "another --seed, or annotate it in more images",
                    each.fold,
                    name,
                )


def count_classes(dataset: Dataset, progress: ProgressCallback = silent) -> ClassCounts:
    """Return the labelled pixels of each class, by sample id, in class order."""
    counts = {}
    for done, row in enumerate(dataset.samples, start=1):
        mask = load_mask(dataset, row)
        counts[row.id] = np.bincount(mask.ravel(), minlength=256)[: len(dataset.class_names)]
        progress(done, len(dataset.samples), "counting classes")
    return counts


def summarize_split(
    dataset: Dataset, table: SplitTable, counts: ClassCounts, units: Sequence[Unit]
) -> tuple[SubsetSummary, ...]:
    """Return counts and pooled class shares of every subset of every fold.

    `units` are the ids that stay together; each is one group.
    """
    group_of = {each: index for index, unit in enumerate(units) for each in unit}
    summaries = []
    for fold in range(1, table.n_folds + 1):
        for subset in SUBSETS:
            ids = table.subset(fold, subset)
            total = sum((counts[each] for each in ids), np.zeros(len(dataset.class_names)))
            pooled = total / max(1, total.sum())
            shares = {
                name: float(share) for name, share in zip(dataset.class_names, pooled, strict=True)
            }
            n_groups = len({group_of[each] for each in ids})
            summaries.append(SubsetSummary(fold, subset, len(ids), n_groups, shares))
    return tuple(summaries)
