"""Sub-pixel outlines of the classes of a mask; geometry only, nothing is drawn here.

Coordinates are pixels (x, y) with the centre of the first pixel at (0, 0), so an image spans
-0.5 to W - 0.5.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.path import Path as CurvePath
from numpy.typing import NDArray
from skimage.measure import find_contours

from cellenhance.arrays import MaskArray

Ring = NDArray[np.float64]

_REPEATED = 2


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of one class.

    Attributes
    ----------
    rings : (n, 2) float64 each, x and y, closed; holes run the other way round
    color : #rrggbb
    dashed : drawn with dashes, as truth is
    filled : the inside is tinted
    """

    rings: tuple[Ring, ...]
    color: str
    dashed: bool = False
    filled: bool = False

    def curve(self) -> CurvePath:
        """Return the rings as one path of matplotlib."""
        return CurvePath.make_compound_path(*(CurvePath(ring, closed=True) for ring in self.rings))


def class_rings(inside: NDArray[Any]) -> tuple[Ring, ...]:
    """Return the rings around the True pixels of `inside`, (H, W).

    The line runs half-way between the centres of pixels inside and outside, so it encloses the
    centre of exactly the True pixels. Objects that reach the border are closed along it.

    Examples
    --------
    >>> import numpy as np
    >>> [ring] = class_rings(np.array([[True]]))
    >>> ring.tolist()
    [[0.0, 0.5], [-0.5, 0.0], [0.0, -0.5], [0.5, 0.0], [0.0, 0.5]]
    """
    # Marching squares at level 0.5. Padding with False closes the rings at the image border;
    # "low" lets pixels that touch only by a corner have rings of their own.
    found = find_contours(np.pad(inside.astype(np.float64), 1), 0.5, fully_connected="low")
    # (row, column) becomes (x, y), and the padding is taken off again.
    return tuple(_drop_straight(ring[:, ::-1] - 1) for ring in found)


def _drop_straight(ring: Ring) -> Ring:
    """Return the ring without the points at which it does not turn."""
    # All steps of marching squares have one of 8 directions, so equal steps compare exactly. The
    # first point follows the last step: the ring is closed.
    steps = np.diff(ring, axis=0)
    turns = np.any(steps != np.roll(steps, 1, axis=0), axis=1)
    corners = ring[:-1][turns]
    return np.concatenate([corners, corners[:1]])


def mask_outlines(
    mask: MaskArray,
    colors: Sequence[str],
    *,
    without: Collection[int] = (),
    dashed: bool = False,
    filled: bool = False,
) -> tuple[Outline, ...]:
    """Return the outlines of the classes of a mask (H, W) uint8, the largest class first.

    Where a class reaches the border of the mask, its ring runs far outside: the edge of a picture
    or of a part of it is not a border of the class, and gets no line.

    Parameters
    ----------
    colors : #rrggbb of each class; values without a colour, such as 255 (ignore), have no outline
    without : indices of classes that are not outlined
    """
    # The largest class comes first, so that it is drawn below the smaller ones.
    counts = np.bincount(mask.ravel(), minlength=256)[: len(colors)]
    wanted = [index for index in np.argsort(-counts, kind="stable") if index not in without]
    return tuple(
        Outline(_open(mask == index), colors[index], dashed=dashed, filled=filled)
        for index in wanted
        if counts[index]
    )


def _open(inside: NDArray[np.bool_]) -> tuple[Ring, ...]:
    """Return the rings of `class_rings`, led straight out of the image where they reach its border.

    The outermost pixels are repeated outside, and what closes a ring there is moved far away.
    """
    # After padding by _REPEATED pixels a ring that reaches the border is closed along a line half a
    # pixel beyond the padding. Only points on that line are moved, along one axis, so the line
    # inside the image stays exactly where it was.
    size = np.array(inside.shape[::-1], np.float64)
    rings = []
    for ring in class_rings(np.pad(inside, _REPEATED, mode="edge")):
        shifted = ring - _REPEATED
        moved = np.where(shifted == -_REPEATED - 0.5, -size - _REPEATED, shifted)
        rings.append(np.where(shifted == size + _REPEATED - 0.5, 2 * size + _REPEATED, moved))
    return tuple(rings)
