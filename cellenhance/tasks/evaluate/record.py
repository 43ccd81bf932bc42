"""All that is known of one evaluation, and how it is worded: rows, notes, JSON; records only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cellenhance.metrics.further_scores import MetricScores
from cellenhance.metrics.scores import Scores
from cellenhance.render.metric_tables import metric_tables
from cellenhance.render.panels.comparison import Classes
from cellenhance.render.table_files import collect_notes
from cellenhance.render.tables import Table, class_table, comparison_table
from cellenhance.runs.stored_confusion import ENSEMBLE, FIXED_WEIGHTS
from cellenhance.tasks.evaluate.threshold import ThresholdScores, threshold_table

NETWORK_1 = "network 1"
"""The branch that sees the image as it is, before any translation."""


@dataclass(frozen=True, slots=True)
class ChosenBranch:
    """The branch that is the result where there is no ensemble: the best on the validation part."""

    name: str
    validation_miou: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one set of masks on one set of images.

    Attributes
    ----------
    title : what was scored on what, such as "aep on liver, test"
    result_name : the row of the result in tables that compare
    scores : with intervals, and those of branches and ensemble variants as `branches`
    groups : of each image; images of one group are not independent draws
    n_pixels : of each image, annotated or not
    looks : names and colours of the classes
    majority : what the class most frequent in training gets everywhere, by its name; may be empty
    branch_labels : how tables name a branch or variant, where it is not by its own name
    chosen : the branch chosen on the validation part; None without one
    further : metrics of the registry that were asked for, of the result
    thresholds : what thresholds chosen on the validation part get here, by class
    facts : what `summary.json` says of the run and the data
    """

    title: str
    result_name: str
    scores: Scores
    groups: tuple[str, ...]
    n_pixels: tuple[int, ...]
    looks: Classes
    majority: Mapping[str, Scores] = field(default_factory=dict)
    branch_labels: Mapping[str, str] = field(default_factory=dict)
    chosen: ChosenBranch | None = None
    further: tuple[MetricScores, ...] = ()
    thresholds: tuple[ThresholdScores, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, *, of_folds: bool = False) -> dict[str, Scores]:
        """Return what a table compares: the majority class, each branch and variant, the result.

        Parameters
        ----------
        of_folds : leave out of the names what may differ between folds
        """
        rows = {}
        for name, each in self.majority.items():
            rows["majority class" if of_folds else f"majority class ({name})"] = each
        for name, scores in self.scores.branches.items():
            if name != ENSEMBLE:
                rows[self.branch_labels.get(name, name)] = scores
        if self.chosen is not None:
            which = "" if of_folds else f"{self.chosen.name}, "
            label = f"without ensemble ({which}chosen on val)"
            rows[label] = self.scores.branches[self.chosen.name]
        return rows | {self.result_name: self.scores}

    def tables(self) -> list[Table]:
        """Return all tables: classes pooled, rows pooled, and both as means over images."""
        spread = self.scores.intervals
        intervals = [spread.note] if spread is not None else []
        pixels, mixing = self._pixel_notes(), self._mixing_notes()
        rows = self.rows()
        pooled = [(class_table(self.scores), [*intervals, *pixels])]
        by_image = [(class_table(self.scores, per_image=True), pixels)]
        if len(rows) > 1:
            pooled.append((comparison_table(rows), [*intervals, *pixels, *mixing]))
            by_image.append((comparison_table(rows, per_image=True), [*pixels, *mixing]))
        tables = [replace(table, notes=tuple(notes)) for table, notes in [*pooled, *by_image]]
        tables += metric_tables(self.further, self.scores.classes)
        return tables + ([threshold_table(self.thresholds)] if self.thresholds else [])

    def notes(self) -> list[str]:
        """Return what a reader of the tables must know, each once."""
        return collect_notes(self.tables())

    def _pixel_notes(self) -> list[str]:
        notes = []
        absent = [name for name, value in self.scores.pooled.iou.items() if math.isnan(value)]
        if absent:
            names = ", ".join(absent)
            notes.append(f"in neither truth nor result, so undefined, not in the means: {names}")
        total, ignored = sum(self.n_pixels), self.n_ignored
        if ignored:
            share = 100 * ignored / total
            notes.append(f"{ignored:,} of {total:,} pixels ({share:.2g} %) are ignored: not scored")
        return notes

    def _mixing_notes(self) -> list[str]:
        alone = compare_network_1([self.scores])
        notes = [] if alone is None else [alone]
        if self.chosen is not None:
            found = ", ".join(
                f"{name} {100 * value:.2f}" for name, value in self.chosen.validation_miou.items()
            )
            notes.append(
                f"without ensemble: {self.chosen.name}, the branch with the best mIoU on the "
                f"validation part ({found}), never chosen on the images scored here"
            )
        if FIXED_WEIGHTS in self.scores.branches:
            notes.append(
                "ensembles differ in the mixing alone, the networks are the same; fixed weights: "
                "the sum of the logits, whose mean gives the same mask"
            )
        return notes

    @property
    def n_ignored(self) -> int:
        """Return how many pixels of all images do not count."""
        return sum(self.n_pixels) - int(self.scores.matrices.sum())

    def to_json(self) -> dict[str, Any]:
        """Return what ``evaluate --json`` prints and `summary.json` holds; NaN is None."""
        values = self.scores.to_json()
        for each in self.majority.values():
            values["majority_class"] = each.to_json()["pooled"]
        if self.chosen is not None:
            values["without_ensemble"] = {
                "branch": self.chosen.name,
                "chosen_on": "val",
                "validation_miou": dict(self.chosen.validation_miou),
            }
        if self.further:
            values["metrics"] = {each.metric.name: each.to_json() for each in self.further}
        if self.thresholds:
            values["threshold"] = {
                "metric": self.thresholds[0].metric.name,
                "chosen_on": "val",
                "classes": {each.name: each.to_json() for each in self.thresholds},
            }
        values["n_pixels"] = sum(self.n_pixels)
        values["n_ignored_pixels"] = self.n_ignored
        return values | dict(self.facts)


def compare_network_1(scores: Sequence[Scores], run: str = "") -> str | None:
    """Return a sentence where network 1 alone is better than the result; None where it is not.

    Parameters
    ----------
    scores : of each fold; their means are compared
    run : names the run where there are several
    """
    if any(NETWORK_1 not in each.branches for each in scores):
        return None
    alone = 100 * float(np.mean([each.branches[NETWORK_1].pooled.miou for each in scores]))
    result = 100 * float(np.mean([each.pooled.miou for each in scores]))
    if not round(alone, 2) > round(result, 2):
        return None
    where = f"{run}: " if run else ""
    over = f", mean of {len(scores)} folds" if len(scores) > 1 else ""
    return (
        f"{where}network 1 alone is better than the result here (mIoU {alone:.2f} against "
        f"{result:.2f} %{over}): on these images the translations cost more than they bring"
    )
