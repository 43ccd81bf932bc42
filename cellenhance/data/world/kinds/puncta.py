"""Cells whose cytoplasm holds bright puncta: vesicles, foci, single molecules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import Field, blur, grainy_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.outlines import draw_outline, stamp
from cellenhance.data.world.populations import Population, PopulationRanges, draw_population
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris

CLASS_NAMES = ("background", "cell", "punctum")
_MOST_PUNCTA_PER_PX = 260 / 256**2


class PunctaRanges(PopulationRanges, OpticsRanges):
    """What is drawn anew for every scene of puncta."""

    radius_px: PositiveRange = Setting((14, 60), description="mean radius of cells")
    crowding: PositiveRange = Setting((0.2, 0.8), description="share of the area they would fill")
    puncta: PositiveRange = Setting((4, 40), description="mean number of puncta in a cell")
    punctum_px: PositiveRange = Setting((1.3, 4.5), description="mean radius of the puncta")
    punctum_level: PositiveRange = Setting((0.5, 4), description="brightness over the cytoplasm")
    nucleus: ShareRange = Setting((0, 0.9), description="depth of the nucleus's shadow")
    cytoplasm: ShareRange = Setting((0.1, 0.6), description="brightness of the cytoplasm")
    brightness_spread: Range = Setting((0.05, 0.5), description="deviation of log brightness")
    texture: ShareRange = Setting((0.02, 0.4), description="depth of the cytoplasm's texture")
    haze: ShareRange = Setting((0, 0.3), description="light of puncta out of focus / in focus")
    debris: Range = Setting((0, 3), description="mean number of bright specks outside")


def draw_puncta(
    size_px: int, rng: np.random.Generator, ranges: PunctaRanges | None = None
) -> Scene:
    """Return cells with puncta; a cell with its puncta is an object."""
    r = ranges or PunctaRanges()
    cells = draw_population(size_px, r, rng)
    nucleus = between(r.nucleus, rng) * cells.nucleus
    spots, is_punctum = _draw_puncta(cells, r, rng)
    texture = 1 + between(r.texture, rng) * grainy_field(size_px, cells.radius_px / 3, 0.8, rng)
    thickness = 1 - np.exp(-np.clip(cells.to_border, 0, None) / np.float32(rng.uniform(1, 8)))
    body = cells.coverage() * cells.levels(between(r.brightness_spread, rng), rng) * thickness
    body *= between(r.cytoplasm, rng) * np.clip(texture, 0.1, 3) * (1 - nucleus)
    signal = body + spots + between(r.haze, rng) * blur(spots, rng.uniform(4, 12))
    signal += 0.3 * debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=np.where(is_punctum, 2, cells.owner > 0).astype(np.uint8),
        labels=connected_labels(cells.owner),
        class_names=CLASS_NAMES,
    )


def _draw_puncta(
    cells: Population, r: PunctaRanges, rng: np.random.Generator
) -> tuple[Field, NDArray[np.bool_]]:
    """Return the light of the puncta and where they are; fewer lie over the nucleus."""
    size_px = len(cells.owner)
    n_seen = len(np.unique(cells.owner)) - 1
    wanted = min(between(r.puncta, rng) * n_seen, _MOST_PUNCTA_PER_PX * size_px**2)
    mean = between(r.punctum_px, rng)
    y, x = rng.integers(0, size_px, (2, 8 * int(wanted) + 1))
    liking = rng.uniform(0.2, 1, cells.n_cells + 1)  # some cells have many
    liking[0] = 0
    chance = liking[cells.owner[y, x]] * (1 - 0.8 * cells.nucleus[y, x])
    chosen = np.flatnonzero((rng.random(len(y)) < chance) & (cells.to_border[y, x] > mean))
    outlines = [
        draw_outline(
            (float(y[at]), float(x[at])),
            max(1.1, mean * float(np.exp(0.3 * rng.standard_normal()))),
            rng,
            owner=owner,
            stretch=rng.uniform(1, 1.3),
        )
        for owner, at in enumerate(chosen[: int(wanted)], start=1)
    ]
    shapes = stamp(size_px, outlines)
    level = between(r.punctum_level, rng) * np.exp(0.4 * rng.standard_normal(len(outlines) + 1))
    is_punctum = (shapes.depth > 0) & (cells.owner > 0)
    spots: Field = shapes.coverage() * level.astype(np.float32)[shapes.nearest] * (cells.owner > 0)
    return spots.astype(np.float32), is_punctum


KIND = Kind(
    name="puncta",
    summary="cells with bright puncta in a dim cytoplasm",
    class_names=CLASS_NAMES,
    object_classes=("cell", "punctum"),
    ranges=PunctaRanges(),
    draw=draw_puncta,
)
