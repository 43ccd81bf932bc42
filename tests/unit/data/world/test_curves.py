"""Filaments: px to a straight line, and chains that end where their cell ends."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.data.world.curves import OUTSIDE_PX, draw_curves, stamp_curves, stay_inside

EVERYWHERE = np.ones((64, 64), dtype=bool)


def straight_line() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return draw_curves(np.array([[30.2, 10.0]]), np.zeros(1), np.array([40.0]), 1e12, rng)


def test_a_stiff_curve_is_a_line_of_its_length() -> None:
    [chain] = straight_line()
    assert np.hypot(*(chain[-1] - chain[0])) == pytest.approx(39.5, abs=0.01)
    np.testing.assert_allclose(chain[:, 0], 30.2, atol=1e-3)


def test_distances_are_those_to_the_line() -> None:
    curves = stamp_curves(straight_line(), EVERYWHERE)
    y = np.arange(64)
    expected = np.minimum(np.abs(y - 30.2), OUTSIDE_PX)
    # Points stand half a pixel apart, so a distance is at most hypot(d, 0.25) too long.
    np.testing.assert_allclose(curves.distance[:, 30], expected, atol=0.13)
    assert set(curves.curve[:, 30][np.abs(y - 30.2) < 5]) == {0}
    assert curves.curve[60, 30] == -1


def test_nothing_is_near_outside_of_where_curves_are_looked_for() -> None:
    within = np.zeros((64, 64), dtype=bool)
    within[:32] = True
    curves = stamp_curves(straight_line(), within)
    assert (curves.curve[32:] == -1).all()
    assert (curves.distance[32:] == OUTSIDE_PX).all()
    assert (stamp_curves([], EVERYWHERE).curve == -1).all()


def test_a_curve_forgets_its_direction_after_its_persistence_length() -> None:
    """The cosine between directions `s` apart has the mean exp(-s / persistence)."""
    rng = np.random.default_rng(1)
    n, persistence = 4000, 10.0
    chains = draw_curves(np.zeros((n, 2)), np.zeros(n), np.full(n, 10.0), persistence, rng)
    last = np.array([chain[-1] - chain[-2] for chain in chains])
    cosine = last[:, 1] / np.hypot(last[:, 0], last[:, 1])  # with the start, along x
    assert cosine.mean() == pytest.approx(np.exp(-10.0 / persistence), abs=0.03)


def test_a_chain_ends_where_it_leaves_its_cell_or_the_image() -> None:
    owner = np.zeros((64, 64), np.int32)
    owner[:, 5:30] = 1
    owner[:, 30:] = 2
    [cut] = stay_inside(straight_line(), owner)
    assert cut[-1, 1] == pytest.approx(29.25, abs=0.5)
    beyond = [np.array([[10.0, 62.0], [10.0, 63.0], [10.0, 64.0]])]
    assert len(stay_inside(beyond, owner)[0]) == 2
    outside = [np.array([[10.0, 2.0], [10.0, 10.0]])]  # starts in no cell
    assert len(stay_inside(outside, owner)[0]) == 0
