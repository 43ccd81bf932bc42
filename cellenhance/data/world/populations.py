"""Whole cells: lone ones with or without processes, or cells that fill closed colonies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, smooth_field
from cellenhance.data.world.outlines import OUTSIDE_PX, Outline, draw_outline, stamp
from cellenhance.data.world.placing import Points, place_in_layer
from cellenhance.data.world.scatter import ScatterRanges, scatter_outlines, typical_radius
from cellenhance.data.world.tessellation import tessellate, warped_grid


class PopulationRanges(ScatterRanges):
    """Of which shape and size the cells are, and whether they form colonies."""

    radius_px: PositiveRange = Setting((9, 36), description="mean radius")
    stretch: PositiveRange = Setting((1, 3.5), description="largest ratio of the axes")
    waviness: ShareRange = Setting((0.02, 0.25), description="unevenness of the outlines / radius")
    processes: ShareRange = Setting((0, 0.7), description="share of lone cells with processes")
    colony: ShareRange = Setting((0.5, 0.5), description="share of scenes with closed colonies")
    bend: ShareRange = Setting((0, 0.3), description="bending of all outlines / radius")
    colony_px: PositiveRange = Setting((40, 190), description="radius of a colony")


@dataclass(frozen=True, slots=True)
class Population:
    """Cells on the pixel grid.

    Attributes
    ----------
    owner : (H, W) int32, number of the cell, 0 outside
    to_border : (H, W) float32, px to the border of the cell, below 0 outside, at least about -8
    nucleus : (H, W) float32 in [0, 1], how much of a pixel is in the nucleus of a cell
    radius_px : typical radius of the cells
    n_cells : numbers run up to it; some cells may lie outside the image
    """

    owner: NDArray[np.int32]
    to_border: Field
    nucleus: Field
    radius_px: float
    n_cells: int

    def coverage(self) -> Field:
        """Return (H, W) float32 in [0, 1]: how much of a pixel is inside, to half a pixel."""
        covered: Field = np.clip(self.to_border + np.float32(0.5), 0, 1)
        return covered

    def levels(self, spread: float, rng: np.random.Generator) -> Field:
        """Return (H, W) float32: a factor about 1 for each cell, log-normal; 1 outside."""
        level = np.exp(spread * rng.standard_normal(self.n_cells + 1)).astype(np.float32)
        level[0] = 1
        return level[self.owner]


def draw_population(size_px: int, r: PopulationRanges, rng: np.random.Generator) -> Population:
    """Return lone cells, or cells that fill closed colonies."""
    if happens(between(r.colony, rng), rng):
        return _draw_colonies(size_px, r, rng)
    return _draw_lone_cells(size_px, r, rng)


def _draw_lone_cells(size_px: int, r: PopulationRanges, rng: np.random.Generator) -> Population:
    outlines = scatter_outlines(size_px, r, rng)
    radius, share = typical_radius(outlines), between(r.processes, rng)
    processes = [
        process for cell in outlines if happens(share, rng) for process in _processes(cell, rng)
    ]
    points = warped_grid(size_px, between(r.bend, rng) * radius, 0.7 * radius, rng)
    shapes = stamp(size_px, [*outlines, *processes], points)
    places = np.array([cell.centre for cell in outlines]).reshape(-1, 2)
    radii = np.array([cell.radius_px / np.sqrt(cell.stretch) for cell in outlines])
    nucleus = _nuclei(shapes.owner, shapes.to_border, places, radii, points, rng)
    return Population(shapes.owner, shapes.to_border, nucleus, radius, len(outlines))


def _processes(cell: Outline, rng: np.random.Generator) -> list[Outline]:
    """Return one to three tapering outlines that stick out of a cell."""
    processes = []
    for _ in range(1 + int(rng.integers(3))):
        length, stretch = cell.radius_px * rng.uniform(0.7, 1.3), rng.uniform(4, 12)
        turn = rng.uniform(0, 2 * np.pi)
        y = cell.centre[0] + 0.6 * length * np.sin(turn)
        x = cell.centre[1] + 0.6 * length * np.cos(turn)
        thin = draw_outline((y, x), float(length / np.sqrt(stretch)), rng, owner=cell.owner)
        processes.append(replace(thin, stretch=stretch, turn=turn))
    return processes


def _draw_colonies(size_px: int, r: PopulationRanges, rng: np.random.Generator) -> Population:
    radius, disorder = between(r.radius_px, rng), rng.uniform(0.12, 0.3)
    flattening = rng.uniform(1, 2)
    seeds = place_in_layer(size_px, 2 * radius, disorder, rng, flattening=flattening)
    points = warped_grid(size_px, between(r.bend, rng) * radius, 0.7 * radius, rng)
    cells = tessellate(points, seeds, rounding_px=0.1 * radius)
    outlines = [
        draw_outline(
            tuple(rng.uniform(0, size_px, 2)),
            between(r.colony_px, rng),
            rng,
            owner=1,
            stretch=rng.uniform(1, 2),
            waviness=0.2,
        )
        for _ in range(1 + int(rng.poisson((size_px / 256) ** 2)))
    ]
    depth = stamp(size_px, outlines).depth
    frayed = rng.uniform(0, 0.25) * radius * smooth_field(size_px, 0.5 * radius, rng)
    # Fading out as far outside as depths are known, so that no islands rise there.
    depth += np.clip(frayed, -6, 6) * np.clip(1 + depth / np.float32(OUTSIDE_PX), 0, 1)
    owner = np.where(depth > 0, cells.cell + 1, 0).astype(np.int32)
    to_border = np.where(depth > 0, np.minimum(depth, cells.to_border), depth).astype(np.float32)
    nucleus = _nuclei(owner, to_border, seeds, np.full(len(seeds), 0.9 * radius), points, rng)
    return Population(owner, to_border, nucleus, radius, cells.n_cells)


def _nuclei(
    owner: NDArray[np.int32],
    to_border: Field,
    places: Points,
    radii_px: NDArray[np.float64],
    points: Points,
    rng: np.random.Generator,
) -> Field:
    """Return how much of each pixel is in the nucleus of its own cell."""
    size_px, share = len(owner), rng.uniform(0.35, 0.55)
    seen = set(np.unique(owner).tolist())
    outlines = [
        draw_outline(
            tuple(place + 0.15 * radius * rng.standard_normal(2)),
            float(share * radius * np.exp(0.1 * rng.standard_normal())),
            rng,
            owner=number,
            stretch=rng.uniform(1, 1.5),
            waviness=0.05,
        )
        for number, (place, radius) in enumerate(zip(places, radii_px, strict=True), start=1)
        if number in seen
    ]
    shapes = stamp(size_px, outlines, points)
    depth = np.minimum(shapes.depth, to_border - np.float32(1.5))
    nucleus: Field = np.clip(depth + np.float32(0.5), 0, 1) * (shapes.nearest == owner)
    return nucleus
