"""Stamped outlines: distances to circles and seams as geometry has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellenhance.data.world.outlines import OUTSIDE_PX, Outline, draw_outline, stamp

SIZE = 96
Y, X = np.mgrid[0:SIZE, 0:SIZE]


def circle(y: float, x: float, radius: float, owner: int = 1, stretch: float = 1) -> Outline:
    rng = np.random.default_rng(0)
    return draw_outline((y, x), radius, rng, owner=owner, stretch=stretch)


def test_depth_in_a_circle_is_radius_less_distance_from_the_centre() -> None:
    stamped = stamp(SIZE, [circle(40.3, 50.7, 20)])
    expected = 20 - np.hypot(Y - 40.3, X - 50.7)
    near = expected > -OUTSIDE_PX
    np.testing.assert_allclose(stamped.depth[near], expected[near], atol=1e-3)
    np.testing.assert_array_equal(stamped.owner == 1, expected > 0)
    np.testing.assert_array_equal(stamped.depth[~near], -OUTSIDE_PX)


@pytest.mark.parametrize("stretch", [1.0, 2.0, 4.0])
def test_stretching_keeps_the_area(stretch: float) -> None:
    stamped = stamp(SIZE, [circle(48, 48, 20, stretch=stretch)])
    assert stamped.coverage().sum() == pytest.approx(np.pi * 20**2, rel=0.01)


def test_the_depth_of_an_ellipse_is_px_along_both_axes() -> None:
    ellipse = replace(circle(48, 48, 16, stretch=4), turn=0.0)  # half axes 32 and 8
    depth = stamp(SIZE, [ellipse]).depth
    assert depth[48, 48 + 30] == pytest.approx(2, abs=0.05)
    assert depth[48 + 6, 48] == pytest.approx(2, abs=0.05)
    assert depth[48 - 10, 48] == pytest.approx(-2, abs=0.05)


def test_two_owners_meet_in_the_line_between_them() -> None:
    left, right = circle(48, 33, 20, owner=1), circle(48, 63, 20, owner=2)
    for outlines in ([left, right], [right, left]):
        stamped = stamp(SIZE, outlines)
        row = slice(38, 58)  # where the circles overlap
        np.testing.assert_array_equal(
            stamped.owner[48, row], [1] * 10 + [stamped.owner[48, 48]] + [2] * 9
        )
        np.testing.assert_allclose(
            stamped.to_border[48, 43:54], np.abs(X[48, 43:54] - 48), atol=1e-3
        )
        assert stamped.depth[48, 48] == pytest.approx(5)


def test_outlines_of_one_owner_unite_without_a_seam() -> None:
    stamped = stamp(SIZE, [circle(48, 33, 20), circle(48, 63, 20)])
    np.testing.assert_array_equal(stamped.to_border, stamped.depth)


def test_a_bent_plane_is_looked_up_where_it_is_bent_to() -> None:
    shifted = np.stack([Y + 7.0, X - 3.0], axis=-1)
    bent = stamp(SIZE, [circle(48, 48, 15)], shifted)
    moved = stamp(SIZE, [circle(41, 51, 15)])
    np.testing.assert_array_equal(bent.owner, moved.owner)
    near = moved.depth > -OUTSIDE_PX + 1
    np.testing.assert_allclose(bent.depth[near], moved.depth[near], atol=1e-3)


def test_outlines_beyond_the_image_leave_it_empty() -> None:
    stamped = stamp(SIZE, [circle(-60, 200, 20)])
    assert not stamped.owner.any()
    assert not stamped.nearest.any()
    assert stamp(SIZE, []).depth.max() == -OUTSIDE_PX


def test_waves_keep_the_outline_within_its_limits() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        outline = draw_outline((48, 48), 20, rng, owner=1, waviness=0.3)
        assert np.abs(outline.waves).max() <= 0.4
        reach = np.hypot(Y - 48, X - 48)[stamp(SIZE, [outline]).owner > 0].max()
        assert reach <= 20 * (1 + np.abs(outline.waves).sum())


def test_a_waved_outline_lies_where_its_formula_says() -> None:
    """At the angle t the outline is radius (1 + sum of amplitude x cos(n t + phase)) away."""
    outline = draw_outline((48, 48), 25, np.random.default_rng(8), owner=1, waviness=0.1)
    outline = replace(outline, turn=0.0)
    angle = np.linspace(0, 2 * np.pi, 60)
    n = np.arange(2, 7)[:, None]
    waves = outline.waves[:, None] * np.cos(n * angle + outline.phases[:, None])
    reach = 25 * (1 + waves.sum(axis=0))
    for beside, sign in ((-1.0, 1), (1.0, -1)):
        points = np.zeros((SIZE, SIZE, 2)) - 100.0
        points[0, :60, 0] = 48 + (reach + beside) * np.sin(angle)
        points[0, :60, 1] = 48 + (reach + beside) * np.cos(angle)
        depth = stamp(SIZE, [outline], points).depth[0, :60]
        np.testing.assert_allclose(depth, sign, atol=1e-3)
