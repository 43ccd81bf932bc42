"""A named split of a dataset: who trains, validates and tests."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.dealing import Unit, build_units
from cellenhance.data.dataset.fixed_split import (
    SplitLists,
    complete_lists,
    find_shared_groups,
    read_lists,
    read_split_table,
)
from cellenhance.data.dataset.folds import make_split
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.options import GivenSplitOptions, PartOptions, Subset
from cellenhance.data.dataset.samples import load_mask
from cellenhance.data.dataset.splits import (
    SUBSETS,
    SplitSettings,
    SplitTable,
    save_split,
    split_path,
)
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError, OutputExistsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import validate_settings
from cellenhance.tasks.datasets.requests import SplitRequest

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


def split_dataset(request: SplitRequest, progress: ProgressCallback = silent) -> SplitResult:
    """Split a dataset and write ``splits/<name>.csv``.

    Raises
    ------
    SettingsError
        Shares do not add up, or the name is not one of a file.
    DatasetError
        The folder is no dataset, a mask is damaged, there are too few groups, or a list does not
        fit the dataset or divides a group.
    OutputExistsError
        A split of that name exists and overwriting was not asked for.
    """
    settings, lists = _settings(request), _lists(request)
    dataset = load_dataset(request.dataset)
    target = split_path(dataset.root, settings.name)
    if target.exists() and not request.overwrite:
        raise OutputExistsError(
            f"{target}: split '{settings.name}' exists; choose another --name or give --overwrite"
        )
    counts = count_classes(dataset, progress)
    is_drawn = not lists.given() and request.given.table is None
    if is_drawn:
        amounts = {each: tuple(map(float, n)) for each, n in counts.items()}
        table = make_split(dataset.samples, settings, amounts)
    else:
        table = _given_split(dataset, settings, lists, request.given)
    units = build_units(dataset.samples, settings.group_by)
    subsets = summarize_split(dataset, table, counts, units)
    save_split(dataset, table, overwrite=request.overwrite)
    if is_drawn:
        _warn_of_empty_parts(settings, subsets, len(units))
    _warn_of_unseen_classes(dataset, subsets, counts)
    return SplitResult(dataset, table, target, subsets)


def _lists(request: SplitRequest) -> SplitLists:
    given = request.given
    return SplitLists(given.train_list, given.val_list, given.test_list)


def _settings(request: SplitRequest) -> SplitSettings:
    """Return the settings of the draw, with the shares that are left open filled in."""
    parts = request.parts
    values: dict[str, Any] = {
        "folds": request.folds,
        "group_by": request.group_by,
        "stratified": request.stratified,
        "seed": request.seed,
        "name": request.name,
        "val_count": parts.val_count,
        "test_count": parts.test_count,
        "val_from": parts.val_from,
    }
    if request.folds is not None or _lists(request).given():
        default = 0.0 if request.given.train_list is not None else 0.125
        values["val_fraction"] = default if parts.val is None else parts.val
    elif request.given.table is None:
        values["fractions"] = _fractions(parts)
    return validate_settings(SplitSettings, values, where="the options of split")


def _fractions(parts: PartOptions) -> tuple[float, float, float]:
    """Return the shares of train, val and test; beside counts the rest trains."""
    val = 0.1 if parts.val is None else parts.val
    test = 0.2 if parts.test is None else parts.test
    if parts.train is not None:
        return parts.train, val, test
    return 1 - val - test if parts.val_count or parts.test_count else 0.7, val, test


def _given_split(
    dataset: Dataset, settings: SplitSettings, lists: SplitLists, given: GivenSplitOptions
) -> SplitTable:
    if given.table is not None:
        table = read_split_table(dataset, given.table, settings.name)
    else:
        table = read_lists(dataset, lists, settings.name)
        table = complete_lists(dataset, table, lists, settings)
    listed = {row.id for row in table.rows}
    left_out = [row.id for row in dataset.samples if row.id not in listed]
    if left_out:
        logger.warning(
            "%d sample(s) stand in no list and are left out of the split: %s",
            len(left_out),
            name_some(left_out),
        )
    shared = find_shared_groups(dataset, table)
    if shared and not given.allow_shared_groups:
        raise DatasetError(
            f"images of one group, or equal images, stand in several subsets ({shared[0]}"
            f"{f' and {len(shared) - 1} more' if len(shared) > 1 else ''}): scores would look "
            "better than they are; put them on one side, or give --allow-shared-groups"
        )
    if shared:
        logger.warning(
            "%d group(s) stand in several subsets, as was allowed: scores look better than they "
            "are (%s)",
            len(shared),
            name_some(shared, separator="; "),
        )
    return table


def _warn_of_empty_parts(
    settings: SplitSettings, subsets: Sequence[SubsetSummary], n_units: int
) -> None:
    """Say which parts got no image, or another number than was asked for."""
    asked = dict(zip(SUBSETS, settings.fractions, strict=True))
    if settings.folds is not None:
        asked = {"train": 1.0, "val": settings.val_fraction, "test": 1.0}
    counts = {"val": settings.val_count, "test": settings.test_count}
    for each in subsets:
        wanted = counts.get(each.subset)
        if wanted is not None and each.n_images != wanted:
            logger.warning(
                "fold %d: %d image(s) were asked for the %s part, it has %d: groups stay whole",
                each.fold,
                wanted,
                each.subset,
                each.n_images,
            )
        elif wanted is None and not each.n_images and asked[each.subset]:
            logger.warning(
                "fold %d: no image is left for the %s part: %d independent group(s) in all",
                each.fold,
                each.subset,
                n_units,
            )


def _warn_of_unseen_classes(
    dataset: Dataset, subsets: Sequence[SubsetSummary], counts: ClassCounts
) -> None:
    """Say which classes training never sees."""
    total = sum(counts.values(), np.zeros(len(dataset.class_names)))
    for each in subsets:
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
