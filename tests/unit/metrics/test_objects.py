"""Objects: hand-made scenes, optimal matching as the oracle, MONAI's panoptic quality."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from monai.metrics import compute_panoptic_quality
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from cellenhance.metrics.objects import (
    THRESHOLDS,
    count_objects,
    measure_classes,
    object_ap,
    object_f1,
    panoptic_quality,
    recognition_quality,
    segmentation_quality,
)

EIGHT = np.ones((3, 3))


def row(*values: int) -> np.ndarray:
    return np.array([values], np.uint8)


def cells(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks of classes 0, 1, 2 with some 40 objects each."""
    rng = np.random.default_rng(seed)
    smooth, other = (ndimage.gaussian_filter(rng.normal(size=(120, 130)), 3) for _ in range(2))
    kind = np.where(ndimage.gaussian_filter(rng.normal(size=smooth.shape), 20) > 0, 1, 2)
    scale = smooth.std()
    truth = np.where(smooth > 0.7 * scale, kind, 0)
    prediction = np.where(smooth + 0.4 * other > 0.7 * scale, kind, 0)
    return truth.astype(np.uint8), prediction.astype(np.uint8)


def test_one_match_one_miss_and_one_invention_by_hand() -> None:
    truth = row(1, 1, 1, 0, 0, 1, 0, 0, 0)
    prediction = row(1, 1, 0, 0, 0, 0, 0, 1, 1)
    counts = count_objects(truth, prediction, 2)[1]
    # The first pair overlaps by 2/3: a match up to an IoU of 0.65.
    for threshold, found in zip(THRESHOLDS, counts, strict=False):
        expected = [1, 1, 1, 2 / 3] if threshold <= 2 / 3 else [0, 2, 2, 0]
        assert found == pytest.approx(expected)
    assert counts[-1] == pytest.approx([1, 1, 1, 2 / 3])
    assert object_f1(counts[0]) == 0.5
    assert object_ap(counts[0]) == pytest.approx(1 / 3)
    assert segmentation_quality(counts) == pytest.approx(2 / 3)
    assert recognition_quality(counts) == 0.5
    assert panoptic_quality(counts) == pytest.approx(1 / 3)


def test_pixels_that_touch_by_a_corner_are_one_object() -> None:
    diagonal = np.eye(4, dtype=np.uint8)
    assert count_objects(diagonal, diagonal, 2)[1, 0].tolist() == [1, 0, 0, 1]


def test_touching_objects_of_different_classes_are_two() -> None:
    mask = row(0, 1, 1, 2, 2)
    counts = count_objects(mask, mask, 3)
    assert counts[:, 0, 0].tolist() == [1, 1, 1]


def test_an_object_of_another_class_is_no_match() -> None:
    counts = count_objects(row(0, 1, 1), row(0, 2, 2), 3)
    assert counts[1, 0].tolist() == [0, 0, 1, 0]
    assert counts[2, 0].tolist() == [0, 1, 0, 0]


def test_one_of_two_equal_halves_matches_at_half_and_none_above() -> None:
    truth = row(1, 1, 1, 1, 1, 1)
    prediction = row(1, 1, 1, 0, 0, 0)
    counts = count_objects(truth, prediction, 2)[1]
    assert counts[0].tolist() == [1, 0, 0, 0.5]
    assert counts[-1].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_matches_equal_an_optimal_assignment(seed: int) -> None:
    truth, prediction = cells(seed)
    counts = count_objects(truth, prediction, 3)
    for index in range(3):
        first, n_first = ndimage.label(truth == index, EIGHT)
        second, n_second = ndimage.label(prediction == index, EIGHT)
        ious = np.zeros((n_first, n_second))
        for i, j in itertools.product(range(n_first), range(n_second)):
            a, b = first == i + 1, second == j + 1
            ious[i, j] = (a & b).sum() / (a | b).sum()
        for threshold, found in zip(THRESHOLDS, counts[index], strict=False):
            fits = ious >= threshold
            pairs = linear_sum_assignment(-(fits + 1e-6 * ious))
            n_matched = np.count_nonzero(fits[pairs])
            expected = n_matched, n_second - n_matched, n_first - n_matched
            assert tuple(found[:3]) == expected
            assert found[3] == pytest.approx(ious[pairs][fits[pairs]].sum(), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_panoptic_quality_equals_that_of_monai(seed: int) -> None:
    truth, prediction = cells(seed)
    counts = count_objects(truth, prediction, 3)
    for index in (1, 2):
        labels = [
            torch.from_numpy(ndimage.label(each == index, EIGHT)[0]) for each in (prediction, truth)
        ]
        ours = {
            "pq": panoptic_quality(counts)[index],
            "sq": segmentation_quality(counts)[index],
            "rq": recognition_quality(counts)[index],
        }
        for name, found in ours.items():
            expected = compute_panoptic_quality(*labels, metric_name=name)
            assert found == pytest.approx(float(expected), abs=1e-5)  # MONAI adds 1e-6 below


def test_no_object_is_undefined_and_a_missed_one_scores_zero() -> None:
    nothing = count_objects(row(0, 0), row(0, 0), 2)[1]
    for score in (panoptic_quality, segmentation_quality, recognition_quality):
        assert np.isnan(score(nothing))
    assert np.isnan(object_f1(nothing[0]))
    missed = count_objects(row(0, 1), row(0, 0), 2)[1]
    assert panoptic_quality(missed) == recognition_quality(missed) == object_ap(missed[0]) == 0
    assert np.isnan(segmentation_quality(missed))


def test_ignored_pixels_are_in_no_object() -> None:
    truth, prediction = row(0, 1, 1, 255, 255, 0), row(0, 1, 1, 1, 1, 0)
    assert count_objects(truth, prediction, 2)[1, -1].tolist() == [1, 0, 0, 1]


def test_what_sticks_out_of_ignored_pixels_is_not_held_against_the_prediction() -> None:
    truth = row(0, 0, 255, 255, 0, 0)
    mostly_ignored = row(0, 1, 1, 1, 0, 0)  # 1 of 3 px outside
    half_ignored = row(0, 0, 1, 1, 1, 1)  # 2 of 4 px outside
    mostly_outside = row(1, 1, 1, 0, 0, 0)  # 2 of 3 px outside
    assert count_objects(truth, mostly_ignored, 2)[1, 0].tolist() == [0, 0, 0, 0]
    for held in (half_ignored, mostly_outside):
        assert count_objects(truth, held, 2)[1, 0].tolist() == [0, 1, 0, 0]


def test_everything_ignored_is_undefined() -> None:
    counts = count_objects(row(255, 255), row(1, 0), 2)
    assert not counts.any()


def test_counts_of_images_add_up() -> None:
    """Side by side with an ignored column between them they are one image."""
    (first, one), (second, two) = cells(0), cells(1)
    gap = np.full((len(first), 1), 255, np.uint8)
    together = np.hstack([first, gap, second]), np.hstack([one, 0 * gap, two])
    total = count_objects(first, one, 3) + count_objects(second, two, 3)
    np.testing.assert_allclose(count_objects(*together, 3), total, atol=1e-9)


def test_areas_and_objects_that_touch_by_a_corner_are_one() -> None:
    mask = np.array(
        [
            [1, 0, 0, 2, 2],
            [0, 1, 0, 0, 0],
            [0, 0, 0, 2, 255],
        ],
        np.uint8,
    )
    background, first, second, absent = measure_classes(mask, 4)
    assert (background.area_px, background.n_objects) == (9, 1)
    assert (first.area_px, first.n_objects) == (2, 1)
    assert (second.area_px, second.n_objects) == (3, 2)
    assert (absent.area_px, absent.n_objects) == (0, 0)
