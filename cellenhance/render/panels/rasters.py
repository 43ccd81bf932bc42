"""The pixels of a panel as RGB at the resolution of the page; arrays in, arrays out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.render.display import RgbArray, image_to_rgb, map_to_rgb, thin
from cellenhance.render.panels.records import ErrorPanel, ImagePanel, MapPanel, PicturePanel
from cellenhance.render.preview import parse_color, render_preview

RIGHT_BACKGROUND, RIGHT_CLASS, NOT_JUDGED = "#262626", "#737373", "#a08cb4"
_STRIPES_ACROSS = 90
"""Stripes in an error map from left to right, so that they are seen at any size of the image."""


def render_picture(panel: PicturePanel, most_px: float) -> RgbArray:
    """Return what a panel shows, (h, w, 3) uint8, thinned to about `most_px` columns."""
    if isinstance(panel, ImagePanel):
        return image_to_rgb(thin(panel.image, most_px), panel.display)
    if isinstance(panel, MapPanel):
        return map_to_rgb(thin(panel.values, most_px), panel.display, panel.colormap)
    if isinstance(panel, ErrorPanel):
        return render_errors(panel, most_px)
    rgb = render_preview(panel.mask, panel.colors, max_side_px=max(panel.mask.shape))
    rgb[panel.mask == IGNORE] = parse_color(NOT_JUDGED)
    thinned: RgbArray = thin(rgb, most_px)
    return thinned


def render_errors(panel: ErrorPanel, most_px: float) -> RgbArray:
    """Return the error map of a panel; small images are enlarged so that stripes fit in."""
    kind, color_of = _judge(panel.truth, panel.prediction, panel.background)
    rgb = _color_table(panel.colors)[color_of]
    for number, color in ((_RIGHT_BACKGROUND, RIGHT_BACKGROUND), (_RIGHT, RIGHT_CLASS)):
        rgb[kind == number] = parse_color(color)
    rgb[kind == _UNJUDGED] = parse_color(NOT_JUDGED)
    # Stripes are cut at the resolution of the page: at that of a small image they would be blocks.
    enlarge = max(1, math.floor(most_px / rgb.shape[1]))
    rgb, kind = _enlarge(rgb, enlarge), _enlarge(kind, enlarge)
    rows, cols = np.ogrid[: kind.shape[0], : kind.shape[1]]
    period = max(2, round(kind.shape[1] / _STRIPES_ACROSS))
    dark = (rows + cols) % period >= math.ceil(period / 2)
    rgb[(kind == _MISSED) & dark] = parse_color(RIGHT_BACKGROUND)
    thinned: RgbArray = thin(rgb, most_px)
    return thinned


_RIGHT_BACKGROUND, _RIGHT, _FALSE, _MISSED, _UNJUDGED = range(5)


def _judge(
    truth: MaskArray, prediction: MaskArray, background: int
) -> tuple[NDArray[np.uint8], MaskArray]:
    """Return for each pixel how it is judged, and the class whose colour it gets."""
    # Later lines overrule earlier ones: whatever is neither missed nor right stays false.
    kind = np.full(truth.shape, _FALSE, np.uint8)
    kind[prediction == background] = _MISSED
    kind[truth == prediction] = _RIGHT
    kind[(truth == prediction) & (truth == background)] = _RIGHT_BACKGROUND
    kind[truth == IGNORE] = _UNJUDGED
    return kind, np.where(kind == _MISSED, truth, prediction)


def _color_table(colors: Sequence[str]) -> RgbArray:
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = [parse_color(color) for color in colors]
    return table


def _enlarge(array: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    return array.repeat(factor, axis=0).repeat(factor, axis=1)
