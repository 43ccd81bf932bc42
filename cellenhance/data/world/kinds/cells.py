"""Cells with stained cytoplasm that touch and crowd: spread, round or in colonies."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between, happens
from cellenhance.data.world.fields import blur, grainy_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.populations import PopulationRanges, draw_population
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris

CLASS_NAMES = ("background", "cell")


class CellsRanges(PopulationRanges, OpticsRanges):
    """What is drawn anew for every scene of touching cells."""

    crowding: PositiveRange = Setting((0.2, 0.9), description="share of the area they would fill")
    clustered: ShareRange = Setting((0.2, 0.9), description="share that is put beside another one")
    closeness: PositiveRange = Setting((0.75, 1.05), description="least distance / sum of radii")
    brightness_spread: Range = Setting((0.05, 0.6), description="deviation of log brightness")
    edge_px: PositiveRange = Setting((1.5, 9), description="over which cells thin out to the rim")
    edge_level: ShareRange = Setting((0.2, 1), description="brightness at the rim / middle")
    seam: ShareRange = Setting((0, 0.6), description="how dark the line between two cells is")
    nucleus: ShareRange = Setting((0, 0.8), description="depth of the nucleus's shadow, or light")
    texture: ShareRange = Setting((0.02, 0.4), description="depth of the cytoplasm's texture")
    haze: ShareRange = Setting((0, 0.3), description="stray light / cells")
    debris: Range = Setting((0, 8), description="mean number of bright specks")


def draw_cells(size_px: int, rng: np.random.Generator, ranges: CellsRanges | None = None) -> Scene:
    """Return a scene of whole cells; a cell is an object."""
    r = ranges or CellsRanges()
    cells = draw_population(size_px, r, rng)
    inside, depth = cells.coverage(), np.clip(cells.to_border, 0, None)
    low = np.float32(between(r.edge_level, rng))
    profile = low + (1 - low) * (1 - np.exp(-depth / np.float32(between(r.edge_px, rng))))
    profile *= 1 - between(r.seam, rng) * np.exp(-((depth / np.float32(1.2)) ** 2))
    sign = 1 if happens(0.35, rng) else -1
    profile *= 1 + sign * between(r.nucleus, rng) * cells.nucleus
    texture = 1 + between(r.texture, rng) * grainy_field(size_px, cells.radius_px / 2, 0.8, rng)
    signal = inside * cells.levels(between(r.brightness_spread, rng), rng) * profile
    signal *= np.clip(texture, 0.1, 3)
    signal += between(r.haze, rng) * blur(signal, rng.uniform(5, 25))
    signal += debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=(cells.owner > 0).astype(np.uint8),
        labels=connected_labels(cells.owner),
        class_names=CLASS_NAMES,
    )


KIND = Kind(
    name="cells",
    summary="whole cells with stained cytoplasm, crowded and touching",
    class_names=CLASS_NAMES,
    object_classes=("cell",),
    ranges=CellsRanges(),
    draw=draw_cells,
)
