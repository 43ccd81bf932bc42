"""Metrics beyond IoU and Dice as rows of text: means over images, and pooled where defined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cellenhance.metrics.bootstrap import Interval
from cellenhance.metrics.further_scores import MetricScores
from cellenhance.render.tables import Table

_LEFT_OUT = (
    "(n=...): number of images in the mean; the others are left out because the class is in "
    "neither mask (undefined) or in only one of them (missed: the distance is infinite)"
)


def metric_tables(scores: Sequence[MetricScores], classes: Sequence[str]) -> list[Table]:
    """Return one row per metric: its means over images with intervals; then what is pooled.

    Metrics with one value per image are in the column "image".
    """
    if not scores:
        return []
    header = ("metric", "better", "image", *classes)
    rows = [_row(each, classes, _mean_cells(each)) for each in scores]
    has_gaps = any("(n=" in cell for row in rows for cell in row)
    notes = (_LEFT_OUT,) if has_gaps else ()
    tables = [Table("further metrics of the result, mean over images", header, tuple(rows), notes)]
    pooled = [each for each in scores if each.pooled is not None]
    if pooled:
        rows = [_row(each, classes, _pooled_cells(each)) for each in pooled]
        title = "further metrics of the result, pooled over all pixels or objects"
        tables.append(Table(title, header, tuple(rows)))
    return tables


def metric_run_table(
    entries: Mapping[str, Sequence[Sequence[MetricScores]]], classes: Sequence[str]
) -> Table | None:
    """Return one row per metric and entry, means over images; None where no metric was requested.

    Parameters
    ----------
    entries : by name of the run, for each of its folds the scores of the same metrics
    """
    first = next(iter(entries.values()))[0]
    rows, has_folds = [], any(len(folds) > 1 for folds in entries.values())
    for index, metric in enumerate(each.metric for each in first):
        for name, folds in entries.items():
            scores = [each[index] for each in folds]
            cells = _mean_cells(scores[0]) if len(scores) == 1 else _fold_cells(scores)
            row = _row(scores[0], classes, cells)
            rows.append((f"{row[0]}: {name}", metric.direction, *row[2:]))
    if not rows:
        return None
    title = "further metrics of the result, mean over images"
    if has_folds:
        title += " in each fold; mean ± population standard deviation over folds"
    return Table(title, ("metric: run", "better", "image", *classes), tuple(rows))


def _fold_cells(scores: Sequence[MetricScores]) -> list[str]:
    """Return mean ± population standard deviation over folds, undefined folds left out."""
    cells, unit = [], scores[0].metric.unit
    for values in zip(*(each.averages.mean.tolist() for each in scores), strict=True):
        defined = [value for value in values if not math.isnan(value)]
        if not defined:
            cells.append("-")
            continue
        mean, std = (format_number(float(of(defined)), unit) for of in (np.mean, np.std))
        left_out = "" if len(defined) == len(values) else f" (n={len(defined)})"
        cells.append(f"{mean} ± {std}{left_out}")
    return cells


def _row(scores: MetricScores, classes: Sequence[str], cells: Sequence[str]) -> tuple[str, ...]:
    metric = scores.metric
    name = f"{metric.name}, {metric.unit}" if metric.unit == "px" else metric.name
    of_image = metric.per == "image"
    places = [cells[0], *([""] * len(classes))] if of_image else ["", *cells]
    return (name, metric.direction, *places)


def _mean_cells(scores: MetricScores) -> list[str]:
    averages = scores.averages
    cells = []
    for index, interval in enumerate(scores.intervals):
        text = format_with_interval(float(averages.mean[index]), interval, scores.metric.unit)
        n_left_out = averages.n_undefined[index] + averages.n_infinite[index]
        cells.append(f"{text} (n={averages.n_images[index]})" if n_left_out else text)
    return cells


def _pooled_cells(scores: MetricScores) -> list[str]:
    assert scores.pooled is not None
    return [format_number(float(value), scores.metric.unit) for value in scores.pooled]


def format_with_interval(value: float, interval: Interval, unit: str) -> str:
    """Return a number, followed by its interval where there is one."""
    if math.isnan(value) or math.isnan(interval.low):
        return format_number(value, unit)
    ends = f"{format_number(interval.low, unit)}, {format_number(interval.high, unit)}"
    return f"{format_number(value, unit)} [{ends}]"


def format_number(value: float, unit: str) -> str:
    """Return a distance with 2 decimals, anything else with 4; "-" for NaN.

    Examples
    --------
    >>> format_number(0.5, ""), format_number(12.3456, "px"), format_number(float("nan"), "")
    ('0.5000', '12.35', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if unit else f"{value:.4f}"
