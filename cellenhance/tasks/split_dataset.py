"""A named split of a dataset: who trains, validates and tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
    save_split(dataset, table, overwrite=overwrite)
    return SplitResult(dataset, table, target, summarize_split(dataset, table, counts))


def count_classes(
    dataset: Dataset, progress: ProgressCallback = silent
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the labelled pixels of each class, by sample id, in class order."""
    counts = {}
    for done, row in enumerate(dataset.samples, start=1):
        mask = load_mask(dataset, row)
        counts[row.id] = np.bincount(mask.ravel(), minlength=256)[: len(dataset.class_names)]
        progress(done, len(dataset.samples), "counting classes")
    return counts


def summarize_split(
    dataset: Dataset,
    table: SplitTable,
    counts: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]],
) -> tuple[SubsetSummary, ...]:
    """Return counts and pooled class shares of every subset of every fold."""
    group_of = {row.id: row.group for row in dataset.samples}
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
