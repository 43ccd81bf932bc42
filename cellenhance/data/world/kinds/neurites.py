"""Fluorescent neurons in culture: somata that send out long, branching neurites."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.curves import Curves, draw_curves, stamp_curves
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import blur, smooth_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.outlines import Outline, stamp
from cellenhance.data.world.placing import Points
from cellenhance.data.world.scatter import ScatterRanges, scatter_outlines
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris

CLASS_NAMES = ("background", "soma", "neurite")


class NeuritesRanges(ScatterRanges, OpticsRanges):
    """What is drawn anew for every scene of neurons."""

    radius_px: PositiveRange = Setting((6, 20), description="mean radius of the somata")
    crowding: PositiveRange = Setting((0.02, 0.12), description="share of the area they would fill")
    neurites: PositiveRange = Setting((2, 6), description="mean number of neurites of a soma")
    branches: Range = Setting((0, 1.5), description="mean number of branches of a neurite")
    length_px: PositiveRange = Setting((40, 260), description="mean length of the neurites")
    persistence_px: PositiveRange = Setting((40, 400), description="length that is about straight")
    width_px: PositiveRange = Setting((1.3, 4), description="mean width of the neurites")
    neurite_level: PositiveRange = Setting((0.2, 1), description="their brightness / somata")
    brightness_spread: Range = Setting((0.1, 0.5), description="deviation of log brightness")
    beading: ShareRange = Setting((0, 0.5), description="how brightness varies along a neurite")
    haze: ShareRange = Setting((0, 0.4), description="light out of focus / in focus")
    debris: Range = Setting((0, 8), description="mean number of bright specks")


def draw_neurites(
    size_px: int, rng: np.random.Generator, ranges: NeuritesRanges | None = None
) -> Scene:
    """Return neurons in culture; a soma is an object, neurites belong to no one."""
    r = ranges or NeuritesRanges()
    outlines = scatter_outlines(size_px, r, rng)
    somata = stamp(size_px, outlines)
    curves, n = _draw_curves(outlines, somata.depth.shape, r, rng)
    spread = between(r.brightness_spread, rng)
    half = np.append(between(r.width_px, rng) * np.exp(0.2 * rng.standard_normal(n)), 0) / 2
    away = half.astype(np.float32)[curves.curve] - curves.distance
    is_neurite = (away > 0) & (somata.owner == 0)
    level = np.append(between(r.neurite_level, rng) * np.exp(spread * rng.standard_normal(n)), 0)
    lines = np.clip(away + np.float32(0.5), 0, 1) * level.astype(np.float32)[curves.curve]
    lines *= np.clip(1 + between(r.beading, rng) * smooth_field(size_px, 2.5, rng), 0.3, 2)
    brightness = np.exp(spread * rng.standard_normal(len(outlines) + 1)).astype(np.float32)
    body = somata.coverage() * brightness[somata.nearest]
    body *= 1 + 0.15 * smooth_field(size_px, 3, rng)
    signal = np.maximum(body, lines)
    signal += between(r.haze, rng) * blur(signal, rng.uniform(4, 20))
    signal += 0.3 * debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=np.where(somata.owner > 0, 1, 2 * is_neurite).astype(np.uint8),
        labels=connected_labels(somata.owner),
        class_names=CLASS_NAMES,
    )


def _draw_curves(
    somata: list[Outline], shape: tuple[int, ...], r: NeuritesRanges, rng: np.random.Generator
) -> tuple[Curves, int]:
    """Return the neurites of all somata with their branches, and how many there are."""
    mean, persistence = between(r.length_px, rng), between(r.persistence_px, rng)
    n_each = 1 + rng.poisson(between(r.neurites, rng) - 1, len(somata))
    centres = np.array([soma.centre for soma in somata]).reshape(-1, 2)
    starts = np.repeat(centres, n_each, axis=0)
    chains = _grow(starts, rng.uniform(0, 2 * np.pi, len(starts)), mean, persistence, rng)
    n_branches = rng.poisson(between(r.branches, rng), len(chains))
    forks = [
        chain[int(at)]
        for chain, n in zip(chains, n_branches, strict=True)
        for at in rng.uniform(0.2, 0.9, n) * len(chain)
    ]
    places = np.array(forks).reshape(-1, 2)
    chains += _grow(places, rng.uniform(0, 2 * np.pi, len(places)), 0.5 * mean, persistence, rng)
    return stamp_curves(chains, np.ones(shape, dtype=bool)), len(chains)


def _grow(
    starts: Points,
    angles: Points,
    mean_px: float,
    persistence_px: float,
    rng: np.random.Generator,
) -> list[Points]:
    lengths = np.clip(mean_px * rng.exponential(1, len(starts)), 10, 2.5 * mean_px)
    return draw_curves(starts, angles, lengths, persistence_px, rng)


KIND = Kind(
    name="neurites",
    summary="fluorescent neurons: somata with long, branching neurites",
    class_names=CLASS_NAMES,
    object_classes=("soma",),
    ranges=NeuritesRanges(),
    draw=draw_neurites,
)
