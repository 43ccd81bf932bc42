"""A cell nucleus in the electron microscope: the envelope between chromatin and organelles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, partly_defocused, through_optics
from cellenhance.data.world.organelles import rings, striped_mitochondria
from cellenhance.data.world.outlines import Outline, draw_outline, stamp
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import equal_spots
from cellenhance.data.world.tessellation import warped_grid

CLASS_NAMES = ("background", "envelope", "nucleus")


class EnvelopeRanges(OpticsRanges):
    """What is drawn anew for every scene of a nuclear envelope."""

    radius_px: PositiveRange = Setting((60, 320), description="radius of the nucleus")
    bend_px: Range = Setting((1, 9), description="folds of the envelope")
    width_px: PositiveRange = Setting((3, 10), description="width of the envelope")
    contrast: PositiveRange = Setting((0.35, 0.9), description="of the envelope")
    lumen: ShareRange = Setting((0, 0.9), description="how bright the gap in the envelope is")
    pores: ShareRange = Setting((0, 0.5), description="how much the envelope fades at pores")
    chromatin: ShareRange = Setting((0.02, 0.18), description="depth of the chromatin's texture")
    rim: ShareRange = Setting((0, 0.5), description="depth of dark chromatin along the envelope")
    nucleus: Range = Setting((0.75, 1.1), description="grey of the nucleus / cytoplasm")
    grain: ShareRange = Setting((0.03, 0.2), description="depth of the cytoplasm's grain")
    strands: ShareRange = Setting((0, 0.5), description="depth of the endoplasmic reticulum")
    strand_px: PositiveRange = Setting((8, 25), description="distance between its strands")
    mitochondria: Range = Setting((0, 9), description="mean number of mitochondria")
    mitochondrion_px: PositiveRange = Setting((8, 26), description="their radius")
    vesicles: Range = Setting((0, 50), description="mean number of vesicles")
    ribosomes: Range = Setting((0, 1200), description="mean number of ribosomes")
    oblique: ShareRange = Setting((0, 0.3), description="share of the envelope cut at a slant")
    blur_px: PositiveRange = Setting((0.5, 1.3), description="sigma of the optics")
    light_loss: ShareRange = Setting((0, 0.25), description="light lost at the darkest place")


def draw_envelope(
    size_px: int, rng: np.random.Generator, ranges: EnvelopeRanges | None = None
) -> Scene:
    """Return a piece of a nucleus and its surroundings; the nucleus is an object."""
    r = ranges or EnvelopeRanges()
    depth = _nuclear_depth(size_px, r, rng)
    width = np.float32(between(r.width_px, rng))
    is_envelope = np.abs(depth) < width / 2
    nucleus = np.clip(depth + np.float32(0.5), 0, 1)
    cytoplasm = _cytoplasm(depth, float(width), r, rng)
    signal = cytoplasm + nucleus * (_nucleoplasm(depth, r, rng) - cytoplasm)
    fading = np.clip(smooth_field(size_px, 1.5 * float(width), rng) - 0.5, 0, 1)
    line = np.exp(-((depth / (np.float32(0.5) * width)) ** 2))
    line -= between(r.lumen, rng) * np.exp(-((depth / (np.float32(0.2) * width)) ** 2))
    line *= 1 - between(r.pores, rng) * fading
    line = partly_defocused(line, 0.6 * float(width), between(r.oblique, rng), rng)
    signal -= between(r.contrast, rng) * line
    owner = ((depth > 0) & ~is_envelope).astype(np.int32)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=np.where(is_envelope, 1, 2 * owner).astype(np.uint8),
        labels=connected_labels(owner),
        class_names=CLASS_NAMES,
        border_class="envelope",
    )


def _nuclear_depth(size_px: int, r: EnvelopeRanges, rng: np.random.Generator) -> Field:
    """Return px inside the nucleus, whose border passes near the middle of the scene."""
    radius, turn = between(r.radius_px, rng), rng.uniform(0, 2 * np.pi)
    away = radius + rng.uniform(-0.35, 0.3) * size_px
    y, x = size_px / 2 + away * np.sin(turn), size_px / 2 + away * np.cos(turn)
    stretch = rng.uniform(1, 1.6)
    outline = draw_outline((y, x), radius, rng, owner=1, stretch=stretch, waviness=0.05)
    points = warped_grid(size_px, between(r.bend_px, rng), rng.uniform(10, 30), rng)
    return stamp(size_px, [outline], points).depth


def _nucleoplasm(depth: Field, r: EnvelopeRanges, rng: np.random.Generator) -> Field:
    size_px = len(depth)
    grain = grainy_field(size_px, rng.uniform(4, 15), 0.6, rng)
    clumps = np.clip(smooth_field(size_px, rng.uniform(4, 12), rng), 0, 1.5)
    rim = np.exp(-np.clip(depth, 0, None) / np.float32(rng.uniform(4, 14)))
    dark = between(r.rim, rng) * clumps * (rim + np.float32(0.25))
    plasm: Field = between(r.nucleus, rng) + between(r.chromatin, rng) * grain - dark
    return plasm.astype(np.float32)


def _cytoplasm(depth: Field, width: float, r: EnvelopeRanges, rng: np.random.Generator) -> Field:
    """Return the grey outside the nucleus: reticulum, ribosomes, vesicles, mitochondria."""
    size_px = len(depth)
    area = (size_px / 256) ** 2
    body = 1 + between(r.grain, rng) * grainy_field(size_px, 3, 0.5, rng)
    body -= between(r.strands, rng) * _strands(size_px, between(r.strand_px, rng), width, rng)
    places = rng.uniform(0, size_px, (int(rng.poisson(between(r.ribosomes, rng) * area)), 2))
    body -= equal_spots(size_px, places, rng.uniform(0.05, 0.4, len(places)), rng.uniform(0.6, 1))
    outside = np.argwhere(depth < -6)
    n = int(rng.poisson(between(r.vesicles, rng) * area)) if len(outside) else 0
    where = outside[rng.integers(len(outside), size=n)] if n else outside[:0]
    body -= rings(size_px, where.astype(np.float64), width * rng.uniform(0.5, 1), rng)
    mitochondria = stamp(size_px, _draw_mitochondria(outside, size_px, r, rng))
    tissue = striped_mitochondria(mitochondria, 0.6 * width, rng)
    mixed: Field = body + mitochondria.coverage() * (tissue - body)
    return mixed.astype(np.float32)


def _strands(size_px: int, distance_px: float, width: float, rng: np.random.Generator) -> Field:
    """Return double lines along the level lines of a smooth field, broken in places."""
    field = smooth_field(size_px, distance_px, rng)
    slope = np.hypot(*np.gradient(field)) + np.float32(0.15 / distance_px)
    away = np.abs(field) / slope  # px to the level line
    half, thin = np.float32(0.35 * width), np.float32(max(0.8, 0.2 * width))
    lines = np.exp(-(((away - half) / thin) ** 2))
    present = np.clip(2 * smooth_field(size_px, 1.5 * distance_px, rng) + 0.5, 0, 1)
    strands: Field = (lines * present).astype(np.float32)
    return strands


def _draw_mitochondria(
    outside: NDArray[np.intp], size_px: int, r: EnvelopeRanges, rng: np.random.Generator
) -> list[Outline]:
    n = int(rng.poisson(between(r.mitochondria, rng) * (size_px / 256) ** 2))
    if not len(outside):
        return []
    return [
        draw_outline(
            tuple(outside[int(rng.integers(len(outside)))].astype(float)),
            between(r.mitochondrion_px, rng),
            rng,
            owner=owner,
            stretch=rng.uniform(1, 2.5),
            waviness=0.08,
        )
        for owner in range(1, n + 1)
    ]


KIND = Kind(
    name="envelope",
    summary="a nucleus under the electron microscope: envelope, chromatin, organelles",
    class_names=CLASS_NAMES,
    object_classes=("nucleus",),
    ranges=EnvelopeRanges(),
    draw=draw_envelope,
)
