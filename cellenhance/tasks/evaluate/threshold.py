"""Thresholds of probabilities: chosen on the validation part, applied to the images scored.

Never chosen on the images that are scored. Each class is taken by itself, against the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.errors import SettingsError
from cellenhance.metrics.averages import average_images
from cellenhance.metrics.bootstrap import Interval, percentile_interval, resample_means
from cellenhance.metrics.further_scores import find_metric
from cellenhance.metrics.registry import Metric
from cellenhance.metrics.score_intervals import Resampling, interval_to_json
from cellenhance.metrics.scored_image import ScoredImage
from cellenhance.metrics.thresholds import THRESHOLDS, ThresholdSweep, best_threshold
from cellenhance.render.metric_tables import format_number, format_with_interval
from cellenhance.render.tables import Table

SWEEP_FILE = "threshold_sweep.csv"
SWEEP_COLUMNS = ("class", "metric", "threshold", "validation_score", "chosen")


def threshold_metric(word: str) -> Metric:
    """Return the metric of ``--threshold-metric``; SettingsError unless it looks at masks alone."""
    metric = find_metric(word)
    if metric.needs == "probabilities" or metric.unit == "um":
        raise SettingsError(
            f"--threshold-metric {word}: a threshold makes a mask, so it is chosen by a metric of "
            "masks, such as iou, dice, boundary_f1, v_rand"
        )
    return metric


def thresholded_classes(n_classes: int, background: int) -> tuple[int, ...]:
    """Return the classes that get a threshold: all but the background.

    Examples
    --------
    >>> thresholded_classes(3, 0), thresholded_classes(2, 1)
    ((1, 2), (0,))
    """
    return tuple(index for index in range(n_classes) if index != background)


@dataclass(slots=True)
class ThresholdChooser:
    """Scores every threshold on validation images that come one by one."""

    metric: Metric
    indices: tuple[int, ...]
    _rows: list[list[dict[float, float]]] = field(default_factory=list)

    def see(self, truth: MaskArray, probabilities: NDArray[np.float32]) -> None:
        """Score every threshold of every class on one image."""
        self._rows.append(
            [
                {t: score_region(self.metric, truth, k, probabilities[k] >= t) for t in THRESHOLDS}
                for k in self.indices
            ]
        )

    def choose(self) -> tuple[ThresholdSweep, ...]:
        """Return the sweep of each class with its best threshold."""
        return tuple(
            best_threshold(
                [row[place] for row in self._rows],
                lambda scores, threshold: scores[threshold],
                direction=self.metric.direction,
            )
            for place in range(len(self.indices))
        )


def score_region(metric: Metric, truth: MaskArray, index: int, region: NDArray[np.bool_]) -> float:
    """Return a metric of one class against the rest, for a region said to be of the class."""
    binary = np.where(truth == IGNORE, IGNORE, truth == index).astype(np.uint8)
    return float(metric.compute(ScoredImage(binary, region.astype(np.uint8), 2))[-1])


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdScores:
    """One class on the images scored.

    Attributes
    ----------
    sweep : on the validation part
    chosen, usual : (N,) the metric of each image at the chosen threshold, and of the usual mask
    interval, usual_interval : of their means over images
    """

    name: str
    metric: Metric
    sweep: ThresholdSweep
    chosen: NDArray[np.float64]
    usual: NDArray[np.float64]
    interval: Interval
    usual_interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None for what is undefined."""
        return {
            "threshold": _or_none(self.sweep.threshold),
            "validation": _or_none(self.sweep.score),
            "at_threshold": _or_none(_mean(self.chosen)),
            "interval": interval_to_json(self.interval),
            "most_probable_class": _or_none(_mean(self.usual)),
            "most_probable_class_interval": interval_to_json(self.usual_interval),
        }

    def sweep_rows(self) -> list[tuple[object, ...]]:
        """Return the rows of `threshold_sweep.csv`."""
        return [
            (
                self.name,
                self.metric.name,
                repr(float(threshold)),
                "" if math.isnan(score) else repr(float(score)),
                int(threshold == self.sweep.threshold),
            )
            for threshold, score in zip(self.sweep.thresholds, self.sweep.scores, strict=True)
        ]


@dataclass(slots=True)
class ThresholdApplier:
    """Applies thresholds, chosen before, to images that come one by one."""

    metric: Metric
    indices: tuple[int, ...]
    sweeps: tuple[ThresholdSweep, ...]
    _rows: list[list[tuple[float, float]]] = field(default_factory=list)

    def see(self, truth: MaskArray, mask: MaskArray, probabilities: NDArray[np.float32]) -> None:
        """Score one image at the chosen thresholds, and as it is usually segmented."""
        row = []
        for index, sweep in zip(self.indices, self.sweeps, strict=True):
            regions = (probabilities[index] >= sweep.threshold, mask == index)
            chosen, usual = (score_region(self.metric, truth, index, each) for each in regions)
            row.append((chosen, usual))
        self._rows.append(row)

    def finish(
        self, classes: Sequence[str], groups: Sequence[str], resampling: Resampling
    ) -> tuple[ThresholdScores, ...]:
        """Return what was found, with intervals over images, whole groups at a time."""
        weights = resampling.weights(groups)
        values = np.array(self._rows, np.float64)  # images, classes, 2
        found = []
        for place, (index, sweep) in enumerate(zip(self.indices, self.sweeps, strict=True)):
            chosen, usual = values[:, place, 0], values[:, place, 1]
            spreads = [
                percentile_interval(resample_means(np.where(np.isfinite(x), x, np.nan), weights))
                for x in (chosen, usual)
            ]
            found.append(
                ThresholdScores(classes[index], self.metric, sweep, chosen, usual, *spreads)
            )
        return tuple(found)


def threshold_table(scores: Sequence[ThresholdScores]) -> Table:
    """Return a row for each class: the threshold, its score on validation and on the images."""
    metric = scores[0].metric
    header = ("class", "threshold", "on val", "at the threshold", "usual mask")
    rows = [
        (
            each.name,
            format_number(each.sweep.threshold, "px"),
            format_number(each.sweep.score, metric.unit),
            format_with_interval(_mean(each.chosen), each.interval, metric.unit),
            format_with_interval(_mean(each.usual), each.usual_interval, metric.unit),
        )
        for each in scores
    ]
    title = f"{metric.name} ({metric.direction} is better), each class against the rest"
    note = (
        f"thresholds of the probability from {THRESHOLDS[0]:g} to {THRESHOLDS[-1]:g}, chosen on "
        "the validation part alone; usual mask: the most probable class; means over images"
    )
    return Table(title, header, tuple(rows), (note,))


def _mean(values: NDArray[np.float64]) -> float:
    return float(average_images(values).mean)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
