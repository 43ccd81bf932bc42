"""k folds for cross-validation, each with a part that validates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellenhance.data.dataset.balancing import balance
from cellenhance.data.dataset.dealing import (
    Amounts,
    Unit,
    UnitAmounts,
    build_units,
    deal,
    reach_counts,
)
from cellenhance.data.dataset.manifest import SampleRow
from cellenhance.data.dataset.splits import (
    SplitRow,
    SplitSettings,
    SplitTable,
    choose_amounts,
    fraction_split,
    place_units,
)
from cellenhance.errors import DatasetError
from cellenhance.texts import counted


def make_split(
    samples: Sequence[SampleRow], settings: SplitSettings, amounts: Amounts | None = None
) -> SplitTable:
    """Return a split by fractions or, when `settings.folds` is set, k folds."""
    if settings.folds is not None:
        return kfold_split(samples, settings, amounts)
    return fraction_split(samples, settings, amounts)


def kfold_split(
    samples: Sequence[SampleRow], settings: SplitSettings, amounts: Amounts | None = None
) -> SplitTable:
    """Return `settings.folds` folds; each unit is held out in exactly one.

    What is held out tests, or, with ``val_from="test"``, tests and validates.

    Raises
    ------
    DatasetError
        There are fewer units than folds, or a fold leaves nothing to train, validate or test on.
    """
    k = settings.folds or 2
    units = build_units(samples, settings.group_by)
    if len(units) < k:
        raise DatasetError(
            f"{k} folds of {counted(len(units), 'independent group')}: expected at least one "
            "group per fold, ask for fewer folds"
        )
    held = choose_amounts(units, settings, amounts)
    rng = np.random.default_rng([settings.seed, 0])
    held_out = deal(units, (1 / k,) * k, held, rng)
    _leave_two(held_out)
    if settings.val_from == "test" and settings.val_count != 0 and settings.val_fraction:
        _give_two(held_out)
    balance(held_out, held, rng)
    rows: list[SplitRow] = []
    for fold, test in enumerate(held_out, start=1):
        taken = set(test)
        train = [unit for unit in units if unit not in taken]
        if settings.val_from == "test":
            test, val = carve([u for u in units if u in taken], settings, held, fold)
        else:
            train, val = carve(train, settings, held, fold)
        rows += place_units(samples, fold, [train, val, test])
    return SplitTable(settings.name, tuple(rows))


def carve(
    units: Sequence[Unit], settings: SplitSettings, amounts: UnitAmounts | None, fold: int
) -> tuple[list[Unit], list[Unit]]:
    """Divide a part of a fold into what it stays and what validates.

    Raises
    ------
    DatasetError
        There are too few units, or fewer images than shall validate.
    """
    n_images = sum(map(len, units))
    fraction = settings.val_fraction
    if settings.val_count is not None:
        fraction = min(1.0, settings.val_count / max(1, n_images))
    if fraction == 1 or len(units) < (2 if fraction else 1):
        kind = "train" if settings.val_from == "train" else "test"
        raise DatasetError(
            f"fold {fold} leaves {counted(n_images, 'image')} in {counted(len(units), 'group')} to "
            f"{kind} and validate on; ask for other folds, or for less or no validation (--val 0)"
        )
    rng = np.random.default_rng([settings.seed, fold])
    parts = deal(units, (1 - fraction, fraction), amounts, rng)
    reach_counts(parts, (None, settings.val_count))
    balance(parts, amounts, rng)
    return parts[0], parts[1]


def _give_two(parts: list[list[Unit]]) -> None:
    """Give each part two units, so that it can test and validate, as far as units go."""
    for part in parts:
        donor = max(parts, key=len)
        while len(part) < 2 < len(donor):
            smallest = min(donor, key=len)
            donor.remove(smallest)
            part.append(smallest)
            donor = max(parts, key=len)


def _leave_two(tests: list[list[Unit]]) -> None:
    """Move units, smallest first, until each fold leaves two to train and validate on."""
    largest = max(tests, key=len)
    while sum(map(len, tests)) - len(largest) < 2 and len(largest) > 2:
        smallest = min(largest, key=len)
        largest.remove(smallest)
        min(tests, key=len).append(smallest)
