"""Resampling of images by groups: weights, the theory of the mean, coverage, pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cellenhance.metrics import overlap
from cellenhance.metrics.bootstrap import (
    Interval,
    draw_weights,
    percentile_interval,
    resample_matrices,
    resample_means,
)


def names(n: int) -> list[str]:
    return [f"image {index}" for index in range(n)]


def test_every_resample_draws_as_many_groups_as_there_are() -> None:
    weights = draw_weights(names(7), 300, np.random.default_rng(0))
    assert weights.shape == (300, 7)
    assert weights.dtype == np.int64
    assert (weights.sum(axis=1) == 7).all()
    # An image stays out of a resample with probability (1 - 1/7)^7 = 0.34.
    assert (weights == 0).mean() == pytest.approx((6 / 7) ** 7, abs=0.03)


def test_images_of_a_group_are_drawn_together() -> None:
    weights = draw_weights(["b", "a", "b", "c", "a", "b"], 200, np.random.default_rng(0))
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 0] == weights[:, 5]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_equal_generators_draw_equal_weights() -> None:
    first, second = (draw_weights(names(5), 10, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("groups", [["a"], ["a", "a", "a"], []])
def test_one_group_has_no_interval_rather_than_one_of_no_width(groups: list[str]) -> None:
    weights = draw_weights(groups, 50, np.random.default_rng(0))
    assert weights.shape == (0, len(groups))
    matrices = resample_matrices(np.ones((len(groups), 2, 2), np.int64), weights)
    assert matrices.shape == (0, 2, 2)
    interval = percentile_interval(overlap.iou(matrices)[:, 0])
    assert math.isnan(interval.low)
    assert interval.n_resamples == 0


def test_matrices_are_pooled_by_their_weights_and_stay_whole_numbers() -> None:
    matrices = np.array([[[1, 2], [3, 4]], [[10, 0], [0, 10]], [[2**40, 0], [0, 1]]])
    pooled = resample_matrices(matrices, np.array([[1, 2, 0], [0, 0, 3]]))
    assert pooled.dtype == np.int64
    assert pooled.tolist() == [[[21, 2], [3, 24]], [[3 * 2**40, 0], [0, 3]]]


def test_scores_take_all_resamples_at_once() -> None:
    rng = np.random.default_rng(0)
    matrices = rng.integers(0, 9, (6, 3, 3))
    weights = draw_weights(names(6), 20, rng)
    pooled = resample_matrices(matrices, weights)
    for score in (overlap.iou, overlap.dice, overlap.precision, overlap.recall):
        one_by_one = [score(np.tensordot(row, matrices, 1)) for row in weights]
        np.testing.assert_array_equal(score(pooled), one_by_one)


def test_means_leave_undefined_images_out() -> None:
    values = np.array([1.0, 3.0, np.nan])
    weights = np.array([[1, 1, 1], [3, 1, 9], [0, 0, 3]])
    np.testing.assert_array_equal(resample_means(values, weights), [2.0, 1.5, np.nan])


def test_an_infinite_score_counts_only_where_it_is_drawn() -> None:
    means = resample_means(np.array([1.0, np.inf]), np.array([[2, 0], [1, 1]]))
    np.testing.assert_array_equal(means, [1.0, np.inf])
    assert percentile_interval(means) == Interval(1.0, math.inf, 0.95, 2)


def test_the_interval_is_made_of_percentiles_without_undefined_values() -> None:
    values = np.concatenate([np.arange(1001.0), [np.nan] * 9])
    interval = percentile_interval(values)
    assert (interval.low, interval.high) == pytest.approx((25, 975))
    assert (interval.level, interval.n_resamples) == (0.95, 1001)
    half = percentile_interval(values, level=0.5)
    assert (half.low, half.high) == (250, 750)


def test_no_defined_value_has_no_interval() -> None:
    interval = percentile_interval(np.array([np.nan, np.nan]))
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_the_level_is_a_share(level: float) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 1, not {level}"):
        percentile_interval(np.zeros(3), level)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    """The spread of resampled means is the standard error with divisor n."""
    rng = np.random.default_rng(1)
    values = rng.normal(0.7, 0.1, 60)
    means = resample_means(values, draw_weights(names(60), 4000, rng))
    interval = percentile_interval(means)
    error = values.std() / math.sqrt(60)
    assert means.std() == pytest.approx(error, rel=0.05)
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def coverage(n_groups: int, rng: np.random.Generator, *, clustered: bool) -> float:
    """Return how often the interval covers 0, the expectation of images alike within groups."""
    hits = 0
    members = np.repeat(np.arange(n_groups), 4)
    for _ in range(250):
        values = rng.normal(0, 1, n_groups)[members] + rng.normal(0, 0.3, members.size)
        groups = members if clustered else np.arange(members.size)
        weights = draw_weights([str(each) for each in groups], 300, rng)
        interval = percentile_interval(resample_means(values, weights))
        hits += interval.low <= 0 <= interval.high
    return hits / 250


def test_intervals_cover_the_truth_only_when_groups_are_drawn_whole() -> None:
    rng = np.random.default_rng(0)
    assert coverage(30, rng, clustered=True) == pytest.approx(0.95, abs=0.045)
    # Four alike images a group taken for four facts: half the true width, 2 Phi(1) - 1 = 0.68.
    assert coverage(30, rng, clustered=False) == pytest.approx(0.68, abs=0.1)


def test_differences_are_paired_by_the_same_weights() -> None:
    """Images differ far more than models: only the paired difference sees the small gain."""
    rng = np.random.default_rng(2)
    first = rng.uniform(0.2, 0.9, 40)
    second = first + 0.01 + rng.normal(0, 0.005, 40)
    weights = draw_weights(names(40), 1000, rng)
    paired = percentile_interval(resample_means(second, weights) - resample_means(first, weights))
    assert 0.005 < paired.low < 0.01 < paired.high < 0.015
    other = draw_weights(names(40), 1000, rng)
    apart = percentile_interval(resample_means(second, weights) - resample_means(first, other))
    assert apart.low < -0.05
    # The paired interval is the one-sample t interval of the differences, nearly.
    t = stats.ttest_1samp(second - first, 0).confidence_interval(0.95)
    assert (paired.low, paired.high) == pytest.approx((t.low, t.high), abs=5e-4)
