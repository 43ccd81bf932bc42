"""The regions of a mask as outlines, simplified so that neighbours keep a common border.

A region is what is connected over pixel edges. An outline runs through the middles of the pixel
edges that part two regions; unsimplified it encloses exactly the pixel centres of its region. Where
three regions meet, and at the corners of the image, points are fixed; the line between two of them
is simplified once for both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, label

from cellenhance.arrays import MaskArray
from cellenhance.data.annotations.shapes import Area, Ring, ring_area_px

_STEP = np.array([[0.5, 0.0], [0.0, 0.5], [-0.5, 0.0], [0.0, -0.5]])
"""From the start of a pixel edge to its middle, going east, south, west, north."""


@dataclass(frozen=True, slots=True)
class Region:
    """A connected region of a mask.

    Attributes
    ----------
    value : class index, or 255
    bounds_px : area of the upright rectangle around it, in pixels
    at_border : it touches the border of the image
    """

    value: int
    outer: Ring
    holes: tuple[Ring, ...]
    bounds_px: float
    at_border: bool

    @property
    def area(self) -> Area:
        """The region with its holes, the outline first, none of which touches itself."""
        loops = [loop for ring in (self.outer, *self.holes) for loop in _split_at_touches(ring)]
        loops.sort(key=ring_area_px, reverse=True)
        return Area(tuple(loops) or (self.outer,))


@dataclass(frozen=True, slots=True)
class _Loop:
    """One closed way along pixel edges, its region to the right.

    Attributes
    ----------
    corners : (N, 2) x, y where each pixel edge starts
    directions : (N,) 0 east, 1 south, 2 west, 3 north
    fixed : (N,) the corner may not be left out
    """

    region: int
    corners: NDArray[np.float64]
    directions: NDArray[np.int64]
    fixed: NDArray[np.bool_]

    @property
    def is_outer(self) -> bool:
        """Tell outlines, which run clockwise, from holes."""
        return ring_area_px(self.corners) > 0


def trace_regions(mask: MaskArray, tolerance_px: float) -> list[Region]:
    """Return the regions of a (H, W) mask, those of larger extent first.

    A region inside a hole of another one has the smaller extent, so painting all outer outlines
    in this order gives the mask.

    Parameters
    ----------
    tolerance_px : how far an outline may move; 0 keeps every pixel
    """
    components = label(mask.astype(np.int32) + 1, background=0, connectivity=1)
    height, width = mask.shape
    simplify = _Simplifier(tolerance_px)
    outer: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    facts: dict[int, tuple[int, float, bool]] = {}
    for loop in _loops(components):
        ring = simplify.ring(loop)
        if len(ring) < 3:
            continue  # simplified away: it was thinner than the tolerance
        if not loop.is_outer:
            holes.setdefault(loop.region, []).append(ring)
            continue
        outer[loop.region] = ring
        low, high = loop.corners.min(axis=0), loop.corners.max(axis=0)
        at_border = bool((low <= 0).any() or (high >= (width, height)).any())
        column, row = _pixel_right_of(loop)
        facts[loop.region] = (int(mask[row, column]), float(np.prod(high - low)), at_border)
    regions = [
        Region(value, outer[number], tuple(holes.get(number, ())), bounds, at_border)
        for number, (value, bounds, at_border) in facts.items()
    ]
    return sorted(regions, key=lambda region: -region.bounds_px)


def _pixel_right_of(loop: _Loop) -> tuple[int, int]:
    """Return column and row of the pixel right of the first edge of a loop."""
    x, y = loop.corners[0]
    dx, dy = ((0, 0), (-1, 0), (-1, -1), (0, -1))[int(loop.directions[0])]
    return int(x) + dx, int(y) + dy


def _loops(components: NDArray[np.int64]) -> list[_Loop]:
    """Return all closed ways along the edges of components numbered from 1."""
    height, width = components.shape
    n_corners = (height + 1) * (width + 1)
    starts, owners, junction = _directed_edges(components)
    directions, corners = np.divmod(starts, n_corners)
    target = corners + np.array([1, width + 1, -1, -width - 1])[directions]
    following = np.full(len(starts), -1)
    # An edge is one number, direction * n_corners + start, so that the next one can be looked up in
    # the sorted `starts`: it starts at the target, goes right (1), straight on (0) or left (3), and
    # has the same owner. The later of the three tries wins.
    # Turning right where it can, a way stays on its own side of pixels that touch at a corner.
    for turn in (3, 0, 1):
        wanted = (directions + turn) % 4 * n_corners + target
        place = np.searchsorted(starts, wanted).clip(max=len(starts) - 1)
        fits = (starts[place] == wanted) & (owners[place] == owners)
        following = np.where(fits, place, following)
    points = np.stack([corners % (width + 1), corners // (width + 1)], axis=1).astype(np.float64)
    return [
        _Loop(int(owners[way[0]]), points[way], directions[way], junction[corners[way]])
        for way in _cycles(following)
    ]


def _directed_edges(
    components: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return pixel edges as direction * n_corners + start corner, their regions, and junctions."""
    padded = np.pad(components, 1)
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    # Going east the region to the right is the pixel below, and so on.
    owner = np.stack(
        [
            np.where(right != left, right, 0)
            for right, left in ((se, ne), (sw, se), (nw, sw), (ne, nw))
        ]
    ).ravel()
    starts = np.flatnonzero(owner)
    # Around a corner 2 changes are one border that passes; 3 or 4 are regions that meet.
    changes = sum((a != b).astype(np.int8) for a, b in ((nw, ne), (ne, se), (se, sw), (sw, nw)))
    junction = np.asarray(changes >= 3)
    junction[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return starts, owner[starts], junction.ravel()


def _cycles(following: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    successor = following.tolist()
    seen = bytearray(len(successor))
    ways = []
    for first in range(len(successor)):
        if seen[first]:
            continue
        way, place = [], first
        while not seen[place]:
            seen[place] = 1
            way.append(place)
            place = successor[place]
        ways.append(np.array(way, dtype=np.int64))
    return ways


class _Simplifier:
    """Simplifies each line between fixed points once, for the regions on both of its sides."""

    def __init__(self, tolerance_px: float) -> None:
        self._tolerance = tolerance_px
        self._known: dict[tuple[float, ...], Ring] = {}

    def ring(self, loop: _Loop) -> Ring:
        """Return the simplified outline of a loop, not closed."""
        middles = loop.corners + _STEP[loop.directions]
        breaks = np.flatnonzero(loop.fixed)
        # Without a fixed point the border has the same two regions all the way.
        if not breaks.size:
            return self._closed(middles)
        pieces = []
        # The last line runs on past the end of the arrays to the first fixed point.
        for begin, end in zip(breaks, [*breaks[1:], breaks[0] + len(middles)], strict=True):
            between = middles[np.arange(begin, end) % len(middles)]
            ends = loop.corners[[begin, end % len(middles)]]
            pieces.append(self._line(np.vstack([ends[:1], between, ends[1:]]))[:-1])
        return np.concatenate(pieces)

    def _closed(self, points: Ring) -> Ring:
        # Both sides start at the leftmost point (of these the highest), so both simplify alike.
        start = int(np.lexsort((points[:, 1], points[:, 0]))[0])
        points = np.roll(points, -start, axis=0)
        line = self._line(np.vstack([points, points[:1]]))[:-1]
        return line if len(line) > 2 else points

    def _line(self, points: Ring) -> Ring:
        """Return a line simplified; the same points in either direction give the same line."""
        backward = _is_after(points)
        forward = points[::-1] if backward else points
        # Two lines may share both ends, but not the first step from there.
        key = (*forward[0], *forward[1], *forward[-1])
        if key not in self._known:
            self._known[key] = approximate_polygon(_bends(forward), self._tolerance)
        line = self._known[key]
        return line[::-1] if backward else line


def _split_at_touches(ring: Ring) -> list[Ring]:
    """Return a ring that comes back to one of its points as the loops in between."""
    path: list[tuple[float, float]] = []
    place: dict[tuple[float, float], int] = {}
    loops = []
    for x, y in ring.tolist():
        if (x, y) in place:
            start = place[x, y]
            loops.append(path[start:])
            # The loop is cut off; the way goes on from the point where it closed.
            for point in path[start + 1 :]:
                del place[point]
            del path[start + 1 :]
        else:
            place[x, y] = len(path)
            path.append((x, y))
    loops.append(path)
    return [np.array(loop) for loop in loops if len(loop) > 2]


def _bends(points: Ring) -> Ring:
    """Return a line without the points that lie on a straight piece of it."""
    before, after = points[1:-1] - points[:-2], points[2:] - points[1:-1]
    turns: NDArray[np.bool_] = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    kept: Ring = points[np.concatenate([[True], turns, [True]])]
    return kept


def _is_after(points: Ring) -> bool:
    """Tell whether a line runs against the order in which both its sides agree to see it."""
    first, last = tuple(points[0]), tuple(points[-1])
    if first == last:
        return tuple(points[1]) > tuple(points[-2])
    return first > last
