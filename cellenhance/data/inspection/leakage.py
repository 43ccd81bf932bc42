"""What is wrong with the splits of a dataset: images on both sides, classes that a subset lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.dataset.splits import SUBSETS, SplitTable
from cellenhance.data.inspection.facts import SampleFacts
from cellenhance.data.inspection.findings import Finding
from cellenhance.data.inspection.lookalikes import Lookalike
from cellenhance.data.name_lists import name_some
from cellenhance.texts import counted


def find_in_split(
    dataset: Dataset,
    facts: Sequence[SampleFacts],
    lookalikes: Sequence[Lookalike],
    table: SplitTable,
) -> list[Finding]:
    """Return what is suspicious in one split, in a fixed order."""
    hash_of = {each.id: each.sha256 for each in facts}
    group_of = {row.id: row.group for row in dataset.samples}
    placed: dict[int, dict[str, str]] = {}
    for row in table.rows:
        placed.setdefault(row.fold, {})[row.id] = row.subset
    findings = _apart(table.name, placed, hash_of, "leakage-image")
    # Equal images are in one group already; that is said once.
    equal = {each for finding in findings for each in finding.ids}
    groups = {each: group for each, group in group_of.items() if each not in equal}
    findings += _apart(table.name, placed, groups, "leakage-group")
    pairs = [
        (facts[pair.first].id, facts[pair.second].id)
        for pair in lookalikes
        if facts[pair.first].sha256 != facts[pair.second].sha256
    ]
    findings += _near(table.name, placed, pairs)
    return findings + _missing(dataset, facts, table)


def _apart(
    split: str,
    placed: Mapping[int, Mapping[str, str]],
    mark_of: Mapping[str, str],
    code: Literal["leakage-image", "leakage-group"],
) -> list[Finding]:
    """Return one finding for all marks that stand in several subsets of a fold."""
    what = {"leakage-image": "are equal", "leakage-group": "are of one group"}[code]
    cases: dict[str, set[int]] = {}
    ids: dict[str, None] = {}
    for fold, subset_of in placed.items():
        places: dict[str, dict[str, list[str]]] = {}
        for each, subset in subset_of.items():
            if each in mark_of:
                places.setdefault(mark_of[each], {}).setdefault(subset, []).append(each)
        for where in places.values():
            if len(where) > 1:
                case = "; ".join(f"{s}: {name_some(where[s])}" for s in SUBSETS if s in where)
                cases.setdefault(case, set()).add(fold)
                ids |= dict.fromkeys(each for some in where.values() for each in some)
    if not cases:
        return []
    text = (
        f"split {split}: images that {what} are in several subsets, so scores look better than "
        f"they are ({_by_fold(cases)}); split again, by group"
    )
    return [Finding(code, "error", text, tuple(ids))]


def _near(
    split: str, placed: Mapping[int, Mapping[str, str]], pairs: Sequence[tuple[str, str]]
) -> list[Finding]:
    cases: dict[str, set[int]] = {}
    ids: dict[str, None] = {}
    for fold, subset_of in placed.items():
        for pair in pairs:
            first, second = (subset_of.get(each) for each in pair)
            if first is not None and second is not None and first != second:
                case = f"{pair[0]} in {first} ~ {pair[1]} in {second}"
                cases.setdefault(case, set()).add(fold)
                ids |= dict.fromkeys(pair)
    if not cases:
        return []
    text = (
        f"split {split}: {counted(len(cases), 'pair')} of images with the same picture, divided "
        f"between subsets ({_by_fold(cases)}); give each pair one name in the column group of "
        "samples.csv and split again"
    )
    return [Finding("leakage-near-duplicate", "warning", text, tuple(ids))]


def _missing(dataset: Dataset, facts: Sequence[SampleFacts], table: SplitTable) -> list[Finding]:
    pixels = {each.id: each.class_pixels for each in facts}
    total = np.sum([each.class_pixels for each in facts], axis=0)
    cases: dict[tuple[str, str], list[str]] = {}
    for fold in range(1, table.n_folds + 1):
        for subset in SUBSETS:
            ids = table.subset(fold, subset)
            if not ids:
                continue
            here = np.sum([pixels[each] for each in ids], axis=0)
            names = zip(dataset.class_names, here, total, strict=True)
            absent = [name for name, n, n_all in names if n_all > n == 0]
            if absent:
                cases.setdefault((subset, ", ".join(absent)), []).append(str(fold))
    return [
        Finding(
            "missing-in-subset",
            "error" if subset == "train" else "warning",
            f"split {table.name}, fold {name_some(folds)}: {subset} has no {absent}; split again "
            "with another --seed, or label that class in more images",
        )
        for (subset, absent), folds in cases.items()
    ]


def _by_fold(cases: Mapping[str, set[int]]) -> str:
    """Return "fold 1, 2: case | fold 3: case"."""
    return name_some(
        [f"fold {', '.join(map(str, sorted(folds)))}: {case}" for case, folds in cases.items()],
        separator=" | ",
    )
