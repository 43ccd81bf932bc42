"""Warping: hand-made regions, topology kept, the naive rule as oracle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from cellenhance.metrics.warping import Warping, warp

EIGHT = np.ones((3, 3))
TWO_CELLS = np.ones((5, 9), bool)
TWO_CELLS[:, 4] = False


def edited(region: np.ndarray, place: Any, value: bool) -> np.ndarray:
    changed = region.copy()
    changed[place] = value
    return changed


def summary(warping: Warping) -> tuple[int, int, int]:
    return warping.n_mismatches, warping.n_splits, warping.n_merges


def test_a_moved_border_costs_nothing() -> None:
    moved = edited(edited(TWO_CELLS, (slice(None), 4), True), (slice(None), 5), False)
    warping = warp(TWO_CELLS, moved)
    assert summary(warping) == (0, 0, 0)
    assert warping.error == 0
    np.testing.assert_array_equal(warping.warped, moved)


def test_one_pixel_that_joins_two_cells_is_a_merge() -> None:
    warping = warp(TWO_CELLS, edited(TWO_CELLS, (2, 4), True))
    assert summary(warping) == (1, 0, 1)
    assert warping.error == pytest.approx(1 / 45)


def test_a_new_border_can_be_grown_but_for_its_last_pixel_which_is_a_split() -> None:
    warping = warp(TWO_CELLS, edited(TWO_CELLS, (slice(None), 1), False))
    assert summary(warping) == (1, 1, 0)


def test_a_hole_and_an_island_are_neither_split_nor_merge() -> None:
    cell = np.zeros((9, 9), bool)
    cell[1:8, 1:5] = True
    hole, island = edited(cell, (4, 2), False), edited(cell, (4, 7), True)
    assert summary(warp(cell, hole)) == (1, 0, 0)
    assert summary(warp(cell, island)) == (1, 0, 0)


def test_a_lost_and_an_invented_cell_stay_as_one_pixel() -> None:
    cell = np.zeros((9, 9), bool)
    cell[2:5, 2:5] = True
    nothing = np.zeros_like(cell)
    assert summary(warp(cell, nothing)) == (1, 0, 0)
    invented = warp(nothing, cell)
    assert summary(invented) == (9, 0, 0)  # nothing to grow it from


def test_a_ring_that_is_opened_is_no_split() -> None:
    """Cutting a ring once joins hole and outside; cutting it twice makes two pieces."""
    ring = np.ones((7, 7), bool)
    ring[2:5, 2:5] = False
    once = edited(ring, (3, slice(0, 2)), False)
    assert summary(warp(ring, once)) == (1, 0, 0)
    twice = edited(once, (3, slice(5, 7)), False)
    assert warp(ring, twice).n_mismatches == 2
    figure = edited(once, (3, 1), False)
    assert summary(warp(figure, twice)) == (1, 1, 0)


def test_closing_a_ring_is_no_merge() -> None:
    ring = np.ones((7, 7), bool)
    ring[2:5, 2:5] = False
    opened = edited(ring, (3, slice(0, 2)), False)
    # Either of the two pixels would close it, so neither can be flipped; it stays one segment.
    assert summary(warp(opened, ring)) == (2, 0, 0)


def test_pixels_that_are_not_annotated_stay_and_do_not_count() -> None:
    bridged = edited(TWO_CELLS, (2, 4), True)
    annotated = np.ones_like(TWO_CELLS)
    annotated[:, 4] = False
    warping = warp(TWO_CELLS, bridged, annotated=annotated)
    assert summary(warping) == (0, 0, 0)
    assert warping.n_px == 40
    assert math.isnan(warp(TWO_CELLS, bridged, annotated=np.zeros_like(annotated)).error)


def test_the_strongest_pixels_are_flipped_first() -> None:
    """Of a bar of 2 x 1 px to be removed, the last pixel cannot go: the weaker one stays."""
    bar = np.zeros((3, 4), bool)
    bar[1, 1:3] = True
    for strong, left in ((1, 2), (2, 1)):
        strength = np.zeros(bar.shape)
        strength[1, strong] = 0.5
        warped = warp(bar, np.zeros_like(bar), strength=strength).warped
        assert np.argwhere(warped).tolist() == [[1, left]]


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    smooth, other = (ndimage.gaussian_filter(rng.normal(size=(50, 60)), 2) for _ in range(2))
    disturbed = smooth + 0.5 * other
    return smooth > 0, disturbed > 0, np.abs(disturbed)


def count_parts(region: np.ndarray) -> tuple[int, int]:
    padded = np.pad(region, 1)
    return ndimage.label(padded)[1], ndimage.label(~padded, EIGHT)[1]


@pytest.mark.parametrize("seed", range(4))
def test_segments_and_holes_are_kept_and_the_error_never_grows(seed: int) -> None:
    truth, prediction, strength = blobs(seed)
    warping = warp(truth, prediction, strength=strength)
    assert count_parts(warping.warped) == count_parts(truth)
    assert 0 < warping.n_mismatches < np.count_nonzero(truth != prediction)
    assert warping.n_splits + warping.n_merges <= warping.n_mismatches
    np.testing.assert_array_equal(warp(truth, truth).warped, truth)


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_rule_without_shortcuts(seed: int) -> None:
    """Try every differing pixel in order, judging topology by counting parts, until none flips."""
    truth, prediction, strength = (each[:20, :24] for each in blobs(seed))
    warped = truth.copy()
    flipped = True
    while flipped:
        flipped = False
        places = np.argwhere(warped != prediction)
        ranks = np.argsort(-strength[warped != prediction], kind="stable")
        for place in map(tuple, places[ranks]):
            window = np.pad(warped, 1)[place[0] : place[0] + 3, place[1] : place[1] + 3].copy()
            parts = []
            for middle in (False, True):
                window[1, 1] = middle
                parts.append(count_local_parts(window))
            if parts[0] == parts[1] and 0 not in parts[0]:
                warped[place] = ~warped[place]
                flipped = True
    np.testing.assert_array_equal(warp(truth, prediction, strength=strength).warped, warped)


def count_local_parts(window: np.ndarray) -> tuple[int, int]:
    """Return the parts of foreground and background in a window, its middle being one or other.

    Corners that only touch the middle by a corner belong to no part of the foreground.
    """
    kept = ndimage.label(window)[0]
    by_side = {int(kept[place]) for place in ((0, 1), (1, 0), (1, 2), (2, 1), (1, 1))} - {0}
    return len(by_side), int(ndimage.label(~window, EIGHT)[1])
