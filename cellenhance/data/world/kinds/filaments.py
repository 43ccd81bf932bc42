"""Cells with a stained skeleton: straight bundles, wavy microtubules, short mitochondria."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.curves import Curves, draw_curves, stamp_curves, stay_inside
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import blur, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.populations import Population, PopulationRanges, draw_population
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris

CLASS_NAMES = ("background", "cell", "filament")
_MOST_CURVES_PER_PX = 350 / 256**2


class FilamentsRanges(PopulationRanges, OpticsRanges):
    """What is drawn anew for every scene of filaments."""

    radius_px: PositiveRange = Setting((22, 80), description="mean radius of cells")
    crowding: PositiveRange = Setting((0.3, 0.9), description="share of the area they would fill")
    filaments: PositiveRange = Setting((10, 120), description="mean number of filaments in a cell")
    length: PositiveRange = Setting((0.25, 3), description="mean length / radius of the cell")
    width_px: PositiveRange = Setting((1.2, 3.5), description="width of the filaments")
    persistence: PositiveRange = Setting((0.15, 20), description="straight length / cell radius")
    alignment: ShareRange = Setting((0, 1), description="1: all of a cell point the same way")
    fading: ShareRange = Setting((0, 0.5), description="how brightness varies along a filament")
    cytoplasm: ShareRange = Setting((0.03, 0.5), description="brightness of the cytoplasm")
    brightness_spread: Range = Setting((0.1, 0.6), description="deviation of log brightness")
    nucleus: ShareRange = Setting((0, 0.9), description="depth of the nucleus's shadow")
    haze: ShareRange = Setting((0, 0.5), description="light of filaments out of focus / in focus")
    debris: Range = Setting((0, 3), description="mean number of bright specks")


def draw_filaments(
    size_px: int, rng: np.random.Generator, ranges: FilamentsRanges | None = None
) -> Scene:
    """Return cells with filaments; a cell with its filaments is an object."""
    r = ranges or FilamentsRanges()
    cells = draw_population(size_px, r, rng)
    curves, n = _draw_filaments(cells, r, rng)
    width = between(r.width_px, rng)
    is_filament = (curves.distance < np.float32(width / 2)) & (cells.owner > 0)
    level = np.append(np.exp(between(r.brightness_spread, rng) * rng.standard_normal(n)), 0)
    profile = np.clip((np.float32(width / 2) - curves.distance) + np.float32(0.5), 0, 1)
    profile *= np.clip(0.8 + between(r.fading, rng) * smooth_field(size_px, 5, rng), 0.25, 1.5)
    lines = profile * level.astype(np.float32)[curves.curve] * (cells.owner > 0)
    thickness = 1 - np.exp(-np.clip(cells.to_border, 0, None) / np.float32(rng.uniform(1, 10)))
    body = cells.coverage() * cells.levels(0.3, rng) * thickness
    body *= 1 + 0.2 * grainy_field(size_px, cells.radius_px / 3, 0.8, rng)
    signal = between(r.cytoplasm, rng) * body + lines
    signal *= 1 - between(r.nucleus, rng) * cells.nucleus
    signal += between(r.haze, rng) * blur(signal, rng.uniform(3, 10))
    signal += 0.5 * debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=np.where(is_filament, 2, cells.owner > 0).astype(np.uint8),
        labels=connected_labels(cells.owner),
        class_names=CLASS_NAMES,
    )


def _draw_filaments(
    cells: Population, r: FilamentsRanges, rng: np.random.Generator
) -> tuple[Curves, int]:
    """Return the curves, cut at the borders of their cells, and how many there are."""
    size_px = len(cells.owner)
    inside: NDArray[np.intp] = np.flatnonzero(cells.to_border.ravel() > 1)
    wanted = between(r.filaments, rng) * (len(np.unique(cells.owner)) - 1)
    n = min(int(wanted), int(_MOST_CURVES_PER_PX * size_px**2)) if len(inside) else 0
    at = inside[rng.integers(len(inside), size=n)] if n else inside[:0]
    starts = np.stack(np.divmod(at, size_px), axis=1).astype(np.float64)
    director = rng.uniform(0, np.pi, cells.n_cells + 1)[cells.owner.ravel()[at]]
    spread = (1 - between(r.alignment, rng)) * np.pi
    angles = director + spread * rng.uniform(-1, 1, n) + np.pi * rng.integers(0, 2, n)
    mean = between(r.length, rng) * cells.radius_px
    lengths = np.clip(mean * rng.exponential(1, n), 4, 3 * mean)
    persistence = between(r.persistence, rng) * cells.radius_px
    chains = stay_inside(draw_curves(starts, angles, lengths, persistence, rng), cells.owner)
    return stamp_curves(chains, cells.owner > 0), n


KIND = Kind(
    name="filaments",
    summary="cells with filaments: straight bundles, wavy microtubules, short mitochondria",
    class_names=CLASS_NAMES,
    object_classes=("cell", "filament"),
    ranges=FilamentsRanges(),
    draw=draw_filaments,
)
