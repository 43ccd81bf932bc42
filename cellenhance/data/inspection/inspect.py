"""What is in a dataset and what is wrong with it, from the facts of its samples."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.dataset.splits import SplitTable
from cellenhance.data.inspection.facts import SampleFacts
from cellenhance.data.inspection.findings import Finding, find_in_samples
from cellenhance.data.inspection.leakage import find_in_split
from cellenhance.data.inspection.lookalikes import find_lookalikes


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two samples that show one picture; `correlation` of their detail, up to 1."""

    first: str
    second: str
    correlation: float
    turned: bool


@dataclass(frozen=True, slots=True)
class Problems:
    """Everything that is suspicious, in a fixed order, and the pairs behind near-duplicates."""

    findings: tuple[Finding, ...]
    near_duplicates: tuple[NearDuplicate, ...]


def find_problems(
    dataset: Dataset, facts: Sequence[SampleFacts], splits: Sequence[SplitTable]
) -> Problems:
    """Return what is suspicious; no finding is good news.

    Parameters
    ----------
    facts : of every sample, in the order of the dataset
    """
    lookalikes = find_lookalikes([each.sketch for each in facts])
    findings = [Finding("dataset", "warning", each) for each in dataset.description.warnings]
    findings += find_in_samples(dataset, facts, lookalikes)
    if not splits:
        command = shlex.join(["cellenhance", "dataset", "split", str(dataset.root)])
        text = f"there is no split; make one with {command}"
        findings.append(Finding("no-split", "note", text))
    for table in splits:
        findings += find_in_split(dataset, facts, lookalikes, table)
    pairs = tuple(
        NearDuplicate(facts[each.first].id, facts[each.second].id, each.correlation, each.turned)
        for each in lookalikes
        if facts[each.first].sha256 != facts[each.second].sha256
    )
    return Problems(tuple(findings), pairs)
