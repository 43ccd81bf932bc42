"""Cells that fill the plane: nearest seeds, and px to the line between two cells."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.data.world.outlines import draw_outline, stamp
from cellenhance.data.world.placing import place_in_layer
from cellenhance.data.world.tessellation import overlay, tessellate, warped_grid

SIZE = 64
Y, X = np.mgrid[0:SIZE, 0:SIZE]
STRAIGHT = np.stack([Y, X], axis=-1).astype(np.float64)


def test_the_border_of_two_cells_is_halfway_between_their_seeds() -> None:
    cells = tessellate(STRAIGHT, np.array([[32.0, 10.0], [32.0, 50.0]]))
    np.testing.assert_allclose(cells.to_border, np.abs(X - 30), atol=1e-3)
    apart = X != 30  # there a pixel is as near to one as to the other
    np.testing.assert_array_equal(cells.cell[apart], (X > 30)[apart])
    np.testing.assert_array_equal(cells.neighbour[apart], (X < 30)[apart])


def test_each_pixel_belongs_to_its_nearest_seed() -> None:
    rng = np.random.default_rng(1)
    seeds = place_in_layer(SIZE, 12, 0.2, rng)
    cells = tessellate(STRAIGHT, seeds)
    distance = np.linalg.norm(STRAIGHT[:, :, None] - seeds, axis=-1)
    np.testing.assert_array_equal(cells.cell, distance.argmin(axis=-1))


def test_seeds_of_one_group_make_one_cell() -> None:
    seeds = np.array([[32.0, 5.0], [32.0, 25.0], [32.0, 45.0]])
    cells = tessellate(STRAIGHT, seeds, np.array([0, 0, 1], np.int32))
    np.testing.assert_array_equal(cells.cell, X > 35)
    right_part = X > 15  # nearest to the second seed, whose line with the third is the border
    np.testing.assert_allclose(cells.to_border[right_part], np.abs(X - 35)[right_part], atol=1e-3)


def test_rounding_widens_the_gap_at_corners_alone() -> None:
    corner = np.array([[16.0, 16.0], [16.0, 48.0], [48.0, 32.0]])
    sharp = tessellate(STRAIGHT, corner).to_border
    round_ = tessellate(STRAIGHT, corner, rounding_px=2).to_border
    assert (round_ <= sharp + 1e-4).all()
    assert round_[2, 20] == pytest.approx(sharp[2, 20], abs=0.01)  # far from the third cell
    assert sharp[25, 28] - round_[25, 28] > 0.3  # beside the corner


def test_a_border_has_one_number_on_both_sides() -> None:
    rng = np.random.default_rng(2)
    cells = tessellate(STRAIGHT, np.array([[32.0, 10.0], [32.0, 50.0]]))
    numbers = cells.per_border(rng)
    assert numbers.min() == pytest.approx(numbers.max(), abs=1e-6)


def test_bodies_laid_over_the_plane_are_cells_with_borders() -> None:
    cells = tessellate(STRAIGHT, np.array([[32.0, 10.0], [32.0, 50.0]]))
    disc = draw_outline((32.0, 30.0), 12, np.random.default_rng(0), owner=1)
    over = overlay(cells, stamp(SIZE, [disc]))
    inside = np.hypot(Y - 32, X - 30) < 12
    np.testing.assert_array_equal(over.cell == 2, inside)
    np.testing.assert_array_equal(over.cell[~inside], cells.cell[~inside])
    assert over.to_border[32, 30] == pytest.approx(12, abs=1e-3)  # not the line beneath
    assert over.to_border[32, 15] == pytest.approx(3, abs=1e-3)  # to the disc
    assert over.to_border[2, 27] == pytest.approx(3, abs=1e-3)  # to the line
    assert over.n_cells == 3


@pytest.mark.parametrize("flattening", [1.0, 2.5])
def test_a_layer_has_one_seed_per_hexagon(flattening: float) -> None:
    rng = np.random.default_rng(4)
    counts = [
        (((seeds >= 0) & (seeds < 400)).all(axis=1)).sum()
        for seeds in (place_in_layer(400, 20, 0.1, rng, flattening=flattening) for _ in range(10))
    ]
    # A hexagon of spacing s has the area s^2 sqrt(3) / 2.
    assert np.mean(counts) == pytest.approx(400**2 / (20**2 * np.sqrt(3) / 2), rel=0.02)


def test_an_unbent_grid_is_that_of_the_pixels() -> None:
    grid = warped_grid(8, 0, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(grid, np.indices((8, 8)).transpose(1, 2, 0))
    bent = warped_grid(256, 3, 10, np.random.default_rng(0))
    straight = np.indices((256, 256)).transpose(1, 2, 0)
    assert (bent - straight).std() == pytest.approx(3, rel=0.01)
