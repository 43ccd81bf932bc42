"""Figures that set masks of several models side by side; arrays in, figure out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from cellenhance.arrays import ImageArray, MaskArray
from cellenhance.metrics.disagreement import Window
from cellenhance.metrics.scores import OverlapScores
from cellenhance.pixel_size import PixelSize
from cellenhance.render.contours import mask_outlines
from cellenhance.render.display import DisplayRange
from cellenhance.render.panels.panels import (
    Box,
    ErrorPanel,
    ImagePanel,
    MaskPanel,
    Panel,
    TextPanel,
    class_entries,
    draw_panels,
)
from cellenhance.render.style import FigureStyle

_NO_BREAK = "\u00a0"


@dataclass(frozen=True, slots=True)
class Classes:
    """Names and colours of the classes, and which one is the background."""

    names: Sequence[str]
    colors: Sequence[str]
    background: int = 0


@dataclass(frozen=True, slots=True)
class ComparedView:
    """One image as several models see it.

    Attributes
    ----------
    image : (H, W, C) in its own units
    truth, masks : (H, W) uint8 class indices, masks by name of the model; truth may hold 255
    scores : by name of the model; empty without truth
    windows : places that are shown enlarged
    """

    name: str
    image: ImageArray
    truth: MaskArray | None
    masks: Mapping[str, MaskArray]
    scores: Mapping[str, OverlapScores] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()


def draw_comparison(  # noqa: PLR0913 - what stands around the panels, all by name
    views: Sequence[ComparedView],
    style: FigureStyle,
    *,
    caption: str,
    classes: Classes,
    display: DisplayRange,
    pixel_size_um: PixelSize | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """Return input, truth and masks of every view, error maps under them, enlarged places last.

    Parameters
    ----------
    display : one range for all images of the figure
    pixel_size_um : of the first view, which gets the scale bar
    """
    rows: list[list[Panel]] = []
    for view in views:
        rows.append(_masks_row(view, classes, display, alone=len(views) == 1))
        if view.truth is not None:
            rows.append(_errors_row(view, view.truth, classes, display))
        rows += [
            _window_row(view, window, index, classes, display)
            for index, window in enumerate(view.windows, start=1)
        ]
    entries = class_entries(classes.names, classes.colors)
    return draw_panels(
        rows,
        style,
        caption=caption,
        legend=entries,
        pixel_size_um=pixel_size_um,
        notes=notes,
    )


def describe_iou(scores: OverlapScores) -> tuple[str, ...]:
    """Return the IoU of one image as lines: the mean over classes, then each class, in percent."""
    classes = ", ".join(
        f"{name}:{_NO_BREAK}{_percent(value)}" for name, value in scores.iou.items()
    )
    return (f"mIoU {_percent(scores.miou)} %", classes)


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def _masks_row(
    view: ComparedView, classes: Classes, display: DisplayRange, *, alone: bool
) -> list[Panel]:
    boxes = tuple(
        Box(window.left, window.top, window.side, window.side, str(index))
        for index, window in enumerate(view.windows, start=1)
    )
    title = "input" if alone else view.name
    row: list[Panel] = [ImagePanel(title, view.image, display, boxes=boxes)]
    if view.truth is not None:
        row.append(MaskPanel("truth", view.truth, classes.colors))
    for name, mask in view.masks.items():
        below = describe_iou(view.scores[name]) if name in view.scores else ()
        row.append(MaskPanel(name, mask, classes.colors, below=below))
    return row


def _errors_row(
    view: ComparedView, truth: MaskArray, classes: Classes, display: DisplayRange
) -> list[Panel]:
    outlines = mask_outlines(truth, classes.colors, without={classes.background})
    row: list[Panel] = [
        TextPanel("", ["Right: the errors of each mask against the truth; key below."]),
        ImagePanel("truth on input", view.image, display, outlines=outlines),
    ]
    for name, mask in view.masks.items():
        row.append(ErrorPanel(f"errors, {name}", truth, mask, classes.colors, classes.background))
    return row


def _window_row(
    view: ComparedView, window: Window, index: int, classes: Classes, display: DisplayRange
) -> list[Panel]:
    """Return the part of the image, with the outlines of each mask on it."""
    part = window.cut(view.image)
    row: list[Panel] = [ImagePanel(f"{index}: input", part, display)]
    masks = {} if view.truth is None else {"truth": view.truth}
    for name, mask in (masks | dict(view.masks)).items():
        outlines = mask_outlines(window.cut(mask), classes.colors, without={classes.background})
        row.append(ImagePanel(f"{index}: {name}", part, display, outlines=outlines))
    return row
