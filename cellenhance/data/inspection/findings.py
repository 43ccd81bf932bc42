"""What is wrong with the samples of a dataset; each finding is a sentence and a cure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.inspection.brightness import find_drift, find_mixed_kinds
from cellenhance.data.inspection.facts import SampleFacts
from cellenhance.data.inspection.lookalikes import Lookalike
from cellenhance.data.inspection.mask_shift import judge_shifts
from cellenhance.data.name_lists import name_some
from cellenhance.texts import counted

SATURATED_SHARE = 0.01
"""Share of a class's values at the upper limit above which an image is reported."""

Level = Literal["error", "warning", "note"]
"""error: results would be wrong; warning: look at it; note: good to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem.

    Attributes
    ----------
    code : its kind for machines, such as "duplicate"
    sentence : what it is and what to do
    ids : the samples it is about, all of them; empty where it is about the set
    """

    code: str
    level: Level
    sentence: str
    ids: tuple[str, ...] = ()


def find_in_samples(
    dataset: Dataset, facts: Sequence[SampleFacts], lookalikes: Sequence[Lookalike]
) -> list[Finding]:
    """Return what is suspicious in the samples themselves, in a fixed order."""
    return [
        *_changed(dataset, facts),
        *_duplicates(facts),
        *_near_duplicates(dataset, facts, lookalikes),
        *_image_problems(facts),
        *_saturated(dataset, facts),
        *_mixed_types(dataset),
        *_uneven_brightness(dataset, facts),
        *_shifted_masks(dataset, facts),
        *_missing_classes(dataset, facts),
    ]


def _changed(dataset: Dataset, facts: Sequence[SampleFacts]) -> list[Finding]:
    now = {each.id: each.sha256 for each in facts}
    ids = [row.id for row in dataset.samples if now[row.id] != row.sha256]
    text = f"{name_some(ids)}: pixels differ from samples.csv; restore them or prepare again"
    return [Finding("changed-image", "error", text, tuple(ids))] if ids else []


def _duplicates(facts: Sequence[SampleFacts]) -> list[Finding]:
    by_hash: dict[str, list[SampleFacts]] = {}
    for each in facts:
        by_hash.setdefault(each.sha256, []).append(each)
    equal = [same for same in by_hash.values() if len(same) > 1]
    if not equal:
        return []
    odd = [same for same in equal if len({each.mask_sha256 for each in same}) > 1]
    named = name_some([" = ".join(each.id for each in same) for same in equal], separator="; ")
    masks = ""
    if odd:
        pairs = [" and ".join(each.id for each in same) for same in odd]
        masks = f" (the masks of {name_some(pairs, separator='; ')} differ: keep the better one)"
    ids = tuple(each.id for same in equal for each in same)
    text = f"equal images, {named}{masks}; leave out all but one with --exclude at prepare"
    return [Finding("duplicate", "warning", text, ids)]


def _near_duplicates(
    dataset: Dataset, facts: Sequence[SampleFacts], lookalikes: Sequence[Lookalike]
) -> list[Finding]:
    group_of = {row.id: row.group for row in dataset.samples}
    pairs = [
        (facts[pair.first], facts[pair.second], pair)
        for pair in lookalikes
        if facts[pair.first].sha256 != facts[pair.second].sha256
    ]
    if not pairs:
        return []
    named = name_some(
        [
            f"{a.id} ~ {b.id} ({pair.correlation:.2f}{', turned' if pair.turned else ''})"
            for a, b, pair in pairs
        ]
    )
    ids = tuple(dict.fromkeys(each.id for a, b, _ in pairs for each in (a, b)))
    found = (
        f"{counted(len(pairs), 'pair')} of images with the same picture, but for noise, shift or "
        f"turn: {named}"
    )
    if all(group_of[a.id] == group_of[b.id] for a, b, _ in pairs):
        text = f"{found}; each pair shares a group, so a split by group keeps it together"
        return [Finding("near-duplicate", "note", text, ids)]
    text = (
        f"{found}; give each pair one name in the column group of samples.csv, or leave one out "
        "with --exclude at prepare"
    )
    return [Finding("near-duplicate", "warning", text, ids)]


def _image_problems(facts: Sequence[SampleFacts]) -> list[Finding]:
    constant = [each.id for each in facts if each.minimum == each.maximum]
    unlabelled = [each.id for each in facts if not each.class_pixels.any()]
    problems = (
        ("constant-image", constant, "one value everywhere; the file holds no picture, exclude it"),
        ("unlabelled", unlabelled, "no labelled pixel; label it or exclude it"),
    )
    return [
        Finding(code, "warning", f"{name_some(ids)}: {text}", tuple(ids))
        for code, ids, text in problems
        if ids
    ]


def _saturated(dataset: Dataset, facts: Sequence[SampleFacts]) -> list[Finding]:
    """Name images whose cells are cut off at the upper limit; an empty background may be."""
    names = dataset.class_names
    shown: dict[str, str] = {}
    for each in facts:
        cut = {
            name: share
            for name, share in zip(names, each.class_saturated, strict=True)
            if share > SATURATED_SHARE and name != dataset.description.background
        }
        if cut and each.minimum < each.maximum:
            worst = max(cut, key=lambda name: cut[name])
            shown[each.id] = f"{each.id} ({100 * cut[worst]:.1f} % of {worst})"
    if not shown:
        return []
    text = (
        f"{name_some(list(shown.values()))}: values at the upper limit, where differences are "
        "lost; expose less, or do not measure brightness there"
    )
    return [Finding("saturated", "warning", text, tuple(shown))]


def _mixed_types(dataset: Dataset) -> list[Finding]:
    counts: dict[str, int] = {}
    for row in dataset.samples:
        counts[row.dtype] = counts.get(row.dtype, 0) + 1
    if len(counts) < 2:
        return []
    named = ", ".join(f"{dtype} ({n})" for dtype, n in sorted(counts.items()))
    text = (
        f"images of several types, {named}: one scale of brightness does not fit all; record or "
        "convert them alike, or train with --set recipe.normalization=per-image"
    )
    return [Finding("mixed-types", "warning", text)]


def _uneven_brightness(dataset: Dataset, facts: Sequence[SampleFacts]) -> list[Finding]:
    """Name kinds of picture that are mixed, and a background that is adrift within the larger."""
    background = dataset.description.background
    index = None if background is None else dataset.class_names.index(background)
    mixed = find_mixed_kinds(facts, index)
    if mixed is None:
        return _drifting(dataset, facts)
    kinds = (mixed.bright_on_dark, mixed.dark_on_bright)
    fewer, more = sorted(kinds, key=len)
    text = (
        f"bright structures on a dark background in {counted(len(kinds[0]), 'image')}, dark ones "
        f"on a bright background in {len(kinds[1])} (the fewer: {name_some(fewer)}), as in "
        "fluorescence and transmitted light: one model has to learn both, each from its own "
        "images; make a dataset of each kind with --exclude at prepare, or see that every part of "
        "the split has both"
    )
    found = [Finding("mixed-contrast", "warning", text, fewer)]
    return [*found, *_drifting(dataset, [each for each in facts if each.id in more])]


def _drifting(dataset: Dataset, facts: Sequence[SampleFacts]) -> list[Finding]:
    drift = find_drift(facts)
    if drift is None:
        return []
    several = dataset.description.channels > 1
    fold = f" {drift.high / drift.low:.1f}-fold" if drift.low > 0 else ""
    text = (
        f"{f'channel {drift.channel}: the ' if several else 'the '}background offset differs{fold} "
        f"between images, {drift.low:.4g} to {drift.high:.4g} (10th to 90th percentile), which is "
        f"{drift.in_ranges:.1f} times the brightness range within an image: one scale of "
        "brightness does not fit all; record with one exposure, subtract the background, or train "
        f"with --set recipe.normalization=per-image (beyond: {name_some(drift.ids)})"
    )
    return [Finding("varying-background", "warning", text, drift.ids)]


def _shifted_masks(dataset: Dataset, facts: Sequence[SampleFacts]) -> list[Finding]:
    verdict = judge_shifts([each.shift for each in facts])
    masks = str(dataset.root / "masks")
    command = ["cellenhance", "contour-overlay", str(dataset.root), masks, "-o", "contours"]
    cure = (
        "align the files, or find the step that moved them, and prepare again; look at it with "
        f"{shlex.join(command)}"
    )
    found = []
    if verdict.of_set is not None:
        place = _say_shift(verdict.of_set.down_px, verdict.of_set.right_px)
        text = f"the masks of the whole set lie about {place} of where they fit the images; {cure}"
        found.append(Finding("mask-shift", "warning", text))
    shifted = [facts[index] for index in verdict.shifted]
    if shifted:
        named = name_some(
            [
                f"{each.id} ({_say_shift(each.shift.down_px, each.shift.right_px)})"
                for each in shifted
                if each.shift is not None
            ]
        )
        text = f"{named}: the mask lies beside where it fits its image; {cure}"
        found.append(Finding("mask-shift", "warning", text, tuple(each.id for each in shifted)))
    return found


def _say_shift(down: int, right: int) -> str:
    """Return a shift in words, such as "5 px right and 3 px above"."""
    parts = []
    if right:
        parts.append(f"{abs(right)} px {'right' if right > 0 else 'left'}")
    if down:
        parts.append(f"{abs(down)} px {'below' if down > 0 else 'above'}")
    return " and ".join(parts)


def _missing_classes(dataset: Dataset, facts: Sequence[SampleFacts]) -> list[Finding]:
    total = np.sum([each.class_pixels for each in facts], axis=0)
    names = [name for name, n in zip(dataset.class_names, total, strict=True) if n == 0]
    text = f"class {name_some(names)} is in no mask; check the class map"
    return [Finding("missing-class", "warning", text)] if names else []
