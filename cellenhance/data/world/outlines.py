"""Closed outlines (nuclei, cells, organelles): drawn as numbers, stamped as distances.

An outline is a circle that is stretched and waved. Stamping gives every pixel its distance to the
nearest outline, from which the mask (above 0) and the picture (soft edges, rims) are both made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.world.fields import Field
from cellenhance.data.world.placing import Points

OUTSIDE_PX = 8.0
"""How far outside an outline its distance is still known."""

_NOWHERE_PX = -1e6
"""Depth in outlines that do not reach a pixel."""
_WAVES = np.arange(2, 7)


@dataclass(frozen=True, slots=True)
class Outline:
    """One closed outline.

    Attributes
    ----------
    centre : (y, x) in px
    radius_px : mean radius
    stretch : long axis over short axis, from 1
    turn : angle of the long axis to the x axis, radians
    waves, phases : (5,) amplitude, as a share of the radius, and phase of 2 to 6 waves a turn
    owner : number of the object, from 1; outlines of one owner unite
    """

    centre: tuple[float, float]
    radius_px: float
    stretch: float
    turn: float
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    owner: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """Outlines on the pixel grid.

    Attributes
    ----------
    depth : (H, W) float32, px to the outline: above 0 inside, below outside, at least -OUTSIDE_PX
    to_border : (H, W) float32, the same, but px to the line between two owners where they meet
    owner : (H, W) int32, whose outline it is inside; 0 outside of all
    nearest : (H, W) int32, whose outline the depth is of; 0 where none is near
    """

    depth: Field
    to_border: Field
    owner: NDArray[np.int32]
    nearest: NDArray[np.int32]

    def coverage(self) -> Field:
        """Return (H, W) float32 in [0, 1]: how much of a pixel is inside, to half a pixel."""
        covered: Field = np.clip(self.depth + np.float32(0.5), 0, 1)
        return covered


def draw_outline(
    centre: tuple[float, float],
    radius_px: float,
    rng: np.random.Generator,
    *,
    owner: int,
    stretch: float = 1.0,
    waviness: float = 0.0,
) -> Outline:
    """Return an outline of a random turn whose waves have a deviation of `waviness` x radius."""
    amplitudes = waviness * rng.standard_normal(len(_WAVES)) / (_WAVES - 1) ** 1.5
    phases, turn = rng.uniform(0, 2 * np.pi, len(_WAVES)), rng.uniform(0, np.pi)
    limited = np.clip(amplitudes, -0.4, 0.4)
    return Outline(centre, radius_px, stretch, float(turn), limited, phases, owner)


def stamp(size_px: int, outlines: Iterable[Outline], points: Points | None = None) -> Stamped:
    """Return the outlines on a square of `size_px`.

    Where two owners overlap, a pixel goes to the one that it lies deeper in, so that objects which
    press on each other meet in a line between them.

    Parameters
    ----------
    points : (H, W, 2) where each pixel is looked up, if the plane is bent; None: where it is
    """
    depth = np.full((size_px, size_px), _NOWHERE_PX, np.float32)
    rival = depth.copy()  # depth in the next owner, which tells how far the line between them is
    nearest = np.zeros((size_px, size_px), np.int32)
    y, x = (points.transpose(2, 0, 1) if points is not None else np.indices(depth.shape)).astype(
        np.float32
    )
    slack = 0.0 if points is None else _largest_shift(points)
    for outline in outlines:
        reach = outline.radius_px * np.sqrt(outline.stretch) * (1 + np.abs(outline.waves).sum())
        low = [max(0, int(at - reach - OUTSIDE_PX - slack)) for at in outline.centre]
        high = [min(size_px, int(at + reach + OUTSIDE_PX + slack) + 2) for at in outline.centre]
        if low[0] >= high[0] or low[1] >= high[1]:
            continue
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        here, before = _distance(outline, y[window], x[window]), depth[window].copy()
        is_other = nearest[window] != outline.owner
        rivalling = np.where(is_other, np.minimum(here, before), np.float32(_NOWHERE_PX))
        rival[window] = np.maximum(rival[window], rivalling)
        nearest[window][here > before] = outline.owner
        depth[window] = np.maximum(before, here)
    to_border = np.where(depth > 0, np.minimum(depth, (depth - rival) / 2), depth)
    owner = np.where(depth > 0, nearest, 0).astype(np.int32)
    least = np.float32(-OUTSIDE_PX)
    return Stamped(np.maximum(depth, least), np.maximum(to_border, least), owner, nearest)


def _largest_shift(points: Points) -> float:
    straight = np.indices(points.shape[:2]).transpose(1, 2, 0)
    return float(np.abs(points - straight).max())


def _distance(outline: Outline, y: Field, x: Field) -> Field:
    """Return about how many px inside the outline each point of a window lies."""
    cos, sin = np.float32(np.cos(outline.turn)), np.float32(np.sin(outline.turn))
    root = np.float32(np.sqrt(outline.stretch))
    y, x = y - np.float32(outline.centre[0]), x - np.float32(outline.centre[1])
    along, across = (cos * x + sin * y) / root, (cos * y - sin * x) * root
    reach = np.maximum(np.hypot(along, across), np.float32(1e-6))
    border = np.full_like(reach, outline.radius_px)
    if outline.waves.any():
        # cos(n angle + phase) is the real part of exp(i phase) times the n-th power of `unit`; n
        # counts up from 2, the first of _WAVES.
        unit = (along + 1j * across) / reach
        power = unit
        for wave, phase in zip(outline.waves, outline.phases, strict=True):
            power = power * unit
            factor = np.complex64(outline.radius_px * wave * np.exp(1j * phase))
            border += (factor * power).real
    # In the stretched frame lengths differ with direction: dividing by the slope of `reach` makes
    # them px again, exactly so at the outline.
    slope = np.hypot(along / root, across * root) / reach
    distance: Field = (border - reach) / np.maximum(slope, 1 / root)
    return distance
