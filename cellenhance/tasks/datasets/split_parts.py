"""The parts of a split: what each holds, and what is odd about them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.dealing import Unit
from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.dataset.options import Subset
from cellenhance.data.dataset.samples import load_mask
from cellenhance.data.dataset.splits import SUBSETS, SplitSettings, SplitTable
from cellenhance.data.name_lists import name_some
from cellenhance.progress import ProgressCallback, silent
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

FEWEST_IMAGES = 3
"""Scores of fewer images say more of these images than of the model."""
_UNEVEN = 4 / 3
"""A class share that differs from that of the whole set by more than this factor is reported."""

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


def small_parts(subsets: Sequence[SubsetSummary]) -> list[str]:
    """Return in words which parts have fewer than 3 images; those without any are no parts.

    The test parts of folds are scored together, so one image in each is enough.
    """
    has_folds = len({each.fold for each in subsets}) > 1
    small: dict[tuple[Subset, int], list[int]] = {}
    for each in subsets:
        is_scored_whole = has_folds and each.subset == "test"
        if 0 < each.n_images < FEWEST_IMAGES and not is_scored_whole:
            small.setdefault((each.subset, each.n_images), []).append(each.fold)
    return [
        f"{_folds(folds, has_folds)}the {subset} part has {counted(n, 'image')}, {_MEANING[subset]}"
        for (subset, n), folds in small.items()
    ]


_MEANING: dict[Subset, str] = {
    "train": "too few to teach much",
    "val": "too few to choose the best epoch reliably",
    "test": "too few for scores to be reliable",
}


def uneven_parts(subsets: Sequence[SubsetSummary], counts: ClassCounts) -> list[str]:
    """Return in words where the class shares of a part differ much from those of the set.

    The test parts of folds are scored together and left out.
    """
    has_folds = len({each.fold for each in subsets}) > 1
    total = np.sum(list(counts.values()), axis=0)
    wanted = total / max(1, total.sum())
    found = []
    for each in subsets:
        for (name, share), whole in zip(each.class_shares.items(), wanted, strict=True):
            factor = max(share / whole, whole / max(share, 1e-9)) if whole else 1.0
            is_scored_whole = has_folds and each.subset == "test"
            if each.n_images and factor > _UNEVEN and not is_scored_whole:
                fold = f" of fold {each.fold}" if has_folds else ""
                text = f"{name} {_percent(share)} of {each.subset}{fold}, {_percent(whole)} of all"
                found.append((-factor, text))
    if not found:
        return []
    named = name_some([text for _, text in sorted(found)], 3, separator="; ")
    return [f"class shares differ between parts ({named})"]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _folds(folds: Sequence[int], has_folds: bool) -> str:
    if not has_folds:
        return ""
    return f"fold{'s' if len(folds) > 1 else ''} {name_some(list(map(str, folds)))}: "


def warn_of_empty_parts(
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
                "fold %d: the %s part should have %s, it has %d: groups stay whole",
                each.fold,
                each.subset,
                counted(wanted, "image"),
                each.n_images,
            )
        elif wanted is None and not each.n_images and asked[each.subset]:
            logger.warning(
                "fold %d: no image is left for the %s part: %s in all",
                each.fold,
                each.subset,
                counted(n_units, "independent group"),
            )


def warn_of_unseen_classes(
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
