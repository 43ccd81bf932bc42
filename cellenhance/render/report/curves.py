"""Training curves and reliability diagrams; figures are returned, no files are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellenhance.metrics.calibration import Reliability
from cellenhance.render.figures import print_settings

# Okabe and Ito's palette without yellow, which is too pale for lines on white. Colour is never the
# only cue: lines differ in dash too.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", "--", "-.", ":")
_INK, _FAINT = "#333333", "#999999"
_MARKERS_UP_TO = 30  # with more epochs, markers would hide the line

IOU_PREFIX = "val_iou_"
"""Columns of metrics.csv that begin with this hold the validation IoU of the class that follows."""


def draw_curves(rows: Sequence[Mapping[str, str]], best_epoch: int | None = None) -> Figure:
    """Return loss (left) and validation IoU (right) against the epoch.

    Parameters
    ----------
    rows : the rows of metrics.csv from `csv.DictReader`: ``epoch``, losses (``loss`` or a name
        that ends in ``_loss``), and where there is a validation part ``val_miou`` and
        ``val_iou_<class>`` as fractions; empty cells are gaps
    best_epoch : the epoch to mark; by default that of the largest ``val_miou``, ties to the later

    Raises
    ------
    ValueError
        `rows` is empty.
    """
    if not rows:
        raise ValueError("curves need at least one epoch")
    epochs = [int(row["epoch"]) for row in rows]
    columns = {name: [_number(row[name]) for row in rows] for name in rows[0] if name != "epoch"}
    losses = {
        name.removesuffix("_loss").replace("_", " "): values
        for name, values in columns.items()
        if name == "loss" or name.endswith("_loss")
    }
    classes = {
        name.removeprefix(IOU_PREFIX): values
        for name, values in columns.items()
        if name.startswith(IOU_PREFIX)
    }
    miou = columns.get("val_miou", [])
    validated = any(not math.isnan(value) for value in miou)
    figure = Figure(figsize=(11 if validated else 5.5, 3.4), layout="constrained")
    panels = figure.subplots(1, 2 if validated else 1, squeeze=False)[0]
    if best_epoch is None and validated:
        best_epoch = find_best_epoch(epochs, miou)
    _draw_losses(panels[0], epochs, losses)
    if validated:
        _draw_iou(panels[1], epochs, classes, miou)
    for panel in panels:
        _finish(panel, best_epoch)
    return figure


def draw_reliability(found: Reliability, title: str) -> Figure:
    """Return the share of correct pixels against their probability, and how many there are.

    Parameters
    ----------
    found : of the top label; bins of equal width over [0, 1], NaN where no pixel lies
    title : first line of the figure
    """
    n_bins = len(found.n_px)
    edges = np.linspace(0, 1, n_bins + 1)
    with print_settings():
        figure = Figure(figsize=(4.6, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot((0, 1), (0, 1), "--", color=_FAINT, linewidth=1, label="perfect")
        upper.plot(found.confidence, found.accuracy, "o-", color=_COLORS[0], label="measured")
        upper.set_ylabel("share of correct pixels")
        upper.set_ylim(0, 1)
        upper.set_title(title, loc="left", fontsize=10)
        upper.legend(frameon=False, fontsize=8, loc="upper left")
        share = found.n_px / max(1.0, float(found.n_px.sum()))
        lower.bar(edges[:-1], share, width=1 / n_bins, align="edge", color=_COLORS[0])
        lower.set_ylabel("share of all pixels")
        lower.set_xlabel("probability of the predicted class")
        lower.set_xlim(0, 1)
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(colors=_INK)
    return figure


def find_best_epoch(epochs: Sequence[int], miou: Sequence[float]) -> int:
    """Return the epoch of the largest mIoU, ties to the later; NaN never wins.

    Examples
    --------
    >>> find_best_epoch([1, 2, 3, 4], [0.5, 0.7, 0.7, float("nan")])
    3
    """
    pairs = zip(miou, epochs, strict=True)
    return max((value, epoch) for value, epoch in pairs if not math.isnan(value))[1]


def _number(text: str) -> float:
    return float(text) if text.strip() else math.nan


def _marker(epochs: Sequence[int]) -> str:
    return "." if len(epochs) <= _MARKERS_UP_TO else ""


def _draw_losses(panel: Axes, epochs: Sequence[int], losses: Mapping[str, Sequence[float]]) -> None:
    for index, (name, values) in enumerate(losses.items()):
        color, dash = _COLORS[index % len(_COLORS)], _DASHES[index % len(_DASHES)]
        panel.plot(epochs, values, dash, color=color, marker=_marker(epochs), label=name)
    panel.set_title("Loss", loc="left", fontsize=10)


def _draw_iou(
    panel: Axes,
    epochs: Sequence[int],
    classes: Mapping[str, Sequence[float]],
    miou: Sequence[float],
) -> None:
    for index, (name, values) in enumerate(classes.items()):
        color, dash = _COLORS[index % len(_COLORS)], _DASHES[(index + 1) % len(_DASHES)]
        panel.plot(epochs, values, dash, color=color, linewidth=1.2, label=name)
    panel.plot(
        epochs, miou, color=_INK, linewidth=2, marker=_marker(epochs), label="mean of classes"
    )
    panel.set_ylim(0, 1)
    panel.set_title("Validation IoU, pooled over pixels", loc="left", fontsize=10)


def _finish(panel: Axes, best_epoch: int | None) -> None:
    if best_epoch is not None:
        panel.axvline(
            best_epoch, color=_INK, linewidth=0.8, alpha=0.6, label=f"best epoch {best_epoch}"
        )
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
