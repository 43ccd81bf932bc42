"""Which sample trains, validates and tests: fractions or k folds, groups kept whole.

Samples that must stay together (a group, or equal images) are one unit; units are dealt to the
subsets so that every subset keeps its quota all along the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from cellenhance.data.dealing import Unit, build_units, deal
from cellenhance.data.manifest import Dataset, SampleRow, read_rows
from cellenhance.data.writers import write_csv
from cellenhance.errors import DatasetError, OutputExistsError, SettingsError
from cellenhance.settings import Settings

Subset = Literal["train", "val", "test"]
SUBSETS: tuple[Subset, ...] = get_args(Subset)
SPLIT_COLUMNS = ("id", "fold", "subset")
DEFAULT_SPLIT = "default"


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One sample's place in one fold; folds count from 1."""

    id: str
    fold: int
    subset: Subset


@dataclass(frozen=True, slots=True)
class SplitTable:
    """A named split: every fold gives each of its samples one subset."""

    name: str
    rows: tuple[SplitRow, ...]

    @property
    def n_folds(self) -> int:
        """Number of folds; 1 for a split by fractions."""
        return len({row.fold for row in self.rows})

    def subset(self, fold: int, subset: Subset) -> tuple[str, ...]:
        """Return the ids of one subset of one fold, in table order.

        Raises
        ------
        DatasetError
            The split has no such fold.
        """
        if not 1 <= fold <= self.n_folds:
            raise DatasetError(
                f"split '{self.name}' has no fold {fold}; its folds are 1 to {self.n_folds}"
            )
        return tuple(row.id for row in self.rows if (row.fold, row.subset) == (fold, subset))


class SplitSettings(Settings):
    """How to split.

    Attributes
    ----------
    fractions : shares of train, val, test; used without `folds`
    folds : number of folds, each the test part once; None splits by fractions
    val_fraction : share of what a fold leaves for training that validates
    group_by : "column" (samples.csv), "none", or a regular expression with one group on the id
    stratified : deal along the share of the rarest class rather than at random
    """

    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    folds: int | None = Field(default=None, ge=2)
    val_fraction: float = Field(default=0.125, ge=0, lt=1)
    group_by: str = "column"
    stratified: bool = True
    seed: int = Field(default=0, ge=0)
    name: str = Field(default=DEFAULT_SPLIT, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError(
                f"train, val and test are {self.fractions}; they must not be negative and sum to 1"
            )
        if self.fractions[0] == 0:
            raise ValueError("the training part must not be empty")
        return self


Shares = Mapping[str, Sequence[float]]
"""Class shares of each sample by id, in class order; NaN-free."""


def make_split(
    samples: Sequence[SampleRow], settings: SplitSettings, shares: Shares | None = None
) -> SplitTable:
    """Return a split by fractions or, when `settings.folds` is set, k folds."""
    if settings.folds is not None:
        return kfold_split(samples, settings, shares)
    return fraction_split(samples, settings, shares)


def fraction_split(
    samples: Sequence[SampleRow], settings: SplitSettings, shares: Shares | None = None
) -> SplitTable:
    """Return one fold with train, val and test in the given fractions.

    Parameters
    ----------
    shares : class shares by id; needed when `settings.stratified`, else ignored

    Notes
    -----
    From 3 units on no subset with a fraction above 0 is empty.
    """
    units = build_units(samples, settings.group_by)
    rng = np.random.default_rng([settings.seed, 0])
    parts = deal(units, settings.fractions, _scores(units, settings, shares), rng)
    rows = _rows(samples, 1, parts)
    return SplitTable(settings.name, tuple(rows))


def kfold_split(
    samples: Sequence[SampleRow], settings: SplitSettings, shares: Shares | None = None
) -> SplitTable:
    """Return `settings.folds` folds; each unit is in the test part of exactly one.

    Raises
    ------
    DatasetError
        There are fewer units than folds, or a fold leaves nothing to train or validate on.
    """
    k = settings.folds or 2
    units = build_units(samples, settings.group_by)
    if len(units) < k:
        raise DatasetError(
            f"{k} folds of {len(units)} independent group(s): expected at least one group a fold, "
            "ask for fewer folds"
        )
    scores = _scores(units, settings, shares)
    rng = np.random.default_rng([settings.seed, 0])
    tests = deal(units, (1 / k,) * k, scores, rng)
    _leave_two(tests)
    rows: list[SplitRow] = []
    for fold, test in enumerate(tests, start=1):
        taken = set(test)
        rest = [
            (unit, score) for unit, score in zip(units, scores, strict=True) if unit not in taken
        ]
        if len(rest) < (2 if settings.val_fraction else 1):
            raise DatasetError(
                f"fold {fold} leaves {len(rest)} group(s) to train and validate on; ask for other "
                "folds, or no validation part (--val 0)"
            )
        rng = np.random.default_rng([settings.seed, fold])
        fractions = (1 - settings.val_fraction, settings.val_fraction)
        train, val = deal([u for u, _ in rest], fractions, [s for _, s in rest], rng)
        rows += _rows(samples, fold, [train, val, test])
    return SplitTable(settings.name, tuple(rows))


def _leave_two(tests: list[list[Unit]]) -> None:
    """Move units, smallest first, until each fold leaves two to train and validate on."""
    largest = max(tests, key=len)
    while sum(map(len, tests)) - len(largest) < 2 and len(largest) > 2:
        smallest = min(largest, key=len)
        largest.remove(smallest)
        min(tests, key=len).append(smallest)


def _scores(units: Sequence[Unit], settings: SplitSettings, shares: Shares | None) -> list[float]:
    """Return what units are dealt along: the share of the rarest class, or nothing."""
    if not settings.stratified or shares is None:
        return [0.0] * len(units)
    table = np.array([np.mean([shares[each] for each in unit], axis=0) for unit in units])
    totals = table.sum(axis=0)
    rarest = int(np.argmin(np.where(totals > 0, totals, np.inf)))
    return [float(score) for score in table[:, rarest]]


def _rows(
    samples: Sequence[SampleRow], fold: int, parts: Sequence[Sequence[Unit]]
) -> list[SplitRow]:
    place = {
        each: subset
        for subset, units in zip(SUBSETS, parts, strict=True)
        for unit in units
        for each in unit
    }
    return [SplitRow(sample.id, fold, place[sample.id]) for sample in samples]


def split_path(root: Path, name: str) -> Path:
    """Return where a split lies; SettingsError when the name could leave the folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", name):
        raise SettingsError(f"split name {name!r}: expected letters, digits, '_', '-' and '.'")
    return root / "splits" / f"{name}.csv"


def split_names(root: Path) -> list[str]:
    """Return the names of the splits of a dataset folder."""
    return sorted(path.stem for path in (root / "splits").glob("*.csv"))


def load_split(dataset: Dataset, name: str = DEFAULT_SPLIT) -> SplitTable:
    """Return a split of the dataset.

    Raises
    ------
    DatasetError
        There is no such split, or it names unknown samples, or a sample twice in a fold.
    """
    path = split_path(dataset.root, name)
    if not path.is_file():
        known = ", ".join(split_names(dataset.root)) or "none"
        raise DatasetError(
            f"{path}: there is no split '{name}' (splits here: {known}); make one with "
            f"cellenhance dataset split {dataset.root} --name {name}"
        )
    known_ids = {sample.id for sample in dataset.samples}
    rows: list[SplitRow] = []
    seen: set[tuple[str, int]] = set()
    for line, row in enumerate(read_rows(path, SPLIT_COLUMNS), start=2):
        if row["subset"] not in SUBSETS or not re.fullmatch(r"[1-9][0-9]{0,5}", row["fold"]):
            raise DatasetError(
                f"{path}, line {line}: fold {row['fold']!r}, subset {row['subset']!r}; expected a "
                "fold from 1 on and train, val or test"
            )
        parsed = SplitRow(row["id"], int(row["fold"]), row["subset"])
        if parsed.id not in known_ids or (parsed.id, parsed.fold) in seen:
            wrong = (
                "stands twice in its fold" if parsed.id in known_ids else "is not in samples.csv"
            )
            raise DatasetError(f"{path}, line {line}: sample '{parsed.id}' {wrong}; split again")
        seen.add((parsed.id, parsed.fold))
        rows.append(parsed)
    table = SplitTable(name, tuple(rows))
    if {row.fold for row in rows} != set(range(1, table.n_folds + 1)) or not rows:
        raise DatasetError(f"{path}: folds must count 1, 2, 3 ...; split again")
    return table


def save_split(dataset: Dataset, table: SplitTable, *, overwrite: bool = False) -> Path:
    """Write a split and return its path; OutputExistsError when it exists."""
    path = split_path(dataset.root, table.name)
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path}: split '{table.name}' exists; choose another --name or give --overwrite"
        )
    write_csv(path, SPLIT_COLUMNS, [astuple(row) for row in table.rows])
    return path
