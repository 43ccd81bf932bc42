"""Cells that fill the plane: for every pixel its cell and the distance to the cell's border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellenhance.data.world.fields import Field, smooth_field
from cellenhance.data.world.placing import Points


@dataclass(frozen=True, slots=True)
class Tessellation:
    """A plane of cells.

    Attributes
    ----------
    cell : (H, W) int32, index of the cell, from 0
    neighbour : (H, W) int32, index of the cell beyond the nearest border
    to_border : (H, W) float32, px to that border, at least 0
    n_cells : cells in all, those outside the image too
    """

    cell: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    to_border: Field
    n_cells: int

    def per_border(self, rng: np.random.Generator) -> Field:
        """Return (H, W) float32 in [0, 1): a number that each border between two cells has."""
        of_cell = rng.random(self.n_cells)
        pair = of_cell[self.cell] + of_cell[self.neighbour]  # the same from both sides
        mixed: Field = np.modf(pair * 97.0)[0].astype(np.float32)
        return mixed


def warped_grid(size_px: int, bend_px: float, scale_px: float, rng: np.random.Generator) -> Points:
    """Return (H, W, 2) float64 pixel coordinates that are bent by about `bend_px`."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float64)
    points = np.stack([y, x], axis=-1)
    if bend_px > 0:
        for axis in range(2):
            points[..., axis] += bend_px * smooth_field(size_px, scale_px, rng)
    return points


def tessellate(
    points: Points, seeds: Points, group: NDArray[np.int32] | None = None, *, rounding_px: float = 0
) -> Tessellation:
    """Return the cells nearest to the seeds.

    Parameters
    ----------
    points : (H, W, 2) coordinates of the pixels
    group : (n,) the cell of each seed, where several seeds make one cell; None: one seed each
    rounding_px : how far corners are rounded, which makes the gaps between three cells wide
    """
    group = np.arange(len(seeds), dtype=np.int32) if group is None else group
    k = min(len(seeds), 6 if len(np.unique(group)) < len(group) else 3)
    height, width = points.shape[:2]
    distance, index = cKDTree(seeds).query(points.reshape(-1, 2), k=k)
    own = group[index[:, 0]]
    border = np.full((k - 1, len(own)), np.inf)
    for j in range(1, k):
        apart = np.linalg.norm(seeds[index[:, 0]] - seeds[index[:, j]], axis=1)
        gap = (distance[:, j] ** 2 - distance[:, 0] ** 2) / (2 * np.maximum(apart, 1e-9))
        border[j - 1] = np.where(group[index[:, j]] != own, gap, np.inf)
    first = border.argmin(axis=0)
    to_border = border[first, np.arange(len(own))]
    beyond = group[index[np.arange(len(own)), first + 1]]
    if rounding_px > 0:
        with np.errstate(invalid="ignore"):
            closer = np.exp(-(border - to_border) / rounding_px)
        to_border = to_border - rounding_px * np.log(np.nansum(closer, axis=0))
    limit = 1e3  # px; where none of the nearest seeds belongs to another cell
    to_border = np.clip(np.nan_to_num(to_border, posinf=limit), 0, limit)
    shape = (height, width)
    return Tessellation(
        own.astype(np.int32).reshape(shape),
        beyond.astype(np.int32).reshape(shape),
        to_border.astype(np.float32).reshape(shape),
        int(group.max()) + 1,
    )
