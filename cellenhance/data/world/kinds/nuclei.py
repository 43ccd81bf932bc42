"""Fluorescent nuclei: sparse or crowded, smooth or speckled, with haze and light out of focus."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, blur, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.outlines import Outline, Stamped, draw_outline, stamp
from cellenhance.data.world.scatter import ScatterRanges, scatter_outlines, typical_radius
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris

CLASS_NAMES = ("background", "nucleus")


class NucleiRanges(ScatterRanges, OpticsRanges):
    """What is drawn anew for every scene of nuclei."""

    brightness_spread: Range = Setting((0.05, 0.6), description="deviation of log brightness")
    condensed: ShareRange = Setting((0, 0.1), description="share that is small and very bright")
    chromatin: ShareRange = Setting((0, 0.35), description="depth of the chromatin texture")
    foci: Range = Setting((0, 1.2), description="brightness of chromocentres over the nucleus")
    nucleoli: ShareRange = Setting((0, 0.7), description="depth of dark nucleoli")
    dome: ShareRange = Setting((0, 1), description="0: flat as in a confocal; 1: as thick as wide")
    haze: ShareRange = Setting((0, 0.35), description="cytoplasmic and stray light / nuclei")
    out_of_focus: Range = Setting((0, 5), description="mean number of nuclei far out of focus")
    debris: Range = Setting((0, 8), description="mean number of bright specks")


def draw_nuclei(
    size_px: int, rng: np.random.Generator, ranges: NucleiRanges | None = None
) -> Scene:
    """Return a scene of nuclei; a nucleus is an object."""
    r = ranges or NucleiRanges()
    outlines = scatter_outlines(size_px, r, rng, small=between(r.condensed, rng))
    shapes = stamp(size_px, outlines)
    signal = shapes.coverage() * _stain(shapes, outlines, r, rng)
    signal += _haze(signal, r, rng)
    signal += _out_of_focus(size_px, outlines, r, rng)
    signal += debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=(shapes.owner > 0).astype(np.uint8),
        labels=connected_labels(shapes.owner),
        class_names=CLASS_NAMES,
    )


def _stain(
    shapes: Stamped, outlines: list[Outline], r: NucleiRanges, rng: np.random.Generator
) -> Field:
    """Return the brightness that a nucleus has at each pixel, about 1."""
    size_px, n = len(shapes.depth), len(outlines)
    radius = np.array([1.0] + [outline.radius_px for outline in outlines], np.float32)
    typical = typical_radius(outlines)
    level = np.exp(between(r.brightness_spread, rng) * rng.standard_normal(n + 1))
    level[radius < 0.75 * typical] *= rng.uniform(1, 2.2)  # condensed nuclei are bright
    texture = 1 + between(r.chromatin, rng) * grainy_field(size_px, typical / 3, 0.7, rng)
    if happens(0.5, rng):
        spots = smooth_field(size_px, max(0.8, typical / rng.uniform(9, 16)), rng)
        texture += between(r.foci, rng) * np.clip(spots - 1.2, 0, 1)
    if happens(0.5, rng):
        holes = smooth_field(size_px, max(1.0, typical / rng.uniform(4, 7)), rng)
        deep = np.clip(shapes.depth / np.float32(0.2 * typical), 0, 1)  # never at the rim
        texture -= between(r.nucleoli, rng) * deep / (1 + np.exp(-8 * (holes - 1.3)))
    relative = np.clip(shapes.depth / radius[shapes.nearest], 0, 1)
    dome = np.sqrt(1 - (1 - relative) ** 2) * 0.75 + 0.25
    thickness = 1 + between(r.dome, rng) * (dome - 1)
    stain: Field = level[shapes.nearest].astype(np.float32) * thickness * np.clip(texture, 0.1, 4)
    return stain


def _haze(signal: Field, r: NucleiRanges, rng: np.random.Generator) -> Field:
    """Return light of cytoplasm and medium: wide around the nuclei, uneven everywhere."""
    strength = between(r.haze, rng)
    around = blur(signal, rng.uniform(6, 30))
    medium = 1 + 0.4 * smooth_field(len(signal), len(signal) / rng.uniform(5, 20), rng)
    haze: Field = np.float32(strength) * (around + 0.3 * np.clip(medium, 0, 3))
    return haze


def _out_of_focus(
    size_px: int, outlines: list[Outline], r: NucleiRanges, rng: np.random.Generator
) -> Field:
    """Return the light of nuclei in other planes."""
    radius = typical_radius(outlines)
    n = int(rng.poisson(between(r.out_of_focus, rng) * (size_px / 256) ** 2))
    others = [
        draw_outline(tuple(rng.uniform(0, size_px, 2)), radius, rng, owner=1) for _ in range(n)
    ]
    if not others:
        return np.zeros((size_px, size_px), np.float32)
    light = blur(stamp(size_px, others).coverage(), radius * rng.uniform(0.25, 0.8))
    return np.float32(rng.uniform(0.1, 0.5)) * light


KIND = Kind(
    name="nuclei",
    summary="fluorescent nuclei, sparse or crowded, smooth or speckled, with haze",
    class_names=CLASS_NAMES,
    object_classes=("nucleus",),
    ranges=NucleiRanges(),
    draw=draw_nuclei,
)
