"""What an annotation is, whatever program drew it: labelled shapes in painting order.

Coordinates are (x, y) in pixels with the corner of the image at (0, 0): pixel (row r, column c) is
the square from (c, r) to (c + 1, r + 1) and belongs to a shape when its centre lies inside. COCO,
QuPath and ImageJ count like this; LabelMe means the centre of pixel 0 by 0, so its importer and
exporter move by half a pixel, and nobody else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ring: TypeAlias = NDArray[np.float64]
"""(N, 2) points x, y; the last is joined to the first."""


@dataclass(frozen=True, slots=True)
class Area:
    """Rings under the even-odd rule: an outline, and the outlines of its holes."""

    rings: tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Stencil:
    """An area given by its pixels; `pixels` is (h, w) bool, its corner at row `top`, col `left`."""

    pixels: NDArray[np.bool_]
    top: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """One drawn object: everything that any of its parts covers."""

    label: str
    parts: tuple[Area | Stencil, ...]


@dataclass(frozen=True, slots=True)
class Annotation:
    """The shapes of one image; where they overlap the later one counts.

    Attributes
    ----------
    height, width : size of the image as the file states it, None where it does not
    """

    shapes: tuple[Shape, ...]
    height: int | None = None
    width: int | None = None


def lies_outside(shape: Shape, height: int, width: int) -> bool:
    """Tell whether no part of a shape reaches into an image of `height` x `width` pixels."""
    return bool(shape.parts) and all(
        left >= width or top >= height or right <= 0 or bottom <= 0
        for left, top, right, bottom in map(_bounds, shape.parts)
    )


def _bounds(part: Area | Stencil) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom in px."""
    if isinstance(part, Stencil):
        n_rows, n_cols = part.pixels.shape
        return part.left, part.top, part.left + n_cols, part.top + n_rows
    points = np.concatenate(part.rings)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom


def ring_area_px(ring: Ring) -> float:
    """Return the area that a ring encloses, positive when it runs clockwise on the screen.

    Examples
    --------
    >>> ring_area_px(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]]))
    6.0
    """
    x, y = ring.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
