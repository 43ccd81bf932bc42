"""Which sample trains, validates and tests: by fractions or counts, groups kept whole.

Samples that must stay together (a group, or equal images) are one unit; units are dealt to the
subsets so that every subset keeps its quota all along the line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from pydantic import Field, field_validator, model_validator

from cellenhance.data.dataset.balancing import balance
from cellenhance.data.dataset.dealing import (
    Amounts,
    Unit,
    UnitAmounts,
    build_units,
    deal,
    reach_counts,
    unit_amounts,
)
from cellenhance.data.dataset.manifest import Dataset, SampleRow, read_rows
from cellenhance.data.dataset.options import DEFAULT_SPLIT as DEFAULT_SPLIT
from cellenhance.data.dataset.options import Subset as Subset
from cellenhance.data.files.writers import write_csv
from cellenhance.errors import DatasetError, OutputExistsError, SettingsError
from cellenhance.settings import Settings

SUBSETS: tuple[Subset, ...] = get_args(Subset)
SPLIT_COLUMNS = ("id", "fold", "subset")


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
    val_count, test_count : numbers of images in place of shares; the rest trains. With folds,
        `val_count` is for each fold
    val_from : "train" takes what validates from the training images of a fold, "test" from the part
        that is held out (each sample then tests or validates in one fold)
    group_by : "column" (samples.csv), "none", or a regular expression with one group on the id
    stratified : give all parts about the same class shares rather than deal at random
    """

    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    folds: int | None = Field(default=None, ge=2)
    val_fraction: float = Field(default=0.125, ge=0, lt=1)
    val_count: int | None = Field(default=None, ge=0)
    test_count: int | None = Field(default=None, ge=0)
    val_from: Literal["train", "test"] = "train"
    group_by: str = "column"
    stratified: bool = True
    seed: int = Field(default=0, ge=0)
    name: str = DEFAULT_SPLIT

    @field_validator("name")
    @classmethod
    def _is_file_name(cls, name: str) -> str:
        if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", name) is None:
            raise ValueError("expected up to 80 letters, digits, '-', '_' and '.', no '.' first")
        return name

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError(
                f"train, val and test are {self.fractions}; they must not be negative and sum to 1"
            )
        if self.fractions[0] == 0:
            raise ValueError("the training part must not be empty")
        if self.folds is not None and self.test_count is not None:
            raise ValueError("the folds set the test part; leave out the count of test images")
        if self.folds is None and self.val_from == "test":
            raise ValueError("val_from test is for folds; give their number")
        return self


def fraction_split(
    samples: Sequence[SampleRow], settings: SplitSettings, amounts: Amounts | None = None
) -> SplitTable:
    """Return one fold with train, val and test in the given fractions.

    Parameters
    ----------
    amounts : of each class by id; needed when `settings.stratified`, else ignored

    Notes
    -----
    From 3 units on no subset with a fraction above 0 is empty.
    """
    units = build_units(samples, settings.group_by)
    rng = np.random.default_rng([settings.seed, 0])
    fractions = _count_fractions(len(samples), settings)
    held = choose_amounts(units, settings, amounts)
    parts = deal(units, fractions, held, rng)
    reach_counts(parts, (None, settings.val_count, settings.test_count))
    balance(parts, held, rng)
    return SplitTable(settings.name, tuple(place_units(samples, 1, parts)))


def _count_fractions(n_images: int, settings: SplitSettings) -> tuple[float, float, float]:
    """Return the shares of train, val and test, those asked for by number among them."""
    _, val, test = settings.fractions
    val = val if settings.val_count is None else settings.val_count / n_images
    test = test if settings.test_count is None else settings.test_count / n_images
    if val + test >= 1:
        raise DatasetError(
            f"{round((val + test) * n_images)} of {n_images} images are asked for validation and "
            "test; none is left to train, ask for fewer"
        )
    if (settings.val_count, settings.test_count) == (None, None):
        return settings.fractions
    return 1 - val - test, val, test


def choose_amounts(
    units: Sequence[Unit], settings: SplitSettings, amounts: Amounts | None
) -> UnitAmounts | None:
    """Return what units are dealt along: their classes where that is asked for, or nothing."""
    return unit_amounts(units, amounts) if settings.stratified and amounts is not None else None


def place_units(
    samples: Sequence[SampleRow], fold: int, parts: Sequence[Sequence[Unit]]
) -> list[SplitRow]:
    """Return the rows of one fold, in the order of the samples, from its train, val and test."""
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
            + shlex.join(["cellenhance", "dataset", "split", str(dataset.root), "--name", name])
        )
    known_ids = {sample.id for sample in dataset.samples}
    rows: list[SplitRow] = []
    for line, row in enumerate(read_rows(path, SPLIT_COLUMNS), start=2):
        if row["id"] not in known_ids:
            raise DatasetError(
                f"{path}, line {line}: sample '{row['id']}' is not in samples.csv; split again"
            )
        rows.append(parse_split_row(row["id"], row["fold"], row["subset"], f"{path}, line {line}"))
    check_rows(rows, path)
    return SplitTable(name, tuple(rows))


def rows_of_subset(dataset: Dataset, split: str, subset: str) -> tuple[SampleRow, ...]:
    """Return the samples of a subset of the first fold of a split.

    Raises
    ------
    DatasetError
        There is no such split, or the subset is empty.
    SettingsError
        There is no such subset.
    """
    known = next((each for each in SUBSETS if each == subset), None)
    if known is None:
        raise SettingsError(f"--subset {subset}: expected one of {', '.join(SUBSETS)}")
    table = load_split(dataset, split)
    chosen = set(table.subset(1, known))
    if not chosen:
        raise DatasetError(f"split '{table.name}' has no {subset} samples; choose another --subset")
    return tuple(row for row in dataset.samples if row.id in chosen)


def parse_split_row(sample_id: str, fold: str, subset: str, where: str) -> SplitRow:
    """Return a row of a split from its three texts; DatasetError saying `where` when it is none."""
    if subset not in SUBSETS or not re.fullmatch(r"[1-9][0-9]{0,5}", fold):
        raise DatasetError(
            f"{where}: fold {fold!r}, subset {subset!r}; expected a fold from 1 on and train, val "
            "or test"
        )
    return SplitRow(sample_id, int(fold), subset)


def check_rows(rows: Sequence[SplitRow], path: Path) -> None:
    """Refuse, with a DatasetError, a sample that stands twice in a fold and folds that skip one."""
    seen: set[tuple[str, int]] = set()
    for row in rows:
        if (row.id, row.fold) in seen:
            raise DatasetError(
                f"{path}: sample '{row.id}' is listed twice in fold {row.fold}; keep one row"
            )
        seen.add((row.id, row.fold))
    folds = {row.fold for row in rows}
    if not folds or folds != set(range(1, len(folds) + 1)):
        raise DatasetError(f"{path}: folds must count 1, 2, 3 ...; split again")


def save_split(dataset: Dataset, table: SplitTable, *, overwrite: bool = False) -> Path:
    """Write a split and return its path; OutputExistsError when it exists."""
    path = split_path(dataset.root, table.name)
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path}: split '{table.name}' exists; choose another --name or give --overwrite"
        )
    write_csv(path, SPLIT_COLUMNS, [astuple(row) for row in table.rows])
    return path
