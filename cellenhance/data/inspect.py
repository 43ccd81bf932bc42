"""What is in a dataset and what is wrong with it; each finding is a sentence and a cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE
from cellenhance.data.manifest import Dataset, SampleRow
from cellenhance.data.samples import Sample, pixel_sha256
from cellenhance.data.splits import SUBSETS, SplitTable

SATURATED_SHARE = 0.01
"""Share of pixels at the largest value of the type above which an image is reported."""
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What one sample holds.

    Attributes
    ----------
    saturated : share of pixels at the largest value of an integer type; 0 for floats
    class_pixels : (K,) labelled pixels of each class
    sha256 : of the image pixels as they are now
    """

    id: str
    minimum: float
    maximum: float
    saturated: float
    class_pixels: NDArray[np.int64]
    n_ignored: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: its kind for machines, and a sentence with what to do."""

    kind: str
    sentence: str


def measure_sample(sample: Sample, n_classes: int) -> SampleFacts:
    """Return the facts of one loaded sample."""
    image = sample.image
    top = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else np.inf
    counts = np.bincount(sample.mask.ravel(), minlength=256)
    return SampleFacts(
        id=sample.id,
        minimum=float(image.min()),
        maximum=float(image.max()),
        saturated=float(np.mean(image == top)),
        class_pixels=counts[:n_classes],
        n_ignored=int(counts[IGNORE]),
        sha256=pixel_sha256(image),
    )


def find_problems(
    dataset: Dataset, facts: Sequence[SampleFacts], splits: Sequence[SplitTable]
) -> list[Finding]:
    """Return everything that is suspicious, in a fixed order; an empty list is good news."""
    by_id = {each.id: each for each in facts}
    findings = [Finding("warning", each) for each in dataset.description.warnings]
    findings += [*_changed(dataset, by_id), *_duplicates(facts), *_image_problems(facts)]
    names = dataset.class_names
    total = np.sum([each.class_pixels for each in facts], axis=0)
    for name, n in zip(names, total, strict=True):
        if n == 0:
            findings.append(
                Finding("missing-class", f"class {name} is in no mask; check the class map")
            )
    if not splits:
        findings.append(
            Finding("no-split", "there is no split; make one with cellenhance dataset split")
        )
    rows = {row.id: row for row in dataset.samples}
    for table in splits:
        findings += _leaks(table, rows, by_id)
        findings += _missing_in_subsets(table, by_id, names, total)
    return findings


def _changed(dataset: Dataset, by_id: Mapping[str, SampleFacts]) -> list[Finding]:
    ids = [row.id for row in dataset.samples if by_id[row.id].sha256 != row.sha256]
    text = f"{_some(ids)}: pixels differ from samples.csv; restore them or prepare again"
    return [Finding("changed-image", text)] if ids else []


def _duplicates(facts: Sequence[SampleFacts]) -> list[Finding]:
    by_hash: dict[str, list[str]] = {}
    for each in facts:
        by_hash.setdefault(each.sha256, []).append(each.id)
    return [
        Finding(
            "duplicate",
            f"{', '.join(ids)} are the same image; drop all but one with --exclude at prepare",
        )
        for ids in by_hash.values()
        if len(ids) > 1
    ]


def _image_problems(facts: Sequence[SampleFacts]) -> list[Finding]:
    constant = [each.id for each in facts if each.minimum == each.maximum]
    saturated = [
        f"{each.id} ({100 * each.saturated:.1f} %)"
        for each in facts
        if each.saturated > SATURATED_SHARE and each.minimum < each.maximum
    ]
    unlabelled = [each.id for each in facts if not each.class_pixels.any()]
    problems = (
        ("constant-image", constant, "one value everywhere; the file holds no picture, exclude it"),
        ("saturated", saturated, "pixels at the largest value; where they are cells, expose less"),
        ("unlabelled", unlabelled, "no labelled pixel; label it or exclude it"),
    )
    return [Finding(kind, f"{_some(ids)}: {text}") for kind, ids, text in problems if ids]


def _leaks(
    table: SplitTable, rows: Mapping[str, SampleRow], by_id: Mapping[str, SampleFacts]
) -> list[Finding]:
    """Return one finding for each group or equal image that stands in two subsets of a fold."""
    marks: dict[tuple[int, str, str], dict[str, list[str]]] = {}
    for row in table.rows:
        for kind, mark in (("group", rows[row.id].group), ("image", by_id[row.id].sha256)):
            places = marks.setdefault((row.fold, kind, mark), {})
            places.setdefault(row.subset, []).append(row.id)
    leaks: dict[str, set[int]] = {}
    for (fold, _, _), places in marks.items():
        if len(places) > 1:
            where = "; ".join(f"{s}: {_some(places[s])}" for s in SUBSETS if s in places)
            leaks.setdefault(where, set()).add(fold)
    return [
        Finding(
            "leakage",
            f"split {table.name}, fold {', '.join(map(str, sorted(folds)))}: one group or one "
            f"image in several subsets ({where}); split again, by group",
        )
        for where, folds in leaks.items()
    ]


def _missing_in_subsets(
    table: SplitTable,
    by_id: Mapping[str, SampleFacts],
    names: Sequence[str],
    total: NDArray[np.int64],
) -> list[Finding]:
    findings = []
    for fold in range(1, table.n_folds + 1):
        for subset in SUBSETS:
            ids = table.subset(fold, subset)
            if not ids:
                continue
            pixels = np.sum([by_id[each].class_pixels for each in ids], axis=0)
            absent = [
                n for n, here, all_ in zip(names, pixels, total, strict=True) if all_ > here == 0
            ]
            if absent:
                text = f"split {table.name}, fold {fold}: {subset} has no {', '.join(absent)}"
                findings.append(
                    Finding("missing-in-subset", f"{text}; split again with another --seed")
                )
    return findings


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
