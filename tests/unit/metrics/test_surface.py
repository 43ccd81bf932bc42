"""Distances between outlines: by hand, against MONAI and scikit-image; empty and ignored."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy import ndimage
from skimage.metrics import hausdorff_distance

from cellenhance.metrics.surface import (
    OutlineDistances,
    boundary_f1,
    hausdorff_of_regions,
    measure_outlines,
    outline,
)


def square(top: int, left: int, side: int, *, value: int = 1) -> np.ndarray:
    mask = np.zeros((20, 24), np.uint8)
    mask[top : top + side, left : left + side] = value
    return mask


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks of smooth shapes that resemble each other and touch the border."""
    rng = np.random.default_rng(seed)
    first, other = (ndimage.gaussian_filter(rng.normal(size=(60, 70)), 4) for _ in range(2))
    return (first > 0).astype(np.uint8), (first + 0.4 * other > 0).astype(np.uint8)


def test_the_outline_is_the_inner_ring_of_a_square() -> None:
    region = square(5, 5, 4) == 1
    ring = outline(region, np.ones_like(region))
    assert ring.sum() == 12
    assert not ring[6:8, 6:8].any()


def test_the_image_border_is_no_outline_unless_told_so() -> None:
    region = square(0, 0, 4) == 1
    assert outline(region, np.ones_like(region)).sum() == 7
    assert outline(region, np.ones_like(region), frame=True).sum() == 12


def test_ignored_pixels_end_nothing() -> None:
    region = square(5, 5, 4) == 1
    annotated = np.ones_like(region)
    annotated[:, 9:] = False
    ring = outline(region, annotated)
    assert not ring[6:8, 8].any()  # next to ignored pixels alone
    assert ring[5:9, 5].all()


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # inside MONAI
@pytest.mark.parametrize("seed", range(4))
def test_pixels_of_unequal_sides_equal_monai(seed: int) -> None:
    truth, prediction = blobs(seed)
    sides = (0.65, 0.325)
    distances = measure_outlines(truth, prediction, 1, frame=True, sides=sides)
    first, second = (torch.from_numpy(m)[None, None] for m in (prediction, truth))
    hausdorff = compute_hausdorff_distance(first, second, True, percentile=95, spacing=sides)
    assert distances.percentile(95) == pytest.approx(hausdorff.item(), rel=1e-5)
    mean = compute_average_surface_distance(first, second, True, symmetric=True, spacing=sides)
    assert distances.mean() == pytest.approx(mean.item(), rel=1e-5)


@pytest.mark.parametrize(("down", "right", "expected"), [(3, 0, 1.95), (0, 3, 0.975)])
def test_a_square_shifted_along_each_side_by_hand(down: int, right: int, expected: float) -> None:
    moved = square(5 + down, 5 + right, 4)
    distances = measure_outlines(square(5, 5, 4), moved, 1, sides=(0.65, 0.325))
    assert distances.hausdorff() == pytest.approx(expected)
    regions = hausdorff_of_regions(square(5, 5, 4), moved, 1, (0.65, 0.325))
    assert regions == pytest.approx(expected)


def test_a_shifted_square_by_hand() -> None:
    """Moved by 3 columns: the four left columns of the ring are 3, 2, 1 and 0 px away."""
    distances = measure_outlines(square(5, 5, 4), square(5, 8, 4), 1)
    assert distances.hausdorff() == 3
    assert sorted(distances.from_truth) == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    assert distances.mean() == pytest.approx(18 / 12)
    assert distances.percentile(50) == 1.5


def test_a_hole_counts_for_the_outline_and_not_for_the_region() -> None:
    """Outlines see the hole 4 px inside; all pixels of the truth lie 1 px from the prediction."""
    truth = square(4, 4, 9)
    pierced = truth.copy()
    pierced[8, 8] = 0
    assert hausdorff_of_regions(truth, pierced, 1) == 1
    assert measure_outlines(truth, pierced, 1).hausdorff() == 3


@pytest.mark.parametrize("seed", range(3))
def test_regions_equal_scikit_image(seed: int) -> None:
    truth, prediction = blobs(seed)
    expected = hausdorff_distance(truth == 1, prediction == 1)
    assert hausdorff_of_regions(truth, prediction, 1) == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # inside MONAI
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("percent", [95, 100])
def test_outlines_equal_monai(seed: int, percent: int) -> None:
    masks = blobs(seed)
    distances = measure_outlines(*masks, 1, frame=True)
    tensors = [torch.from_numpy(each == 1)[None, None].float() for each in reversed(masks)]
    hausdorff = compute_hausdorff_distance(*tensors, include_background=True, percentile=percent)
    mean = compute_average_surface_distance(*tensors, include_background=True, symmetric=True)
    # MONAI computes in float32.
    assert distances.percentile(percent) == pytest.approx(float(hausdorff), rel=1e-6)
    assert distances.mean() == pytest.approx(float(mean), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_symmetric(seed: int) -> None:
    truth, prediction = blobs(seed)
    forth, back = measure_outlines(truth, prediction, 1), measure_outlines(prediction, truth, 1)
    for measure in (OutlineDistances.hausdorff, OutlineDistances.mean):
        assert measure(forth) == pytest.approx(measure(back), rel=1e-12)
    assert hausdorff_of_regions(truth, prediction, 1) == hausdorff_of_regions(prediction, truth, 1)


def test_a_class_in_one_mask_only_is_infinitely_far() -> None:
    empty = np.zeros((20, 24), np.uint8)
    for truth, found in ((square(5, 5, 4), empty), (empty, square(5, 5, 4))):
        distances = measure_outlines(truth, found, 1)
        assert distances.hausdorff() == distances.percentile(95) == distances.mean() == math.inf
        assert hausdorff_of_regions(truth, found, 1) == math.inf
        assert boundary_f1(distances.count_matches()) == 0


def test_a_class_in_neither_mask_is_undefined() -> None:
    empty = np.zeros((20, 24), np.uint8)
    distances = measure_outlines(empty, empty, 1)
    for value in (distances.hausdorff(), distances.percentile(95), distances.mean()):
        assert math.isnan(value)
    assert math.isnan(hausdorff_of_regions(empty, empty, 1))
    assert np.isnan(boundary_f1(distances.count_matches()))


def test_a_class_in_ignored_pixels_alone_is_in_neither_mask() -> None:
    truth = square(5, 5, 4, value=255)
    assert math.isnan(hausdorff_of_regions(truth, square(5, 5, 4), 1))
    assert math.isnan(measure_outlines(truth, square(5, 5, 4), 1).hausdorff())


@pytest.mark.parametrize(("shift", "expected"), [(0, 1), (2, 1), (3, 8 / 12)])
def test_boundary_f1_by_hand(shift: int, expected: float) -> None:
    """By the distances of the shifted square: 8 of 12 ring pixels within 2 px at a shift of 3."""
    distances = measure_outlines(square(5, 5, 4), square(5, 5 + shift, 4), 1)
    assert boundary_f1(distances.count_matches()) == pytest.approx(expected)


def test_a_wider_tolerance_never_scores_less() -> None:
    distances = measure_outlines(*blobs(0), 1)
    scores = [float(boundary_f1(distances.count_matches(each))) for each in range(12)]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


def test_boundary_counts_of_images_add_up() -> None:
    counts = np.sum(
        [measure_outlines(*blobs(seed), 1).count_matches() for seed in range(2)], axis=0
    )
    found, n_truth, right, n_predicted = counts
    precision, recall = right / n_predicted, found / n_truth
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f1(counts) == pytest.approx(expected, abs=1e-12)
