"""Figures of a benchmark: scores of each model, and scores against dose; no files are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from cellenhance.metrics.bootstrap import Interval
from cellenhance.render.benchmark.dose_tables import DoseReport
from cellenhance.render.benchmark.tables import BenchmarkTable
from cellenhance.texts import counted

# Okabe and Ito's palette without yellow; markers and dashes differ too, so that colour is never the
# only cue.
_COLORS = ("#333333", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ("-", "--", "-.", ":")
_INK = "#333333"
_GRID = "#dddddd"
_BLUE = "#0072b2"


def draw_scores(table: BenchmarkTable) -> Figure:
    """Return a panel for the mean IoU and each class: folds as points, the mean with its interval.

    A filled mark means that the difference to the first model excludes zero, a hollow one that it
    does not. With one seed all are hollow. The dotted line is the majority class.
    """
    iou = [at for at, name in enumerate(table.columns) if "IoU" in name]
    n_rows = len(table.rows)
    size = (1.6 + 2.3 * len(iou), 1.5 + 0.34 * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(iou), sharey=True, squeeze=False)[0]
    for panel, column in zip(panels, iou, strict=True):
        _draw_column(panel, table, column)
    panels[0].set_yticks(range(n_rows), [row.model for row in table.rows])
    panels[0].invert_yaxis()
    figure.suptitle(
        f"{table.condition}: IoU in percent on {counted(table.n_images, 'test image')}, "
        f"{counted(len(table.folds), 'fold')}\n"
        f"small points: folds; bars: 95 % intervals over images; {_fill_text(table)}; dotted: "
        "majority class",
        fontsize=8,
        x=0.01,
        ha="left",
    )
    return figure


def _fill_text(table: BenchmarkTable) -> str:
    if not table.marks_differences:
        return "1 seed, so no difference is marked"
    return f"filled: the paired difference to {table.rows[0].model} excludes zero"


def _draw_column(panel: Axes, table: BenchmarkTable, column: int) -> None:
    for at, row in enumerate(table.rows):
        folds = 100 * row.scores.values[:, column]
        offsets = np.linspace(-0.18, 0.18, len(folds)) if len(folds) > 1 else [0.0]
        panel.plot(folds, at + np.asarray(offsets), ".", color="#999999", markersize=4)
        mean = 100 * float(row.scores.mean[column])
        excludes_zero = row.difference is not None and row.difference.signs[column] != 0
        is_filled = excludes_zero and table.marks_differences
        _draw_bar(panel, at, row.scores.intervals[column])
        panel.plot(
            [mean],
            [at],
            "o",
            color=_BLUE,
            markersize=6,
            markerfacecolor=_BLUE if is_filled else "white",
        )
    majority = 100 * float(table.majority.mean[column])
    shown = [100 * float(x) for row in table.rows for x in row.scores.values[:, column]]
    if not math.isnan(majority) and majority > min(shown) - 15:
        panel.axvline(majority, color=_INK, linestyle=":", linewidth=1)
    panel.set_title(table.columns[column], loc="left", fontsize=9)
    panel.set_ylim(-0.6, len(table.rows) - 0.4)
    panel.grid(axis="x", color=_GRID, linewidth=0.6)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(labelsize=8)


def _draw_bar(panel: Axes, at: float, interval: Interval) -> None:
    if not math.isnan(interval.low):
        ends = [100 * interval.low, 100 * interval.high]
        panel.plot(ends, [at, at], "-", color=_BLUE, linewidth=1.6, solid_capstyle="butt")


def draw_dose(report: DoseReport) -> Figure:
    """Return mIoU against photons, one curve with its band per model; the original data at right.

    A short line from a curve down to the axis marks the dose at which the floor is lost.
    """
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    panel = figure.subplots()
    doses = np.array(sorted(report.doses))
    order = np.argsort(report.doses)
    right = doses.max() * max(2.2, (doses.max() / doses.min()) ** 0.35)
    # Side by side, a little apart, so that models of equal values can be told from each other.
    apart = (right / doses.min()) ** 0.012
    for index, curve in enumerate(report.curves):
        shift = apart ** (index - (len(report.curves) - 1) / 2)
        looks: dict[str, Any] = {"color": _COLORS[index % len(_COLORS)], "linewidth": 1.4}
        marker, dash = _MARKERS[index % len(_MARKERS)], _DASHES[index % len(_DASHES)]
        mean, low, high = (
            100 * np.array(values)[order] for values in (curve.mean, curve.low, curve.high)
        )
        panel.fill_between(doses * shift, low, high, color=looks["color"], alpha=0.08, linewidth=0)
        panel.plot(doses * shift, mean, dash, marker=marker, label=curve.model, **looks)
        panel.plot([right * shift], [100 * curve.as_is], marker=marker, **looks)
        ends = curve.as_is_interval
        panel.vlines(doses * shift, low, high, **looks)
        panel.vlines([right * shift], [100 * ends.low], [100 * ends.high], **looks)
        if not math.isnan(curve.lost_at):
            panel.plot([curve.lost_at] * 2, [0, 100 * report.floor], ":", **looks)
    panel.axhline(100 * report.floor, color=_INK, linewidth=0.8)
    panel.annotate(
        f"floor {100 * report.floor:.1f} %",
        (doses.min(), 100 * report.floor),
        textcoords="offset points",
        xytext=(0, 3),
        fontsize=8,
        color=_INK,
    )
    _finish_dose(panel, doses.tolist(), float(right), report)
    return figure


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def _finish_dose(panel: Axes, doses: Sequence[float], right: float, report: DoseReport) -> None:
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator([*doses, right]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticklabels([*(f"{dose:g}" for dose in doses), "as is"])
    panel.axvline(math.sqrt(right * doses[-1]), color=_GRID, linewidth=1)
    values = [
        x
        for curve in report.curves
        for x in (*curve.low, *curve.high, *curve.mean, curve.as_is, *_ends(curve.as_is_interval))
    ]
    shown = [100 * x for x in (*values, report.floor) if not math.isnan(x)]
    margin = 0.08 * (max(shown) - min(shown)) + 0.5
    panel.set_ylim(max(0, min(shown) - margin), min(100, max(shown) + margin))
    panel.set_xlabel("photons per pixel at the 99th percentile of each image")
    panel.set_ylabel("mIoU, %")
    panel.set_title(
        "Accuracy against dose; bands and bars: 95 % intervals over "
        f"{counted(report.n_images, 'test image')}",
        loc="left",
        fontsize=9,
    )
    panel.grid(axis="y", color=_GRID, linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
