"""The figure of a translation: input, filters, enhanced images, masks of all branches, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.pixel_size import PixelSize
from cellenhance.render.display import HIGH_PERCENTILE
from cellenhance.render.panels.panels import (
    BlankPanel,
    DisplayRange,
    ImagePanel,
    MapPanel,
    MaskPanel,
    Panel,
    StripPanel,
    choose_display,
    class_entries,
    draw_panels,
)
from cellenhance.render.style import FigureStyle
from cellenhance.texts import counted

FILTER_COLORMAP = "magma"
NOT_CLASSES = (
    "Filters are not classes: nothing ties filter k to class k; all that is stated was measured."
)


@dataclass(frozen=True, slots=True)
class TranslationView:
    """All that the figure of one image shows.

    Attributes
    ----------
    image : (h, w, C) float32 in [0, 1], normalised
    filters : (N, h, w) float32 >= 0
    enhanced : (N, h, w, C) float32
    branch_masks : (N + 1, h, w) uint8, network 1 first
    mask : (h, w) uint8, the result
    truth : (h, w) uint8 or None
    weights, shares : one per branch
    """

    title: str
    image: FloatImage
    filters: NDArray[np.float32]
    enhanced: NDArray[np.float32]
    branch_masks: MaskArray
    mask: MaskArray
    truth: MaskArray | None
    weights: Sequence[float]
    shares: Sequence[float]
    class_names: Sequence[str]
    class_colors: Sequence[str]
    pixel_size_um: PixelSize | None
    notes: Sequence[str]


def draw_translation(view: TranslationView, style: FigureStyle) -> Figure:
    """Return the figure: one column for the image and its masks, one for each filter."""
    return draw_panels(
        [_filter_row(view), _enhanced_row(view), _branch_row(view), _result_row(view)],
        style,
        caption=view.title,
        legend=class_entries(view.class_names, view.class_colors),
        pixel_size_um=view.pixel_size_um,
        notes=[_filter_scale(view), NOT_CLASSES, *view.notes],
    )


def _named(what: str, images: list[FloatImage]) -> DisplayRange:
    """Return the common range of `images`, its text beginning with what they are."""
    display = choose_display(images)
    return replace(display, text=f"{what}: {display.text}")


def _filter_scale(view: TranslationView) -> str:
    top = float(np.percentile(view.filters, HIGH_PERCENTILE))
    return (
        f"filters: one scale for all, 0 to {top:.3g}, the {HIGH_PERCENTILE} percentile of "
        f"{counted(len(view.filters), 'filter')}; the largest value is "
        f"{float(view.filters.max()):.3g}"
    )


def _filter_row(view: TranslationView) -> list[Panel]:
    top = float(np.percentile(view.filters, HIGH_PERCENTILE))
    scale = DisplayRange(0.0, top or 1.0, "")
    return [
        ImagePanel("input", view.image, _named("input, normalised", [view.image])),
        *(
            MapPanel(f"filter {k}", values, scale, FILTER_COLORMAP, f"f{k}")
            for k, values in enumerate(view.filters, start=1)
        ),
    ]


def _enhanced_row(view: TranslationView) -> list[Panel]:
    stretch = _named("enhanced images", list(view.enhanced))
    truth: Panel = BlankPanel()
    if view.truth is not None:
        truth = MaskPanel("truth", view.truth, view.class_colors)
    return [
        truth,
        *(
            ImagePanel(f"enhanced {k}", enhanced, stretch)
            for k, enhanced in enumerate(view.enhanced, start=1)
        ),
    ]


def _branch_row(view: TranslationView) -> list[Panel]:
    names = ["network 1", *(f"branch {k}" for k in range(1, len(view.branch_masks)))]
    return [
        MaskPanel(name, mask, view.class_colors)
        for name, mask in zip(names, view.branch_masks, strict=True)
    ]


def _result_row(view: TranslationView) -> list[Panel]:
    labels = ["N1", *(f"B{k}" for k in range(1, len(view.weights)))]
    percent = [100 * share for share in view.shares]
    n_filters = len(view.filters)
    strips: list[Panel] = [
        StripPanel(
            "ensemble weights, raw",
            labels,
            view.weights,
            span=max(1, n_filters // 2),
            value_format="{:.2f}",
        )
    ]
    if n_filters > 1:
        span = n_filters - n_filters // 2
        title = "share of the logit range, %"
        strips.append(StripPanel(title, labels, percent, span=span, value_format="{:.0f}"))
    return [MaskPanel("result", view.mask, view.class_colors), *strips]
