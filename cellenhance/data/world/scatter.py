"""Separate objects (nuclei, cells) scattered over a scene, apart or in clusters."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.data.degrade.ranges import PositiveRange, ShareRange
from cellenhance.data.world.draws import between
from cellenhance.data.world.outlines import Outline, draw_outline
from cellenhance.data.world.placing import place_apart
from cellenhance.settings import Settings

_MOST_PER_PX = 180 / 256**2
"""More objects than this cost time and teach nothing new."""


class ScatterRanges(Settings):
    """How large, how many and how close the objects are."""

    radius_px: PositiveRange = Setting((5, 34), description="mean radius")
    size_spread: ShareRange = Setting((0.05, 0.3), description="deviation of the radii / mean")
    crowding: PositiveRange = Setting((0.08, 0.6), description="share of the area they would fill")
    clustered: ShareRange = Setting((0, 0.7), description="share that is put beside another one")
    closeness: PositiveRange = Setting((0.85, 1.3), description="least distance / sum of the radii")
    stretch: PositiveRange = Setting((1, 2), description="largest ratio of the axes")
    waviness: ShareRange = Setting((0, 0.12), description="unevenness of the outlines / radius")


def scatter_outlines(
    size_px: int, r: ScatterRanges, rng: np.random.Generator, *, small: float = 0.0
) -> list[Outline]:
    """Return the outlines of a scene, one owner each, counted from 1.

    Parameters
    ----------
    small : share of the objects that have 0.65 times the radius
    """
    radius, spread = between(r.radius_px, rng), between(r.size_spread, rng)
    area = (size_px + 2 * radius) ** 2
    wanted = min(between(r.crowding, rng) / (np.pi * radius**2), _MOST_PER_PX) * area
    n = max(1, int(rng.poisson(wanted)))
    radii = radius * np.exp(spread * rng.standard_normal(n))
    radii[rng.random(n) < small] *= 0.65
    clustered, closeness = between(r.clustered, rng), between(r.closeness, rng)
    centres, kept = place_apart(size_px, radii, rng, clustered=clustered, closeness=closeness)
    longest, waviness = between(r.stretch, rng), between(r.waviness, rng)
    return [
        draw_outline(
            (float(centre[0]), float(centre[1])),
            float(radii[index]),
            rng,
            owner=owner,
            stretch=rng.uniform(1, longest),
            waviness=waviness,
        )
        for owner, (centre, index) in enumerate(zip(centres, kept, strict=True), start=1)
    ]


def typical_radius(outlines: list[Outline]) -> float:
    """Return the median radius in px; 10 without any outline."""
    return float(np.median([each.radius_px for each in outlines])) if outlines else 10.0
