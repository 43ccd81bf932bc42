"""Nuclei in which nucleoli shine: round, angular or fused, in a dimmer nucleoplasm."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, Range, ShareRange
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import blur, grainy_field
from cellenhance.data.world.light import OpticsRanges, through_optics
from cellenhance.data.world.outlines import Outline, draw_outline, stamp
from cellenhance.data.world.scatter import ScatterRanges, scatter_outlines
from cellenhance.data.world.scene import Kind, Scene, connected_labels
from cellenhance.data.world.spots import debris

CLASS_NAMES = ("background", "nucleolus", "nucleoplasm")


class NucleoliRanges(ScatterRanges, OpticsRanges):
    """What is drawn anew for every scene of nucleoli."""

    radius_px: PositiveRange = Setting((14, 62), description="mean radius of nuclei")
    nucleoli: Range = Setting((1, 5), description="mean number of nucleoli in a nucleus")
    nucleolus: PositiveRange = Setting((0.1, 0.3), description="their radius / the nucleus's")
    angularity: ShareRange = Setting((0, 0.25), description="unevenness of their outlines / radius")
    nucleoplasm: ShareRange = Setting((0.12, 0.65), description="brightness / that of nucleoli")
    brightness_spread: Range = Setting((0.05, 0.6), description="deviation of log brightness")
    texture: ShareRange = Setting((0, 0.2), description="depth of the nucleoplasm's texture")
    haze: ShareRange = Setting((0, 0.2), description="stray light / nuclei")
    debris: Range = Setting((0, 4), description="mean number of bright specks")


def draw_nucleoli(
    size_px: int, rng: np.random.Generator, ranges: NucleoliRanges | None = None
) -> Scene:
    """Return nuclei with bright nucleoli; a nucleus with its nucleoli is an object."""
    r = ranges or NucleoliRanges()
    outlines = scatter_outlines(size_px, r, rng)
    nuclei = stamp(size_px, outlines)
    inner = stamp(size_px, [each for nucleus in outlines for each in _nucleoli(nucleus, r, rng)])
    depth = np.minimum(inner.depth, nuclei.to_border - 2)
    is_nucleolus = (depth > 0) & (inner.nearest == nuclei.owner)
    level = np.exp(between(r.brightness_spread, rng) * rng.standard_normal(len(outlines) + 1))
    texture = 1 + between(r.texture, rng) * grainy_field(size_px, 5, 0.8, rng)
    plasm = np.float32(between(r.nucleoplasm, rng)) * np.clip(texture, 0.2, 2)
    cover = np.clip(depth + np.float32(0.5), 0, 1) * (inner.nearest == nuclei.owner)
    signal = nuclei.coverage() * (plasm + cover * (1 - plasm))
    signal *= level.astype(np.float32)[nuclei.nearest]
    signal += between(r.haze, rng) * blur(signal, rng.uniform(4, 25))
    signal += 0.5 * debris(size_px, between(r.debris, rng), rng)
    return Scene(
        kind=KIND.name,
        clean=through_optics(signal, r, rng),
        mask=np.where(is_nucleolus, 1, np.where(nuclei.owner > 0, 2, 0)).astype(np.uint8),
        labels=connected_labels(nuclei.owner),
        class_names=CLASS_NAMES,
    )


def _nucleoli(nucleus: Outline, r: NucleoliRanges, rng: np.random.Generator) -> list[Outline]:
    """Return at least one nucleolus near the middle of a nucleus; some fuse."""
    angularity = between(r.angularity, rng)
    nucleoli = []
    for _ in range(max(1, int(rng.poisson(between(r.nucleoli, rng))))):
        away, angle = 0.6 * nucleus.radius_px * rng.random() ** 0.5, rng.uniform(0, 2 * np.pi)
        nucleoli.append(
            draw_outline(
                (
                    nucleus.centre[0] + away * float(np.sin(angle)),
                    nucleus.centre[1] + away * float(np.cos(angle)),
                ),
                max(1.5, nucleus.radius_px * between(r.nucleolus, rng)),
                rng,
                owner=nucleus.owner,
                stretch=rng.uniform(1, 2),
                waviness=angularity,
            )
        )
    return nucleoli


KIND = Kind(
    name="nucleoli",
    summary="nuclei with bright nucleoli in a dimmer nucleoplasm",
    class_names=CLASS_NAMES,
    object_classes=("nucleolus", "nucleoplasm"),
    ranges=NucleoliRanges(),
    draw=draw_nucleoli,
)
