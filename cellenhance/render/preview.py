"""Coloured previews of masks, since raw class indices look black; arrays in, RGB out.

For figures in a paper, with a legend and a scale bar, see `panels`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.texts import counted

MAX_SIDE_PX = 2048
"""Previews are only for viewing: larger masks are thinned so that no side exceeds this."""

_IGNORE_GREY = 128
_LINES_ACROSS = 400
"""A line is the longer side divided by this wide: visible when the picture fills a screen."""


def render_preview(
    mask: MaskArray, colors: Sequence[str], max_side_px: int = MAX_SIDE_PX
) -> NDArray[np.uint8]:
    """Return `mask` in the colours of its classes.

    Parameters
    ----------
    mask : (H, W) uint8 class indices, 255 = ignore (drawn mid grey)
    colors : #rrggbb of each class in index order
    max_side_px : every n-th pixel is taken, with the smallest n that fits both sides into this

    Returns
    -------
    (h, w, 3) uint8 RGB

    Raises
    ------
    ValueError
        The mask is not (H, W) uint8, holds an index without a colour, or a colour is not
        #rrggbb.

    Examples
    --------
    >>> import numpy as np
    >>> render_preview(np.array([[0, 1, 255]], np.uint8), ["#000000", "#ff8000"]).tolist()
    [[[0, 0, 0], [255, 128, 0], [128, 128, 128]]]
    """
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"expected a mask (H, W) of uint8, not {mask.shape} of {mask.dtype}")
    step = max(1, -(-max(mask.shape) // max_side_px))
    thinned = mask[::step, ::step]
    stray = [int(value) for value in np.unique(thinned) if len(colors) <= value != IGNORE]
    if stray:
        n_colors = counted(len(colors), "colour")
        raise ValueError(f"mask values {stray} have no colour: expected at most {n_colors}")
    table = np.full((256, 3), _IGNORE_GREY, np.uint8)
    table[: len(colors)] = [parse_color(color) for color in colors]
    return table[thinned]


def render_overlay(
    rgb: NDArray[np.uint8], mask: MaskArray, colors: Sequence[str], background: int
) -> NDArray[np.uint8]:
    """Return a picture with a line in its colour just inside the border of every class.

    Parameters
    ----------
    rgb : (H, W, 3) uint8, the image
    mask : (H, W) uint8 class indices; values without a colour, such as 255, get no line
    colors : #rrggbb of each class in index order
    background : the class without a line

    Returns
    -------
    (H, W, 3) uint8; the edge of the picture is not a border of a class

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.array([[0, 1, 1, 1]], np.uint8)
    >>> render_overlay(np.zeros((1, 4, 3), np.uint8), mask, ["#000000", "#ff8000"], 0).tolist()
    [[[0, 0, 0], [255, 128, 0], [0, 0, 0], [0, 0, 0]]]
    """
    picture = rgb.copy()
    width = max(1, round(max(mask.shape) / _LINES_ACROSS))
    for index, color in enumerate(colors):
        if index == background:
            continue
        inside = mask == index
        # With a border value of 1 the edge of the picture erodes nothing and gets no line.
        core = binary_erosion(inside, iterations=width, border_value=1)
        picture[inside & ~core] = parse_color(color)
    return picture


def parse_color(color: str) -> tuple[int, int, int]:
    """Return (red, green, blue) of ``"#rrggbb"``; anything else is a ValueError."""
    if len(color) != 7 or color[0] != "#":
        raise ValueError(f"expected a colour #rrggbb, not {color!r}")
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue
