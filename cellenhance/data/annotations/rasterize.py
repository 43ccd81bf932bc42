"""Shapes as pixels: a pixel belongs to a shape when its centre lies inside.

A centre exactly on an outline belongs to the side right of or below it, so that areas that share
an outline neither overlap nor leave a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.annotations.shapes import Area, Ring, Shape, Stencil

_MOST_CROSSINGS = 4_000_000
"""Row crossings held at once; a hostile outline costs time, not memory."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Pixels of an area: `inside` (h, w) bool is the window of the image at `rows`, `cols`."""

    rows: slice
    cols: slice
    inside: NDArray[np.bool_]


def fill_area(area: Area, height: int, width: int) -> Filled:
    """Return the pixels of an image of `height` x `width` whose centres lie inside `area`.

    Examples
    --------
    >>> square = np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]])
    >>> filled = fill_area(Area((square,)), 4, 4)
    >>> filled.rows, filled.cols, bool(filled.inside.all())
    (slice(0, 2, None), slice(1, 3, None), True)
    """
    points, size = np.concatenate(area.rings), np.array([width, height])
    left, top = _first_centre(points.min(axis=0), size)
    right, bottom = _first_centre(points.max(axis=0), size)
    rows, cols = slice(int(top), int(bottom)), slice(int(left), int(right))
    n_rows, n_cols = rows.stop - rows.start, cols.stop - cols.start
    # Each row has one place more than columns, for crossings right of the window: they change none.
    changes = np.zeros(n_rows * (n_cols + 1), dtype=np.uint8)
    for row, x in _crossings(_segments(area.rings), rows):
        # Right of a crossing inside and outside change places.
        column = _first_centre(x, width).clip(cols.start, cols.stop) - cols.start
        place = (row - rows.start) * (n_cols + 1) + column
        # Two crossings at one place cancel each other, as in a sliver thinner than a pixel.
        changes ^= (np.bincount(place, minlength=changes.size) & 1).astype(np.uint8)
    # Even-odd rule: a pixel is inside when the number of crossings left of its centre is odd.
    parity = np.bitwise_xor.accumulate(changes.reshape(n_rows, n_cols + 1), axis=1)
    return Filled(rows, cols, parity[:, :n_cols].astype(bool))


def paint_shapes(
    canvas: NDArray[np.int64], shapes: Sequence[Shape], codes: Mapping[str, int]
) -> None:
    """Write the code of each shape's label into `canvas` (H, W), later shapes over earlier ones."""
    height, width = canvas.shape
    for shape in shapes:
        code = codes[shape.label]
        for part in shape.parts:
            filled = (
                _place_stencil(part, height, width)
                if isinstance(part, Stencil)
                else fill_area(part, height, width)
            )
            canvas[filled.rows, filled.cols][filled.inside] = code


def _first_centre(
    position: NDArray[np.float64], limit: int | NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the first pixel whose centre is at or beyond a coordinate, from 0 to `limit`."""
    first: NDArray[np.float64] = np.minimum(np.maximum(np.ceil(position - 0.5), 0), limit)
    return first.astype(np.int64)


def _segments(rings: Sequence[Ring]) -> NDArray[np.float64]:
    """Return (N, 4) segments x0, y0, x1, y1 with y0 < y1, whichever way they were drawn.

    One direction for all makes the crossings of a shared outline the same numbers on both sides.
    """
    pieces = [np.hstack([ring, np.roll(ring, -1, axis=0)]) for ring in rings]
    segments: NDArray[np.float64] = np.concatenate(pieces)
    # Level segments cross no row of centres; the pieces before and after them do.
    segments = segments[segments[:, 1] != segments[:, 3]]
    upward = segments[:, 1] > segments[:, 3]
    segments[upward] = segments[upward][:, [2, 3, 0, 1]]
    return segments


def _crossings(
    segments: NDArray[np.float64], rows: slice
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield rows of pixel centres and where segments cross them, some segments at a time."""
    first = np.clip(np.ceil(segments[:, 1] - 0.5), rows.start, rows.stop).astype(np.int64)
    last = np.clip(np.ceil(segments[:, 3] - 0.5), rows.start, rows.stop).astype(np.int64)
    numbers = last - first
    step = max(1, _MOST_CROSSINGS // max(1, rows.stop - rows.start))
    for begin in range(0, len(segments), step):
        some = slice(begin, begin + step)
        count = numbers[some]
        # One entry per segment and row it crosses; offset counts 0, 1, 2 ... within each segment.
        which = np.repeat(np.arange(len(count)), count)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
        row = first[some][which] + offset
        x0, y0, x1, y1 = segments[some][which].T
        yield row, x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0))


def _place_stencil(stencil: Stencil, height: int, width: int) -> Filled:
    """Return what of a stencil lies inside the image."""
    n_rows, n_cols = stencil.pixels.shape
    rows = slice(max(0, stencil.top), max(0, min(height, stencil.top + n_rows)))
    cols = slice(max(0, stencil.left), max(0, min(width, stencil.left + n_cols)))
    inside = stencil.pixels[
        rows.start - stencil.top : rows.stop - stencil.top,
        cols.start - stencil.left : cols.stop - stencil.left,
    ]
    return Filled(rows, cols, inside)
