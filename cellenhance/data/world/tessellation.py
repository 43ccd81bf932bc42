"""Cells that fill the plane: for every pixel its cell and the distance to the cell's border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellenhance.data.world.fields import Field, smooth_field
from cellenhance.data.world.outlines import Stamped
from cellenhance.data.world.placing import Points

_FAR_PX = 1000.0
"""Stands for the distance to a border that none of the nearest seeds makes."""


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
    border = np.full((k - 1, len(own)), _FAR_PX, np.float32)
    vertical, horizontal = seeds.astype(np.float32).T
    squared = (distance**2).astype(np.float32)
    for j in range(1, k):
        one, other = index[:, 0], index[:, j]
        apart = np.hypot(vertical[one] - vertical[other], horizontal[one] - horizontal[other])
        gap = (squared[:, j] - squared[:, 0]) / (2 * np.maximum(apart, np.float32(1e-6)))
        np.copyto(border[j - 1], gap, where=group[other] != own)
    first = border.argmin(axis=0)
    every = np.arange(len(own))
    to_border = border[first, every]
    beyond = group[index[every, first + 1]]
    if rounding_px > 0:
        closer = np.exp((to_border - border) / np.float32(rounding_px))
        to_border = to_border - np.float32(rounding_px) * np.log(closer.sum(axis=0))
    shape = (height, width)
    return Tessellation(
        own.astype(np.int32).reshape(shape),
        beyond.astype(np.int32).reshape(shape),
        np.clip(to_border, 0, _FAR_PX).astype(np.float32).reshape(shape),
        int(group.max()) + 1,
    )


def overlay(cells: Tessellation, bodies: Stamped) -> Tessellation:
    """Return the plane with the outlines of `bodies` laid over it, each a cell of its own."""
    is_body = bodies.owner > 0
    number = cells.n_cells + bodies.nearest - 1
    border = np.where(is_body, bodies.to_border, np.minimum(cells.to_border, -bodies.depth))
    is_beside = ~is_body & (bodies.nearest > 0) & (-bodies.depth < cells.to_border)
    return Tessellation(
        np.where(is_body, number, cells.cell).astype(np.int32),
        np.where(is_beside, number, np.where(is_body, cells.cell, cells.neighbour)).astype(
            np.int32
        ),
        border.astype(np.float32),
        cells.n_cells + int(bodies.nearest.max(initial=0)),
    )
