"""A layer of cells seen by its borders alone: dark or bright lines, as in an endothelium."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, partly_defocused, through_optics
from cellenhance.data.world.placing import place_in_layer
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris
from cellenhance.data.world.tessellation import Tessellation, tessellate, warped_grid

CLASS_NAMES = ("cell", "membrane")


class HoneycombRanges(OpticsRanges):
    """What is drawn anew for every honeycomb."""

    spacing_px: PositiveRange = Setting((13, 64), description="mean distance of cell centres")
    disorder: ShareRange = Setting((0.06, 0.28), description="jitter of the centres / spacing")
    flattening: PositiveRange = Setting((1, 1.6), description="ratio of the layer's two spacings")
    bend: ShareRange = Setting((0, 0.12), description="curvature of the borders / spacing")
    rounding: ShareRange = Setting((0, 0.07), description="rounding of the corners / spacing")
    width_px: PositiveRange = Setting((1.6, 4.5), description="width of the membrane")
    dark_lines: ShareRange = Setting((0.6, 0.6), description="share of scenes with dark lines")
    contrast: PositiveRange = Setting((0.25, 1), description="of the lines against the cells")
    patchiness: ShareRange = Setting((0, 0.7), description="how much the lines fade in places")
    rim: Range = Setting((0, 0.5), description="brightness of the rims beside dark lines / line")
    cell_spread: ShareRange = Setting((0.02, 0.3), description="deviation of the cells / contrast")
    texture: ShareRange = Setting((0.02, 0.22), description="depth of the texture / contrast")
    nuclei: ShareRange = Setting((0, 0.3), description="depth of faint nuclei / contrast")
    debris: Range = Setting((0, 8), description="mean number of specks")
    defocus: ShareRange = Setting((0, 0.3), description="share of the area out of focus")


def draw_honeycomb(
    size_px: int, rng: np.random.Generator, ranges: HoneycombRanges | None = None
) -> Scene:
    """Return a scene of cells that fill it; a cell without its membrane is an object."""
    r = ranges or HoneycombRanges()
    cells, spacing = _draw_cells(size_px, r, rng)
    width = min(between(r.width_px, rng), spacing / 5)
    is_membrane = cells.to_border < np.float32(width / 2)
    is_dark = happens(between(r.dark_lines, rng), rng)
    contrast = between(r.contrast, rng)
    line = contrast * _lines(cells, width, r, rng)
    body = 1 + contrast * _cytoplasm(cells, spacing, r, rng)
    if is_dark:
        flank = np.exp(-(((cells.to_border - np.float32(width)) / np.float32(0.6 * width)) ** 2))
        signal = body * (1 - line) + between(r.rim, rng) * line.max() * flank
    else:
        signal = np.float32(rng.uniform(0.15, 0.7)) * body + 1.3 * line
    sign = -1 if happens(0.5, rng) else 1
    signal = signal + sign * 0.5 * debris(size_px, between(r.debris, rng), rng)
    signal = partly_defocused(signal, 1.5 * width, between(r.defocus, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=is_membrane.astype(np.uint8),
        labels=connected_labels(np.where(is_membrane, 0, cells.cell + 1)),
        class_names=CLASS_NAMES,
        border_class="membrane",
    )


def _draw_cells(
    size_px: int, r: HoneycombRanges, rng: np.random.Generator
) -> tuple[Tessellation, float]:
    """Return the cells and their mean spacing."""
    spacing = between(r.spacing_px, rng)
    disorder, flattening = between(r.disorder, rng), between(r.flattening, rng)
    seeds = place_in_layer(size_px, spacing, disorder, rng, flattening=flattening)
    points = warped_grid(size_px, between(r.bend, rng) * spacing, spacing / 3, rng)
    rounding = between(r.rounding, rng) * spacing
    return tessellate(points, seeds, rounding_px=rounding), spacing


def _lines(
    cells: Tessellation, width: float, r: HoneycombRanges, rng: np.random.Generator
) -> Field:
    """Return how much membrane is at each pixel, up to 1."""
    size_px = len(cells.to_border)
    profile = np.exp(-((cells.to_border / np.float32(0.5 * width)) ** 2))
    fading = 0.6 * cells.per_border(rng) + 0.4 * (smooth_field(size_px, 6, rng) > 0.5)
    strength = 1 - between(r.patchiness, rng) * fading
    lines: Field = profile * strength.astype(np.float32)
    return lines


def _cytoplasm(
    cells: Tessellation, spacing: float, r: HoneycombRanges, rng: np.random.Generator
) -> Field:
    """Return how much brighter or darker than 1 the cells are, in units of the contrast."""
    size_px = len(cells.cell)
    level = between(r.cell_spread, rng) * rng.standard_normal(cells.n_cells)
    texture = between(r.texture, rng) * grainy_field(size_px, spacing / 3, 0.7, rng)
    body = level.astype(np.float32)[cells.cell] + texture
    if happens(0.5, rng):
        reach = np.float32(spacing * rng.uniform(0.2, 0.32))
        inside = 1 / (1 + np.exp(-(cells.to_border - reach) / np.float32(0.04 * spacing)))
        has_nucleus = (rng.random(cells.n_cells) < 0.8)[cells.cell]
        body += (1 - 2 * happens(0.6, rng)) * between(r.nuclei, rng) * inside * has_nucleus
    clipped: Field = np.clip(body, -0.8, 2).astype(np.float32)
    return clipped


KIND = Kind(
    name="honeycomb",
    summary="a layer of cells seen by its borders: dark or bright lines in uneven light",
    class_names=CLASS_NAMES,
    object_classes=("cell",),
    ranges=HoneycombRanges(),
    draw=draw_honeycomb,
)
