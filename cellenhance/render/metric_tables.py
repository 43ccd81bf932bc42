"""Metrics beyond IoU and Dice as rows of text: means over images, and pooled where defined."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cellenhance.metrics.bootstrap import Interval
from cellenhance.metrics.further_scores import MetricScores
from cellenhance.render.tables import Table

_LEFT_OUT = (
    "(n=...): images in a mean where some are left out, since the class is in neither mask "
    "(undefined) or in one alone (missed: a distance is infinite)"
)


def metric_tables(scores: Sequence[MetricScores], classes: Sequence[str]) -> list[Table]:
    """Return one row a metric: its means over images with intervals; then what is pooled.

    Metrics with one value an image stand in the column "image".
    """
    if not scores:
        return []
    header = ("metric", "better", "image", *classes)
    rows = [_row(each, classes, _mean_cells(each)) for each in scores]
    has_gaps = any("(n=" in cell for row in rows for cell in row)
    notes = ("of the result alone, not of branches",) + ((_LEFT_OUT,) if has_gaps else ())
    tables = [Table("further metrics, mean over images", header, tuple(rows), notes)]
    pooled = [each for each in scores if each.pooled is not None]
    if pooled:
        rows = [_row(each, classes, _pooled_cells(each)) for each in pooled]
        title = "further metrics, pooled over all pixels or objects"
        tables.append(Table(title, header, tuple(rows)))
    return tables


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
    """Return a number with its interval behind it where there is one."""
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
