"""Partitions: the golden cases, the rules written out, scikit-image where it defines the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import adapted_rand_error, variation_of_information

from cellenhance.metrics.partition import compare_partitions, thin_borders

TRUTH = np.ones((5, 9), bool)
TRUTH[:, 4] = False
MERGED = TRUTH.copy()
MERGED[2, 4] = True
SPLIT = TRUTH.copy()
SPLIT[:, 1] = False


def membranes(seed: int, *, width: float = 0.25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(90, 100)), 4)
    return np.asarray(np.abs(smooth) > width * smooth.std(), bool)


def disturbed(truth: np.ndarray, seed: int) -> np.ndarray:
    """Return the region with some borders opened and some cells cut."""
    rng = np.random.default_rng(seed)
    spots = ndimage.binary_dilation(rng.random(truth.shape) < 0.004, iterations=2)
    return truth ^ spots


@pytest.mark.parametrize("simplified", [False, True])
def test_two_cells_merged_by_one_pixel(simplified: bool) -> None:
    scores = compare_partitions(TRUTH, MERGED, simplified=simplified)
    assert scores.v_rand == pytest.approx(2 / 3, abs=1e-12)
    assert (scores.v_rand_split, scores.v_rand_merge) == (1, 0.5)
    assert (scores.v_info, scores.v_info_split, scores.v_info_merge) == (0, 1, 0)
    assert scores.rand_error == pytest.approx(1 / 3, abs=1e-12)


def test_a_cell_split_by_a_border_in_full_rules() -> None:
    scores = compare_partitions(TRUTH, SPLIT)
    assert scores.v_rand == pytest.approx(0.796992, abs=5e-7)
    assert scores.v_rand_split == pytest.approx(0.6625, abs=5e-7)
    assert scores.v_rand_merge == pytest.approx(1)
    assert scores.v_info == pytest.approx(0.657843, abs=5e-7)
    assert scores.v_info_merge == pytest.approx(1)


def test_a_cell_split_by_a_border_in_simplified_rules() -> None:
    scores = compare_partitions(TRUTH, SPLIT, simplified=True)
    assert scores.v_rand == pytest.approx(0.913043, abs=5e-7)
    assert scores.v_info == pytest.approx(0.833522, abs=5e-7)


def test_equal_segments_are_perfect_even_a_single_one() -> None:
    for region in (TRUTH, np.ones((3, 3), bool), np.eye(5, dtype=bool)):
        scores = compare_partitions(region, region)
        assert scores.v_rand == scores.v_rand_split == scores.v_rand_merge == pytest.approx(1)
        assert scores.v_info == scores.v_info_split == scores.v_info_merge == pytest.approx(1)


def test_segments_that_touch_by_a_corner_are_two() -> None:
    truth = np.array([[1, 0], [0, 1]], bool)
    assert compare_partitions(truth, np.ones((2, 2), bool)).v_rand_merge == 0.5


def test_no_true_cell_and_no_pixel_in_both_are_undefined() -> None:
    nothing = np.zeros((3, 3), bool)
    assert math.isnan(compare_partitions(nothing, ~nothing).v_rand)
    assert math.isnan(compare_partitions(nothing, ~nothing).v_info)
    assert math.isnan(compare_partitions(~nothing, nothing, simplified=True).v_rand)


def test_nothing_predicted_counts_every_pixel_as_a_segment() -> None:
    """Two cells of 20 px: P = S = 1/40 and T = 1/2; H(S) = log 40, H(T) = I = log 2."""
    scores = compare_partitions(TRUTH, np.zeros_like(TRUTH))
    assert scores.v_rand == pytest.approx(2 * (1 / 40) / (1 / 2 + 1 / 40))
    assert scores.v_rand_merge == pytest.approx(1)
    assert scores.v_info == pytest.approx(2 * math.log(2) / (math.log(2) + math.log(40)))


def test_only_pixels_inside_true_cells_count() -> None:
    """An island in a true border belongs to no cell: nothing changes."""
    truth = np.ones((5, 11), bool)
    truth[:, 4:7] = False
    prediction = truth.copy()
    prediction[2, 5] = True
    assert compare_partitions(truth, prediction) == compare_partitions(truth, truth)


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_formula_with_a_segment_for_every_border_pixel(seed: int) -> None:
    """The rules written out: number border pixels as segments of their own, then plain sums."""
    truth = membranes(seed)
    prediction = disturbed(truth, seed)
    segments = ndimage.label(prediction)[0]
    border = segments == 0
    segments[border] = segments.max() + 1 + np.arange(border.sum())
    pairs = np.stack([ndimage.label(truth)[0][truth], segments[truth]])
    joint, true, predicted = (
        np.unique(each, axis=-1, return_counts=True)[1] / truth.sum()
        for each in (pairs, pairs[0], pairs[1])
    )
    scores = compare_partitions(truth, prediction)
    squares = [(each**2).sum() for each in (joint, true, predicted)]
    assert scores.v_rand == pytest.approx(2 * squares[0] / (squares[1] + squares[2]), abs=1e-12)
    entropies = [-(each * np.log(each)).sum() for each in (joint, true, predicted)]
    shared = entropies[1] + entropies[2] - entropies[0]
    expected = 2 * shared / (entropies[1] + entropies[2])
    assert scores.v_info == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_simplified_information_is_that_of_scikit_image(seed: int) -> None:
    truth = membranes(seed)
    prediction = disturbed(truth, seed)
    both = truth & prediction
    first, second = ndimage.label(truth)[0], ndimage.label(prediction)[0]
    # Conditional entropies in bits, over pixels inside cells in both.
    false_splits, false_merges = variation_of_information(first[both], second[both])
    scores = compare_partitions(truth, prediction, simplified=True)
    entropy = {}
    for name, labels in (("truth", first[both]), ("prediction", second[both])):
        shares = np.unique(labels, return_counts=True)[1] / both.sum()
        entropy[name] = -(shares * np.log2(shares)).sum()
    split = 1 - false_splits / entropy["prediction"]
    merge = 1 - false_merges / entropy["truth"]
    assert scores.v_info_split == pytest.approx(split, abs=1e-12)
    assert scores.v_info_merge == pytest.approx(merge, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_simplified_rand_error_is_nearly_that_of_scikit_image(seed: int) -> None:
    """It leaves a pixel's pair with itself out, which changes 1 / segment size."""
    truth = membranes(seed)
    prediction = disturbed(truth, seed)
    both = truth & prediction
    first, second = ndimage.label(truth)[0][both], ndimage.label(prediction)[0][both]
    error, precision, recall = adapted_rand_error(first, second)
    scores = compare_partitions(truth, prediction, simplified=True)
    assert scores.rand_error == pytest.approx(error, abs=2e-3)
    found = sorted([scores.v_rand_split, scores.v_rand_merge])
    assert found == pytest.approx(sorted([precision, recall]), abs=2e-3)


@pytest.mark.parametrize("seed", range(3))
def test_wider_borders_lower_the_full_score_and_not_the_simplified_one(seed: int) -> None:
    truth = membranes(seed, width=0.1)
    shrunk = np.zeros_like(truth)
    labels, n_segments = ndimage.label(truth)
    for index in range(1, n_segments + 1):  # cells of one piece, each a little smaller
        inner = ndimage.label(ndimage.binary_erosion(labels == index))[0]
        if inner.any():
            shrunk |= inner == 1 + np.argmax(np.bincount(inner[inner > 0])[1:])
    assert compare_partitions(truth, shrunk).v_rand < 1
    assert compare_partitions(truth, shrunk, simplified=True).v_rand == pytest.approx(1)
    # Thinning gives the width back.
    assert compare_partitions(truth, thin_borders(shrunk)).v_rand > (
        compare_partitions(truth, shrunk).v_rand
    )


@pytest.mark.parametrize("seed", range(3))
def test_thinning_keeps_the_segments_and_leaves_borders_of_one_pixel(seed: int) -> None:
    region = membranes(seed)
    thinned = thin_borders(region)
    assert thinned[region].all()
    n_segments = ndimage.label(region)[1]
    assert ndimage.label(thinned)[1] == n_segments
    # Every border pixel that is left touches two segments or more, by a side or a corner.
    labels = np.pad(ndimage.label(thinned)[0], 1)
    for row, column in np.argwhere(~thinned):
        around = labels[row : row + 3, column : column + 3]
        assert len(set(around[around > 0].tolist())) >= 2


def test_nothing_to_thin_stays_nothing() -> None:
    nothing = np.zeros((4, 4), bool)
    assert not thin_borders(nothing).any()


def test_regions_are_bool_and_alike_in_shape() -> None:
    with pytest.raises(ValueError, match="expected bool regions"):
        compare_partitions(TRUTH.astype(np.uint8), TRUTH.astype(np.uint8))
    with pytest.raises(ValueError, match=r"truth has shape \(5, 9\), but the prediction \(9, 5\)"):
        compare_partitions(TRUTH, TRUTH.T)
