"""A named split of a dataset: who trains, validates and tests."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from cellenhance.data.dataset.dealing import build_units
from cellenhance.data.dataset.fixed_split import (
    SplitLists,
    complete_lists,
    find_shared_groups,
    read_lists,
    read_split_table,
)
from cellenhance.data.dataset.folds import make_split
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.options import GivenSplitOptions, PartOptions
from cellenhance.data.dataset.splits import (
    SplitSettings,
    SplitTable,
    save_split,
    split_names,
    split_path,
)
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError, OutputExistsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import validate_settings
from cellenhance.tasks.datasets.requests import SplitRequest
from cellenhance.tasks.datasets.split_parts import (
    SubsetSummary,
    count_classes,
    small_parts,
    summarize_split,
    uneven_parts,
    warn_of_empty_parts,
    warn_of_unseen_classes,
)
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_USUAL_FOLDS = 5
_FEWEST_FOR_FOLDS = 3
"""A group that tests, one that validates and one that trains."""


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
        The folder is not a dataset, a mask is damaged, there are too few groups, or a list does not
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
        warn_of_empty_parts(settings, subsets, len(units))
    warn_of_unseen_classes(dataset, subsets, counts)
    doubts = [*small_parts(subsets), *uneven_parts(subsets, counts)]
    if doubts:
        cure = _propose_folds(request, len(units)) if is_drawn else ""
        logger.warning("%s%s", "; ".join(doubts), cure)
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
            "%s not in any list and left out of the split: %s",
            counted(len(left_out), "sample"),
            name_some(left_out),
        )
    shared = find_shared_groups(dataset, table)
    if shared and not given.allow_shared_groups:
        raise DatasetError(
            f"images of one group, or equal images, are in several subsets ({shared[0]}"
            f"{f' and {len(shared) - 1} more' if len(shared) > 1 else ''}): scores would look "
            "better than they are; put them on one side, or give --allow-shared-groups"
        )
    if shared:
        logger.warning(
            "%s in several subsets, as was allowed: scores look better than they are (%s)",
            counted(len(shared), "group"),
            name_some(shared, separator="; "),
        )
    return table


def _propose_folds(request: SplitRequest, n_units: int) -> str:
    """Return the end of a warning that offers folds, where they are not there already."""
    if request.folds is not None or n_units < _FEWEST_FOR_FOLDS:
        return ""
    taken = split_names(request.dataset)
    name = next(each for i in count(2) for each in ("folds", f"folds-{i}") if each not in taken)
    words = ["cellenhance", "dataset", "split", str(request.dataset)]
    words += ["--folds", str(min(_USUAL_FOLDS, n_units)), "--name", name]
    words += [] if request.group_by == "column" else ["--group-by", request.group_by]
    return "; with folds every image is tested once: " + shlex.join(words)
