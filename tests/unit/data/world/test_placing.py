"""Objects keep the distance that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from cellenhance.data.world.placing import place_apart
from cellenhance.data.world.scatter import ScatterRanges, scatter_outlines, typical_radius


@pytest.mark.parametrize("clustered", [0.0, 0.9])
def test_no_two_centres_are_closer_than_asked(clustered: float) -> None:
    rng = np.random.default_rng(0)
    radii = rng.uniform(5, 15, 60)
    centres, kept = place_apart(256, radii, rng, clustered=clustered, closeness=1.2)
    assert len(kept) > 20
    sums = radii[kept][:, None] + radii[kept]
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1)
    pairs = np.triu_indices(len(kept), 1)
    assert (apart[pairs] >= 1.2 * sums[pairs] - 1e-9).all()


def test_clustered_objects_lie_side_by_side() -> None:
    def median_gap(clustered: float) -> float:
        rng = np.random.default_rng(1)
        centres, _ = place_apart(512, np.full(30, 10.0), rng, clustered=clustered, closeness=1.0)
        return float(np.median([np.sort(np.hypot(*(centres - each).T))[1] for each in centres]))

    assert median_gap(1.0) == pytest.approx(1.03 * 20, rel=0.01)
    assert median_gap(0.0) > 30
    assert (
        len(
            pdist(
                place_apart(
                    64, np.array([5.0]), np.random.default_rng(0), clustered=1, closeness=1
                )[0]
            )
        )
        == 0
    )


def test_the_first_object_lies_in_view_and_others_may_overhang() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        centres, _ = place_apart(40, np.full(12, 15.0), rng, clustered=0, closeness=0.5)
        assert ((centres[0] >= 0) & (centres[0] <= 40)).all()
        assert (np.abs(centres - 20) <= 35).all()


def test_scattered_outlines_have_the_size_and_the_crowding_of_their_ranges() -> None:
    ranges = ScatterRanges(
        radius_px=(12, 12),
        size_spread=(0, 0),
        crowding=(0.15, 0.15),
        clustered=(0, 0),
        closeness=(1, 1),
        waviness=(0, 0),
    )
    counts = []
    for seed in range(30):
        outlines = scatter_outlines(256, ranges, np.random.default_rng(seed))
        assert {outline.radius_px for outline in outlines} == {12.0}
        assert [outline.owner for outline in outlines] == list(range(1, len(outlines) + 1))
        counts.append(len(outlines))
    # The centres fill the image and a rim of one radius; few find no place at this crowding.
    assert np.mean(counts) == pytest.approx(0.15 * 280**2 / (np.pi * 12**2), rel=0.1)
    assert typical_radius([]) == 10.0
