"""Living cells in phase contrast: bright halos, dark bodies, relief, faint lamellae, bare glass."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, blur, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.populations import Population, PopulationRanges, draw_population
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris, equal_spots

CLASS_NAMES = ("background", "cell")


class PhaseRanges(PopulationRanges, OpticsRanges):
    """What is drawn anew for every scene in phase contrast."""

    lamella: ShareRange = Setting((0.1, 0.6), description="width of the thin rim / radius")
    fringe: Range = Setting((0, 0.7), description="brightness of the narrow fringe around cells")
    halo_px: PositiveRange = Setting((2.5, 11), description="sigma of the halo")
    halo: ShareRange = Setting((0.5, 1), description="share of the mean phase that becomes halo")
    relief: ShareRange = Setting((0.25, 0.25), description="share of scenes lit from one side")
    texture: Range = Setting((0.05, 0.5), description="depth of the bodies' texture")
    granules: Range = Setting((0, 14), description="mean number of granules in a cell")
    rounded: ShareRange = Setting((0, 0.08), description="share of cells that are round and bright")
    stripes: ShareRange = Setting((0.25, 0.25), description="share of scenes with streaks on glass")
    glass: Range = Setting((0.01, 0.12), description="unevenness of the bare glass")
    debris: Range = Setting((0, 10), description="mean number of specks")
    black: ShareRange = Setting((0, 0.3), description="brightness of the darkest pixels")


def draw_phase(size_px: int, rng: np.random.Generator, ranges: PhaseRanges | None = None) -> Scene:
    """Return a scene of cells in phase contrast or in relief; a cell is an object."""
    r = ranges or PhaseRanges()
    cells = draw_population(size_px, r, rng)
    phase = _phase(cells, r, rng)
    phase += _glass(size_px, r, rng)
    sign = -1 if happens(0.5, rng) else 1
    phase += sign * 0.8 * debris(size_px, between(r.debris, rng), rng)
    if happens(between(r.relief, rng), rng):
        signal = _relief(phase, rng) - 0.15 * phase
    else:
        halo = blur(phase, between(r.halo_px, rng))
        signal = between(r.halo, rng) * halo - phase
        outside = (cells.to_border + np.float32(1.5)) / np.float32(rng.uniform(1, 2.5))
        signal += between(r.fringe, rng) * np.exp(-(outside**2))
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal - signal.min() + 1, r, rng),
        mask=(cells.owner > 0).astype(np.uint8),
        labels=connected_labels(cells.owner),
        class_names=CLASS_NAMES,
    )


def _phase(cells: Population, r: PhaseRanges, rng: np.random.Generator) -> Field:
    """Return the optical thickness of the cells, about 1: rim, body, nucleus and granules."""
    size_px = len(cells.owner)
    inside, level = cells.coverage(), cells.levels(0.25, rng)
    rim = np.float32(max(2.0, between(r.lamella, rng) * cells.radius_px))
    body = 1 - np.exp(-np.clip(cells.to_border, 0, None) / rim)
    edge = np.float32(rng.uniform(0.15, 0.7))  # how sharply the thin rim ends
    texture = 1 + between(r.texture, rng) * grainy_field(size_px, cells.radius_px / 3, 0.8, rng)
    phase = inside * level * (edge + (1 - edge) * body * np.clip(texture, 0, 3))
    phase += rng.uniform(-0.3, 0.4) * blur(cells.nucleus, 1.5) * level
    n_granules = min(int(rng.poisson(between(r.granules, rng) * cells.n_cells)), 4000)
    places = rng.uniform(0, size_px, (n_granules, 2))
    heights = rng.uniform(-1, 1, n_granules) * rng.uniform(0.3, 1.5)
    phase += body * inside * equal_spots(size_px, places, heights, rng.uniform(0.7, 1.6))
    is_round = rng.random(cells.n_cells + 1) < between(r.rounded, rng)
    is_round[0] = False
    dome = np.sqrt(np.clip(cells.to_border / np.float32(0.5 * cells.radius_px), 0, 1))
    phase -= 2 * dome * inside * is_round[cells.owner]
    result: Field = phase.astype(np.float32)
    return result


def _glass(size_px: int, r: PhaseRanges, rng: np.random.Generator) -> Field:
    """Return the uneven phase of medium and dish, in some scenes with wavy streaks."""
    depth = between(r.glass, rng)
    glass = depth * smooth_field(size_px, size_px / 5, rng)
    glass += 0.3 * depth * grainy_field(size_px, 6, 1.0, rng)
    if happens(between(r.stripes, rng), rng):
        y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32)
        turn, period = rng.uniform(0, np.pi), rng.uniform(12, 60)
        across = (np.cos(turn) * x + np.sin(turn) * y) * np.float32(2 * np.pi / period)
        across += np.float32(0.7) * smooth_field(size_px, 15, rng)
        ridge = np.exp(4 * (np.cos(across) - 1)) * np.clip(
            0.6 + 0.5 * smooth_field(size_px, 20, rng), 0, 1
        )
        glass -= rng.uniform(0.05, 0.3) * ridge
    return glass.astype(np.float32)


def _relief(phase: Field, rng: np.random.Generator) -> Field:
    """Return the slope of the phase in one direction, as oblique light and DIC show it."""
    smooth = blur(phase, rng.uniform(0.6, 1.5))
    down, right = np.gradient(smooth)
    turn = rng.uniform(0, 2 * np.pi)
    relief: Field = (np.sin(turn) * down + np.cos(turn) * right).astype(np.float32)
    return relief * np.float32(rng.uniform(2, 4))


KIND = Kind(
    name="phase",
    summary="living cells in phase contrast or relief: halos, lamellae, colonies, bare glass",
    class_names=CLASS_NAMES,
    object_classes=("cell",),
    ranges=PhaseRanges(),
    draw=draw_phase,
)
