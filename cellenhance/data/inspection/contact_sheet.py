"""All images of a set on one sheet, each beside its coloured mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, ImageArray, MaskArray

THUMBNAIL_PX = 160
_GAP_PX, _LABEL_PX, _DPI = 6, 18, 100
_IGNORE_RGB = (90, 90, 90)
_MOST_COLUMNS = 6
_LEAST_CELL_PX = 100
_SWATCH_PX = 14
_LETTER_PX = 6
"""Width that is reckoned for a letter of a label."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A sample made small: image (h, w, C) in its own units; `remark` in red.

    Attributes
    ----------
    shares : (h, w) share of each value of the mask in the pixels that became one, so that a
        border of one pixel is seen
    """

    id: str
    image: ImageArray
    shares: Mapping[int, NDArray[np.float32]]
    remark: str = ""


def make_thumbnail(
    sample_id: str, image: ImageArray, mask: MaskArray, remark: str = ""
) -> Thumbnail:
    """Return a sample of at most `THUMBNAIL_PX` a side, by means of blocks."""
    step = max(1, math.ceil(max(image.shape[:2]) / THUMBNAIL_PX))
    height, width = (max(1, side // step) for side in image.shape[:2])
    blocks = (height, min(step, image.shape[0]), width, min(step, image.shape[1]))
    shown = mask[: blocks[0] * blocks[1], : blocks[2] * blocks[3]]
    shares = {
        value: (shown == value).reshape(blocks).mean(axis=(1, 3), dtype=np.float32)
        for value in np.unique(shown).tolist()
    }
    pixels = image[: shown.shape[0], : shown.shape[1]].astype(np.float32)
    return Thumbnail(sample_id, pixels.reshape(*blocks, -1).mean(axis=(1, 3)), shares, remark)


def color_table(colors: Sequence[str]) -> NDArray[np.uint8]:
    """Return the (256, 3) RGB of each mask value; ignore is grey."""
    table = np.zeros((256, 3), dtype=np.uint8)
    for index, color in enumerate(colors):
        table[index] = list(bytes.fromhex(color[1:]))
    table[IGNORE] = _IGNORE_RGB
    return table


def render_contact_sheet(
    thumbnails: Sequence[Thumbnail],
    *,
    low: Sequence[float],
    high: Sequence[float],
    colors: Mapping[str, str],
    title: str,
) -> bytes:
    """Return the sheet as PNG.

    Parameters
    ----------
    low, high : display limits of each channel, the same for all images
    colors : "#rrggbb" of each class by its name, in index order; the legend
    """
    columns = min(_MOST_COLUMNS, max(1, math.ceil(math.sqrt(len(thumbnails)))))
    rows = math.ceil(len(thumbnails) / columns)
    # Room for the largest thumbnail there is, and for a short name above it.
    room_h, room_w = (max(each.image.shape[axis] for each in thumbnails) for axis in (0, 1))
    cell_h, cell_w = room_h + _LABEL_PX, max(2 * room_w + _GAP_PX, _LEAST_CELL_PX) + 2 * _GAP_PX
    legend_at = 4 * _GAP_PX + len(title) * _LETTER_PX
    legend_w = sum(_swatch_width(name) for name in colors)
    page_w = max(_GAP_PX + columns * cell_w, legend_at + legend_w)
    sheet = np.full((rows * cell_h + _LABEL_PX + _GAP_PX, page_w, 3), 255, dtype=np.uint8)
    table = color_table(list(colors.values()))
    labels = [_Label(float(_GAP_PX), _LABEL_PX - 5.0, title)]
    for index, name in enumerate(colors):
        sheet[_GAP_PX : _LABEL_PX - 3, legend_at : legend_at + _SWATCH_PX] = table[index]
        at = float(legend_at + _SWATCH_PX + _GAP_PX // 2)
        labels.append(_Label(at, _LABEL_PX - 5.0, name))
        legend_at += _swatch_width(name)
    for index, each in enumerate(thumbnails):
        top = _LABEL_PX + index // columns * cell_h
        left = _GAP_PX + index % columns * cell_w
        height, width = each.image.shape[:2]
        sheet[top + _LABEL_PX : top + _LABEL_PX + height, left : left + width] = _stretch(
            each.image, low, high
        )
        beside = left + room_w + _GAP_PX
        sheet[top + _LABEL_PX : top + _LABEL_PX + height, beside : beside + width] = _mix(
            each.shares, table
        )
        most = (cell_w - _GAP_PX) // _LETTER_PX
        name, remark = _cut(each.id, most), _cut(each.remark, most // 2)
        baseline = top + _LABEL_PX - 5.0
        if remark:
            name = _cut(name, most - len(remark) - 1)
            at = left + (len(name) + 1) * float(_LETTER_PX)
            labels.append(_Label(at, baseline, remark, "#c00000"))
        labels.append(_Label(float(left), baseline, name))
    return _print(sheet, labels)


def _mix(shares: Mapping[int, NDArray[np.float32]], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the RGB in which each value has its share."""
    values = list(shares)
    mixed = np.tensordot(np.stack([shares[value] for value in values], axis=-1), table[values], 1)
    colored: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return colored


def _stretch(image: ImageArray, low: Sequence[float], high: Sequence[float]) -> NDArray[np.uint8]:
    """Return RGB between the limits: three channels as they are, else the first as grey."""
    shown = image if image.shape[2] == 3 else image[..., :1]
    floor = np.asarray(low[: shown.shape[2]], dtype=np.float32)
    span = np.maximum(np.asarray(high[: shown.shape[2]], dtype=np.float32) - floor, 1e-12)
    grey = np.clip((shown - floor) / span, 0, 1) * 255
    return np.broadcast_to(grey, (*grey.shape[:2], 3)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Label:
    """A text and where its baseline begins, in pixels from the upper left."""

    x: float
    y: float
    text: str
    color: str = "black"


def _swatch_width(name: str) -> int:
    """Return the room that a class takes in the legend: a patch of its colour and its name."""
    return _SWATCH_PX + 2 * _GAP_PX + len(name) * _LETTER_PX


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(0, most - 3)]}..."


def _print(sheet: NDArray[np.uint8], labels: Sequence[_Label]) -> bytes:
    height, width = sheet.shape[:2]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(sheet, interpolation="none", extent=(0, width, height, 0), aspect="auto")
    for each in labels:
        axes.text(each.x, each.y, each.text, fontsize=7, color=each.color, parse_math=False)
    target = BytesIO()
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "cellenhance"}):
        warnings.simplefilter("ignore")  # a name in a script that the font lacks is shown as boxes
        figure.savefig(target, format="png", dpi=_DPI)
    return target.getvalue()
