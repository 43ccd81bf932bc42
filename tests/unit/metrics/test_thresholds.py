"""Thresholds: the best mean over images, ties, undefined scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cellenhance.metrics.averages import average_images
from cellenhance.metrics.thresholds import THRESHOLDS, best_threshold


def test_the_mean_over_images_decides() -> None:
    """One image is best at 0.2, the other loses more there than it gains."""
    scores = {"a": {0.2: 1.0, 0.4: 0.7}, "b": {0.2: 0.1, 0.4: 0.9}}
    sweep = best_threshold(["a", "b"], lambda image, t: scores[image].get(round(t, 2), 0.0))
    assert (sweep.threshold, sweep.score) == (0.4, pytest.approx(0.8))
    expected = {0.2: 0.55, 0.4: 0.8}
    np.testing.assert_allclose(sweep.scores, [expected.get(round(t, 2), 0) for t in THRESHOLDS])


def test_lower_may_be_better() -> None:
    sweep = best_threshold([0.7], lambda image, t: abs(image - t), direction="lower")
    assert sweep.threshold == 0.7


def test_of_equal_thresholds_the_one_nearest_to_a_half_is_taken() -> None:
    sweep = best_threshold([0], lambda _, t: float(0.55 <= t <= 0.85))
    assert sweep.threshold == 0.55
    assert best_threshold([0], lambda *_: 1.0).threshold == 0.5


def test_undefined_images_are_left_out_and_nothing_defined_has_no_threshold() -> None:
    values = {0: math.nan, 1: 0.3}
    sweep = best_threshold([0, 1], lambda image, t: values[image] + (t == 0.25))
    assert (sweep.threshold, sweep.score) == (0.25, 1.3)
    assert math.isnan(best_threshold([0], lambda image, _: values[image]).threshold)
    assert math.isnan(best_threshold([], lambda *_: 1.0).threshold)


def test_the_candidates_are_steps_of_a_twentieth() -> None:
    assert THRESHOLDS[0] == 0.05
    assert THRESHOLDS[-1] == 0.95
    np.testing.assert_allclose(np.diff(THRESHOLDS), 0.05)


def test_averages_count_what_they_leave_out() -> None:
    averages = average_images(np.array([[np.inf, np.nan], [2.0, np.nan], [4.0, np.nan]]))
    assert averages.mean[0] == 3
    assert math.isnan(averages.mean[1])
    assert averages.n_images.tolist() == [2, 0]
    assert averages.n_infinite.tolist() == [1, 0]
    assert averages.n_undefined.tolist() == [0, 3]
