"""Stained tissue in transmitted light: dark nuclei in fibrous, uneven stroma."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import Field, grainy_field, smooth_field
from cellenhance.data.world.light import OpticsRanges, partly_defocused, through_optics
from cellenhance.data.world.outlines import stamp
from cellenhance.data.world.scatter import ScatterRanges, scatter_outlines, typical_radius
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris
from cellenhance.data.world.tessellation import warped_grid

CLASS_NAMES = ("background", "nucleus")


class TissueRanges(ScatterRanges, OpticsRanges):
    """What is drawn anew for every scene of tissue."""

    radius_px: PositiveRange = Setting((5, 20), description="mean radius of nuclei")
    crowding: PositiveRange = Setting((0.1, 0.6), description="share of the area they would fill")
    stretch: PositiveRange = Setting((1.1, 3), description="largest ratio of the axes")
    absorbance: PositiveRange = Setting((0.5, 1.8), description="of the nuclei")
    spread: ShareRange = Setting((0.05, 0.35), description="deviation of log absorbance")
    chromatin: ShareRange = Setting((0.05, 0.45), description="depth of the chromatin texture")
    rim: ShareRange = Setting((0, 0.4), description="how much darker the rim of nuclei is")
    stroma: PositiveRange = Setting((0.15, 0.7), description="absorbance of the stroma")
    fibres: ShareRange = Setting((0, 0.6), description="depth of the fibres in the stroma")
    gaps: ShareRange = Setting((0, 0.3), description="share of the area without stroma")
    defocus: ShareRange = Setting((0, 0.4), description="share of the area out of focus")
    debris: Range = Setting((0, 4), description="mean number of dark specks")
    light_loss: ShareRange = Setting((0, 0.3), description="light lost at the darkest place")


def draw_tissue(
    size_px: int, rng: np.random.Generator, ranges: TissueRanges | None = None
) -> Scene:
    """Return stained tissue; a nucleus is an object."""
    r = ranges or TissueRanges()
    outlines = scatter_outlines(size_px, r, rng)
    radius = typical_radius(outlines)
    points = warped_grid(size_px, 0.15 * radius, radius, rng)
    nuclei = stamp(size_px, outlines, points)
    level = np.exp(between(r.spread, rng) * rng.standard_normal(len(outlines) + 1))
    texture = 1 + between(r.chromatin, rng) * grainy_field(size_px, radius / 3, 0.7, rng)
    rim = 1 + between(r.rim, rng) * np.exp(-((nuclei.depth / np.float32(1.5)) ** 2))
    stain = between(r.absorbance, rng) * level.astype(np.float32)[nuclei.nearest]
    stain = stain * np.clip(texture, 0.2, 2) * rim
    absorbance = _stroma(size_px, radius, r, rng)
    absorbance += nuclei.coverage() * (stain - 0.5 * absorbance)
    absorbance += 0.7 * debris(size_px, between(r.debris, rng), rng)
    absorbance = partly_defocused(absorbance, 2.0, between(r.defocus, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(np.exp(-absorbance), r, rng),
        mask=(nuclei.owner > 0).astype(np.uint8),
        labels=connected_labels(nuclei.owner),
        class_names=CLASS_NAMES,
    )


def _stroma(size_px: int, radius: float, r: TissueRanges, rng: np.random.Generator) -> Field:
    """Return the absorbance between the nuclei: wavy fibres, blotches and empty gaps."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32)
    turn, period = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.5, 1.5)
    across = (np.cos(turn) * x + np.sin(turn) * y) * np.float32(2 * np.pi / period)
    across += np.float32(rng.uniform(4, 14)) * smooth_field(size_px, 2.5 * radius, rng)
    across += np.float32(0.8) * smooth_field(size_px, 0.5 * radius, rng)
    fibres = 1 + between(r.fibres, rng) * 0.5 * np.sin(across)
    blotches = np.clip(1 + 0.3 * grainy_field(size_px, 2 * radius, 0.8, rng), 0.1, 2)
    share = between(r.gaps, rng)
    place = smooth_field(size_px, 3 * radius, rng)
    edge = float(np.quantile(place, share)) if share > 0 else -100.0
    present = 1 / (1 + np.exp(-np.clip(8 * (place - np.float32(edge)), -50, 50)))
    stroma: Field = between(r.stroma, rng) * fibres * blotches * present
    return stroma.astype(np.float32)


KIND = Kind(
    name="tissue",
    summary="stained tissue in transmitted light: dark nuclei in fibrous stroma",
    class_names=CLASS_NAMES,
    object_classes=("nucleus",),
    ranges=TissueRanges(),
    draw=draw_tissue,
)
