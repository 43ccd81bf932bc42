"""Samples that must stay together as units, and units dealt to parts by quota."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.manifest import SampleRow
from cellenhance.errors import SettingsError

Unit = tuple[str, ...]
"""Ids that must stay together."""

Amounts = Mapping[str, Sequence[float]]
"""How much of each class a sample holds, by id, in class order: pixels, or shares."""

UnitAmounts = Mapping[Unit, NDArray[np.float64]]
"""The amounts of each class in each unit, (K,)."""

_FILL_ORDER = (0, 2, 1)
"""With too few units training is served first, then test, then validation."""


def build_units(samples: Sequence[SampleRow], group_by: str) -> list[Unit]:
    """Return the ids that stay together: one group, or images that are equal.

    Raises
    ------
    SettingsError
        `group_by` is no regular expression with exactly one group, or misses an id.
    """
    parent = {sample.id: sample.id for sample in samples}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    first: dict[tuple[str, str], str] = {}
    for sample, group in zip(samples, _group_names(samples, group_by), strict=True):
        for mark in (("group", group), ("sha256", sample.sha256)):
            parent[root(sample.id)] = root(first.setdefault(mark, sample.id))
    units: dict[str, list[str]] = {}
    for sample in samples:
        units.setdefault(root(sample.id), []).append(sample.id)
    return [tuple(ids) for ids in units.values()]


def _group_names(samples: Sequence[SampleRow], group_by: str) -> list[str]:
    if group_by == "column":
        return [sample.group or sample.id for sample in samples]
    if group_by == "none":
        return [sample.id for sample in samples]
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise SettingsError(
            f"--group-by {group_by!r}: is not a regular expression ({error})"
        ) from error
    if pattern.groups != 1:
        raise SettingsError(
            f"--group-by {group_by!r}: has {pattern.groups} groups; expected 'column', 'none' or a "
            "regular expression with one group in parentheses, such as '^(slide[0-9]+)'"
        )
    names = []
    for sample in samples:
        found = pattern.search(sample.id)
        if found is None or found[1] is None:
            raise SettingsError(f"--group-by {group_by!r}: does not match the id '{sample.id}'")
        names.append(found[1])
    return names


def unit_amounts(units: Sequence[Unit], amounts: Amounts) -> UnitAmounts:
    """Return the amounts of each class in each unit."""
    return {
        unit: np.sum([np.asarray(amounts[each], np.float64) for each in unit], axis=0)
        for unit in units
    }


def deal(
    units: Sequence[Unit],
    fractions: Sequence[float],
    amounts: UnitAmounts | None,
    rng: np.random.Generator,
) -> list[list[Unit]]:
    """Deal units to parts by quota; each goes where the quota so far is missed most.

    With `amounts` they come in the order of their share of the rarest class, random within blocks
    of neighbours, so seeds differ; without, in random order.
    """
    scores = [0.0] * len(units) if amounts is None else _rarest_shares(units, amounts)
    order = rng.permutation(len(units))
    order = order[np.argsort(np.asarray(scores)[order], kind="stable")]
    block = max(2, round(1 / min(share for share in fractions if share > 0)))
    order = np.concatenate(
        [rng.permutation(order[at : at + block]) for at in range(0, len(order), block)] or [order]
    )
    parts: list[list[Unit]] = [[] for _ in fractions]
    placed, seen = np.zeros(len(parts)), 0
    wanted = np.asarray(fractions)
    for index in order:
        seen += len(units[index])
        missing = np.where(wanted > 0, wanted * seen - placed, -np.inf)
        part = int(np.argmax(missing))
        parts[part].append(units[index])
        placed[part] += len(units[index])
    _fill_empty(parts, wanted)
    return parts


def reach_counts(parts: list[list[Unit]], counts: Sequence[int | None]) -> None:
    """Move units between the first part and the others until these have `counts` images.

    None leaves a part as it is. Groups stay whole, so a count may be missed; the first part, which
    trains, keeps a unit.
    """
    for part, wanted in list(enumerate(counts))[1:]:
        while wanted is not None:
            missing = wanted - sum(map(len, parts[part]))
            donor, taker = (parts[0], parts[part]) if missing > 0 else (parts[part], parts[0])
            # The one dealt last that brings the count closest, if it comes closer at all.
            unit = min(reversed(donor), key=lambda each: abs(abs(missing) - len(each)), default=())
            closer = abs(abs(missing) - len(unit)) < abs(missing)
            if not unit or not closer or (donor is parts[0] and len(donor) == 1):
                break
            donor.remove(unit)
            taker.append(unit)


def _rarest_shares(units: Sequence[Unit], amounts: UnitAmounts) -> list[float]:
    """Return the share of the class that is rarest in all, in each unit."""
    table = np.array([amounts[unit] for unit in units])
    totals = table.sum(axis=0)
    rarest = int(np.argmin(np.where(totals > 0, totals, np.inf)))
    return [float(row[rarest] / max(row.sum(), np.finfo(float).tiny)) for row in table]


def _fill_empty(parts: list[list[Unit]], wanted: NDArray[Any]) -> None:
    """Give each empty part the smallest unit of the part that has most, as far as units go."""
    fill_order = _FILL_ORDER if len(parts) == 3 else range(len(parts))
    for part in fill_order:
        donor = max(range(len(parts)), key=lambda each: len(parts[each]))
        if parts[part] or wanted[part] == 0 or len(parts[donor]) < 2:
            continue
        smallest = min(parts[donor], key=len)
        parts[donor].remove(smallest)
        parts[part].append(smallest)
    if not parts[0]:
        donor = max(range(len(parts)), key=lambda each: len(parts[each]))
        parts[0], parts[donor] = parts[donor], parts[0]
