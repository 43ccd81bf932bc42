"""A closed layer of cells with membranes and nuclei, each of any brightness against the other."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, partly_defocused, through_optics
from cellenhance.data.world.outlines import Stamped, draw_outline, stamp
from cellenhance.data.world.placing import Points, place_in_layer
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris
from cellenhance.data.world.tessellation import Tessellation, tessellate, warped_grid

CLASS_NAMES = ("cytoplasm", "membrane", "nucleus")


class LayerRanges(OpticsRanges):
    """What is drawn anew for every layer of cells."""

    spacing_px: PositiveRange = Setting((20, 80), description="mean distance of cell centres")
    disorder: ShareRange = Setting((0.06, 0.25), description="jitter of the centres / spacing")
    flattening: PositiveRange = Setting((1, 1.5), description="ratio of the layer's two spacings")
    bend: ShareRange = Setting((0, 0.1), description="curvature of the borders / spacing")
    width_px: PositiveRange = Setting((1.8, 5), description="width of the membrane")
    nucleus: PositiveRange = Setting((0.18, 0.3), description="radius of nuclei / spacing")
    waviness: ShareRange = Setting((0, 0.12), description="unevenness of the nuclei / radius")
    no_nucleus: ShareRange = Setting((0, 0.15), description="share of cells without a nucleus")
    bright_membrane: ShareRange = Setting((0.6, 0.6), description="share with bright membranes")
    bright_nucleus: ShareRange = Setting((0.7, 0.7), description="share with bright nuclei")
    membrane_contrast: PositiveRange = Setting((0.2, 1.2), description="of it against cytoplasm")
    nucleus_contrast: PositiveRange = Setting((0.2, 1.6), description="of it against cytoplasm")
    patchiness: ShareRange = Setting((0, 0.6), description="how much membranes fade in places")
    cell_spread: ShareRange = Setting((0.03, 0.25), description="deviation of cell brightness")
    texture: ShareRange = Setting((0.02, 0.2), description="depth of the textures")
    defocus: ShareRange = Setting((0, 0.3), description="share of the area out of focus")
    debris: Range = Setting((0, 5), description="mean number of bright specks")


def draw_layer(size_px: int, rng: np.random.Generator, ranges: LayerRanges | None = None) -> Scene:
    """Return a closed layer; a cell inside its membrane, nucleus and all, is an object."""
    r = ranges or LayerRanges()
    spacing = between(r.spacing_px, rng)
    disorder, flattening = between(r.disorder, rng), between(r.flattening, rng)
    seeds = place_in_layer(size_px, spacing, disorder, rng, flattening=flattening)
    points = warped_grid(size_px, between(r.bend, rng) * spacing, spacing / 4, rng)
    cells = tessellate(points, seeds, rounding_px=0.03 * spacing)
    width = min(between(r.width_px, rng), spacing / 7)
    nuclei = _draw_nuclei(seeds, points, spacing, r, rng)
    is_membrane = cells.to_border < np.float32(width / 2)
    depth = np.minimum(nuclei.depth, cells.to_border - np.float32(width / 2 + 1))
    depth = np.where(nuclei.nearest == cells.cell + 1, depth, np.float32(-1))
    signal = _colour(cells, depth, width, spacing, r, rng)
    signal = partly_defocused(signal, 1.2 * width, between(r.defocus, rng), rng)
    signal += 0.5 * debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=np.where(is_membrane, 1, np.where(depth > 0, 2, 0)).astype(np.uint8),
        labels=connected_labels(np.where(is_membrane, 0, cells.cell + 1)),
        class_names=CLASS_NAMES,
        border_class="membrane",
    )


def _draw_nuclei(
    seeds: Points, points: Points, spacing: float, r: LayerRanges, rng: np.random.Generator
) -> Stamped:
    """Return a nucleus near the centre of most cells, owned by the cell's number from 1."""
    size_px, share = len(points), between(r.nucleus, rng)
    missing, waviness = between(r.no_nucleus, rng), between(r.waviness, rng)
    return stamp(
        size_px,
        [
            draw_outline(
                tuple(seed + 0.06 * spacing * rng.standard_normal(2)),
                float(share * spacing * np.exp(0.12 * rng.standard_normal())),
                rng,
                owner=number,
                stretch=rng.uniform(1, 1.6),
                waviness=waviness,
            )
            for number, seed in enumerate(seeds, start=1)
            if rng.random() >= missing
        ],
        points,
    )


def _colour(
    cells: Tessellation,
    depth: Field,
    width: float,
    spacing: float,
    r: LayerRanges,
    rng: np.random.Generator,
) -> Field:
    """Return the brightness of cytoplasm, about 1, nuclei and membranes."""
    size_px = len(depth)
    spread, texture = between(r.cell_spread, rng), between(r.texture, rng)
    level = np.clip(1 + spread * rng.standard_normal((2, cells.n_cells)), 0.3, 2)
    body, core = (each.astype(np.float32)[cells.cell] for each in level)
    signal = body * np.clip(1 + texture * grainy_field(size_px, 5, 0.8, rng), 0.2, 2)
    sign = 1 if happens(between(r.bright_nucleus, rng), rng) else -0.55
    nucleus = np.clip(depth + np.float32(0.5), 0, 1) * core
    nucleus *= np.clip(1 + texture * grainy_field(size_px, spacing / 10, 0.8, rng), 0.2, 2)
    signal += sign * between(r.nucleus_contrast, rng) * nucleus
    line = np.exp(-((cells.to_border / np.float32(0.55 * width)) ** 2))
    fading = 0.5 * cells.per_border(rng) + 0.5 * np.clip(smooth_field(size_px, 6, rng), 0, 1)
    line *= 1 - between(r.patchiness, rng) * fading
    if happens(between(r.bright_membrane, rng), rng):
        signal += between(r.membrane_contrast, rng) * line
    else:
        signal *= 1 - min(between(r.membrane_contrast, rng), 0.9) * line
    clipped: Field = np.clip(signal, 0.02, None).astype(np.float32)
    return clipped


KIND = Kind(
    name="layer",
    summary="a closed layer of cells with membranes and nuclei",
    class_names=CLASS_NAMES,
    object_classes=("cytoplasm", "nucleus"),
    ranges=LayerRanges(),
    draw=draw_layer,
)
