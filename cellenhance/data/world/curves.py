"""Thin curves (filaments, long mitochondria): drawn as chains of points, stamped as distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellenhance.data.world.fields import Field
from cellenhance.data.world.placing import Points

_STEP_PX = 0.5
OUTSIDE_PX = 6.0
"""How far from a curve its distance is still known."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves on the pixel grid.

    Attributes
    ----------
    distance : (H, W) float32, px to the nearest curve, at most OUTSIDE_PX
    curve : (H, W) int32, index of that curve; -1 where none is near
    """

    distance: Field
    curve: NDArray[np.int32]


def draw_curves(
    starts: Points,
    angles: NDArray[np.float64],
    lengths_px: NDArray[np.float64],
    persistence_px: float,
    rng: np.random.Generator,
) -> list[Points]:
    """Return chains of points, half a pixel apart, that start at `angles` and wander off.

    Parameters
    ----------
    persistence_px : length after which a curve has forgotten its direction
    """
    bend = np.sqrt(2 * _STEP_PX / persistence_px)
    chains = []
    for start, angle, length in zip(starts, angles, lengths_px, strict=True):
        turning = bend * rng.standard_normal(max(2, int(length / _STEP_PX)))
        heading = angle + np.cumsum(turning)
        steps = np.stack([np.sin(heading), np.cos(heading)], axis=-1)
        chains.append(start + _STEP_PX * np.cumsum(steps, axis=0))
    return chains


def stay_inside(chains: list[Points], owner: NDArray[np.int32]) -> list[Points]:
    """Return each chain up to where it leaves the cell that it starts in, or the image."""
    kept = []
    for chain in chains:
        at = np.rint(chain).astype(np.intp)
        inside: NDArray[np.bool_] = np.all((at >= 0) & (at < owner.shape), axis=1)
        y, x = np.where(inside[:, None], at, at[0]).T
        own = owner[y[0], x[0]] if inside[0] else 0
        leaves = ~inside | (owner[y, x] != own) if own else np.ones(len(chain), bool)
        end = int(leaves.argmax()) if leaves.any() else len(chain)
        kept.append(chain[:end])
    return kept


def stamp_curves(chains: list[Points], within: NDArray[np.bool_]) -> Curves:
    """Return the curves on the pixels where (H, W) `within` is True; elsewhere none is near."""
    distances = np.full(within.shape, OUTSIDE_PX, np.float32)
    curves = np.full(within.shape, -1, np.int32)
    points = np.concatenate([np.empty((0, 2)), *chains])
    if not len(points):
        return Curves(distances, curves)
    number = np.repeat(np.arange(len(chains), dtype=np.int32), [len(chain) for chain in chains])
    distance, nearest = cKDTree(points).query(np.argwhere(within), distance_upper_bound=OUTSIDE_PX)
    distances[within] = np.minimum(distance, OUTSIDE_PX)
    curves[within] = np.append(number, np.int32(-1))[nearest]  # len(points) where none is near
    return Curves(distances, curves)
