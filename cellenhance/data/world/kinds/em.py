"""Neural tissue in the electron microscope: packed neurites, dark membranes, mitochondria."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting
from scipy.spatial import cKDTree

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, partly_defocused, through_optics
from cellenhance.data.world.organelles import rings, striped_mitochondria
from cellenhance.data.world.outlines import Outline, draw_outline, stamp
from cellenhance.data.world.placing import Points, place_apart, place_in_layer
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import equal_spots, gaussian_spots
from cellenhance.data.world.tessellation import Tessellation, overlay, tessellate, warped_grid

CLASS_NAMES = ("cytoplasm", "membrane", "mitochondrion")


class EmRanges(OpticsRanges):
    """What is drawn anew for every scene of neural tissue."""

    spacing_px: PositiveRange = Setting((15, 50), description="spacing of the thinnest neurites")
    flattening: PositiveRange = Setting((1, 3), description="ratio of their two spacings")
    disorder: ShareRange = Setting((0.2, 0.4), description="jitter of their centres / spacing")
    large: Range = Setting((0.5, 7), description="mean number of large profiles")
    large_radius: PositiveRange = Setting((0.8, 4), description="their radius / spacing")
    merged: ShareRange = Setting((0.3, 0.8), description="share of neurites united with the next")
    bend: ShareRange = Setting((0.06, 0.2), description="curvature of the membranes / spacing")
    rounding_px: Range = Setting((0.3, 2.5), description="rounding of corners")
    width_px: PositiveRange = Setting((1.8, 6), description="width of the membranes")
    contrast: PositiveRange = Setting((0.4, 1), description="of the membranes")
    oblique: ShareRange = Setting((0, 0.3), description="share of membranes cut at a slant")
    body_spread: ShareRange = Setting((0.02, 0.14), description="deviation of the bodies' grey")
    grain: ShareRange = Setting((0.03, 0.16), description="depth of the cytoplasm's grain")
    dots: Range = Setting((0, 900), description="mean number of microtubules and ribosomes")
    vesicles: Range = Setting((0, 90), description="mean number of vesicles")
    mitochondria: Range = Setting((0.5, 6), description="mean number of mitochondria")
    mitochondrion_px: PositiveRange = Setting((9, 34), description="their radius")
    synapses: Range = Setting((0, 5), description="mean number of dark synaptic densities")
    stain_spread: ShareRange = Setting((0, 0.12), description="uneven staining over the section")
    light_loss: ShareRange = Setting((0, 0.25), description="light lost at the darkest place")
    blur_px: PositiveRange = Setting((0.5, 1.2), description="sigma of the optics")


def draw_em(size_px: int, rng: np.random.Generator, ranges: EmRanges | None = None) -> Scene:
    """Return a scene of neural tissue; a neurite inside its membrane is an object."""
    r = ranges or EmRanges()
    cells, spacing = _draw_neurites(size_px, r, rng)
    width = min(between(r.width_px, rng), spacing / 5)
    widths = _membrane_widths(cells, width, r, rng)
    is_membrane = cells.to_border < widths / 2
    line = np.exp(-((cells.to_border / (0.55 * widths)) ** 2)) * np.sqrt(width / widths)
    line = partly_defocused(line, 0.8 * width, between(r.oblique, rng), rng)
    body = _cytoplasm(cells, r, rng)
    body -= _small_structures(cells, is_membrane, width, r, rng)
    mitochondria = stamp(size_px, _draw_mitochondria(cells, r, rng))
    is_inside = (mitochondria.depth > 0) & ~is_membrane
    cover = mitochondria.coverage() * (1 - line)
    body += cover * (striped_mitochondria(mitochondria, width, rng) - body)
    signal = body - between(r.contrast, rng) * line - _synapses(cells, width, r, rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(np.clip(signal, -0.25, 1.5), r, rng),
        mask=np.where(is_membrane, 1, np.where(is_inside, 2, 0)).astype(np.uint8),
        labels=connected_labels(np.where(is_membrane, 0, cells.cell + 1)),
        class_names=CLASS_NAMES,
        border_class="membrane",
    )


def _draw_neurites(
    size_px: int, r: EmRanges, rng: np.random.Generator
) -> tuple[Tessellation, float]:
    """Return thin neurites with large ones laid over them, and the spacing of the thin ones."""
    spacing, disorder = between(r.spacing_px, rng), between(r.disorder, rng)
    flattening = between(r.flattening, rng)
    seeds = place_in_layer(size_px, spacing, disorder, rng, flattening=flattening)
    group = np.arange(len(seeds), dtype=np.int32)
    nearest = cKDTree(seeds).query(seeds, k=4)[1]  # itself and three others
    for first in np.flatnonzero(rng.random(len(seeds)) < between(r.merged, rng)):
        group[first] = group[nearest[first, 1 + int(rng.integers(3))]]
    points = warped_grid(size_px, between(r.bend, rng) * spacing, spacing / 2.2, rng)
    rounding = min(between(r.rounding_px, rng), spacing / 14)
    thin = tessellate(points, seeds, group, rounding_px=rounding)
    large = _large_profiles(size_px, spacing, r, rng)
    sheets = [
        replace(body, radius_px=body.radius_px + spacing * rng.uniform(0.25, 0.5))
        for body in large
        if happens(0.3, rng)
    ]
    wrapped = overlay(thin, stamp(size_px, sheets))  # glia around some of the large ones
    return overlay(wrapped, stamp(size_px, large)), spacing


def _large_profiles(
    size_px: int, spacing: float, r: EmRanges, rng: np.random.Generator
) -> list[Outline]:
    n = int(rng.poisson(between(r.large, rng) * (size_px / 256) ** 2))
    radii = np.array([min(spacing * between(r.large_radius, rng), 100) for _ in range(n)])
    centres, kept = place_apart(size_px, radii, rng, clustered=0.3, closeness=0.9)
    return [
        draw_outline(
            tuple(centre),
            float(radii[index]),
            rng,
            owner=owner,
            stretch=rng.uniform(1, 2.5),
            waviness=0.12,
        )
        for owner, (centre, index) in enumerate(zip(centres, kept, strict=True), start=1)
    ]


def _membrane_widths(
    cells: Tessellation, width: float, r: EmRanges, rng: np.random.Generator
) -> Field:
    """Return the width of the membrane at each pixel, px: uneven, wide where it is cut aslant."""
    size_px = len(cells.cell)
    is_slanted = cells.per_border(rng) < between(r.oblique, rng)
    uneven = 1 + 0.15 * np.clip(smooth_field(size_px, 3 * width, rng), -2, 2)
    widths: Field = np.float32(width) * uneven * np.where(is_slanted, 1.6, 1.0)
    return widths.astype(np.float32)


def _cytoplasm(cells: Tessellation, r: EmRanges, rng: np.random.Generator) -> Field:
    size_px = len(cells.cell)
    grey = 1 + between(r.body_spread, rng) * rng.standard_normal(cells.n_cells)
    grey[rng.random(cells.n_cells) < 0.06] -= rng.uniform(0.1, 0.4)  # glia is darker
    body = grey.astype(np.float32)[cells.cell]
    body += between(r.grain, rng) * grainy_field(size_px, 3.0, 0.5, rng)
    body += between(r.stain_spread, rng) * smooth_field(size_px, size_px / 8, rng)
    return body


def _small_structures(
    cells: Tessellation,
    is_membrane: NDArray[np.bool_],
    width: float,
    r: EmRanges,
    rng: np.random.Generator,
) -> Field:
    """Return how much darker microtubules, ribosomes and vesicles make the cytoplasm."""
    size_px = len(cells.cell)
    scale = (size_px / 256) ** 2
    n = int(rng.poisson(between(r.dots, rng) * scale))
    sigma = float(np.clip(width * rng.uniform(0.2, 0.4), 0.6, 2))
    dots = equal_spots(size_px, rng.uniform(0, size_px, (n, 2)), rng.uniform(0.1, 0.9, n), sigma)
    places = _crowded_places(cells, int(rng.poisson(between(r.vesicles, rng) * scale)), rng)
    vesicles = rings(size_px, places, width * rng.uniform(0.7, 1.3), rng)
    return (dots + vesicles) * ~is_membrane


def _crowded_places(cells: Tessellation, n: int, rng: np.random.Generator) -> Points:
    """Return up to n places, most of them in a few cells, none close to a border."""
    size_px = len(cells.cell)
    candidates = rng.integers(0, size_px, (6 * n, 2))
    liking = rng.random(cells.n_cells) ** 3  # few cells hold most vesicles
    y, x = candidates.T
    chosen = (rng.random(len(candidates)) < liking[cells.cell[y, x]]) & (cells.to_border[y, x] > 4)
    places: Points = candidates[chosen][:n].astype(np.float64)
    return places


def _draw_mitochondria(cells: Tessellation, r: EmRanges, rng: np.random.Generator) -> list[Outline]:
    """Return outlines where a neurite is wide enough for them."""
    size_px = len(cells.cell)
    n = int(rng.poisson(between(r.mitochondria, rng) * (size_px / 256) ** 2))
    outlines: list[Outline] = []
    for owner in range(1, n + 1):
        wanted = between(r.mitochondrion_px, rng)
        y, x = rng.integers(0, size_px, (2, 40))
        room = np.minimum(cells.to_border[y, x], wanted * 1.2)
        for other in outlines:
            room = np.minimum(
                room, np.hypot(y - other.centre[0], x - other.centre[1]) - other.radius_px * 1.3
            )
        best = int(room.argmax())
        radius = min(wanted, 0.95 * float(room[best]))
        if radius >= 6:
            centre = float(y[best]), float(x[best])
            stretch = rng.uniform(1, 1.7)
            outlines.append(
                draw_outline(centre, radius, rng, owner=owner, stretch=stretch, waviness=0.06)
            )
    return outlines


def _synapses(cells: Tessellation, width: float, r: EmRanges, rng: np.random.Generator) -> Field:
    """Return dark smudges on membranes."""
    size_px = len(cells.cell)
    n = int(rng.poisson(between(r.synapses, rng) * (size_px / 256) ** 2))
    y, x = np.nonzero(cells.to_border < 1)
    if not n or not len(y):
        return np.zeros((size_px, size_px), np.float32)
    chosen = rng.integers(len(y), size=n)
    places = np.stack([y[chosen], x[chosen]], axis=1).astype(np.float64)
    return gaussian_spots(
        size_px, places, width * rng.uniform(0.7, 2.2, n), rng.uniform(0.2, 0.7, n)
    )


KIND = Kind(
    name="em",
    summary="neural tissue under the electron microscope: membranes, mitochondria, vesicles",
    class_names=CLASS_NAMES,
    object_classes=("cytoplasm", "mitochondrion"),
    ranges=EmRanges(),
    draw=draw_em,
)
