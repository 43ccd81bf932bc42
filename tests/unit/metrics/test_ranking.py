"""Ranking: by hand, scikit-learn to 1e-12 on ties too, and counts within their stated error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from cellenhance.metrics.ranking import (
    N_BINS,
    count_scores,
    largest_error,
    rank,
    rank_counts,
)


def booleans(*values: int) -> np.ndarray:
    return np.array(values, bool)


@pytest.mark.parametrize(
    ("truth", "scores", "auc", "precision"),
    [
        ((0, 0, 1, 1), (0.1, 0.2, 0.8, 0.9), 1, 1),
        ((1, 1, 0, 0), (0.1, 0.2, 0.8, 0.9), 0, (1 / 3 + 2 / 4) / 2),
        ((0, 1, 0, 1), (0.5, 0.5, 0.5, 0.5), 0.5, 0.5),
        ((0, 1, 1), (0.5, 0.5, 0.9), 0.75, (1 + 2 / 3) / 2),
    ],
)
def test_small_rankings(
    truth: tuple[int, ...], scores: tuple[float, ...], auc: float, precision: float
) -> None:
    ranking = rank(booleans(*truth), np.array(scores))
    assert ranking.roc_auc == pytest.approx(auc, abs=1e-15)
    assert ranking.average_precision == pytest.approx(precision, abs=1e-15)


@pytest.mark.parametrize("truth", [(1, 1), (0, 0), ()])
def test_one_class_alone_cannot_be_ranked(truth: tuple[int, ...]) -> None:
    ranking = rank(booleans(*truth), np.zeros(len(truth)))
    assert math.isnan(ranking.roc_auc)
    assert math.isnan(ranking.average_precision)


@pytest.mark.parametrize("decimals", [1, 2, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_scikit_learn(decimals: int, dtype: type) -> None:
    rng = np.random.default_rng(decimals)
    truth = rng.random((70, 60)) < 0.2
    exact = rng.beta(2, 3, truth.shape) * 0.8 + 0.2 * truth
    scores: np.ndarray = np.round(exact, decimals).astype(dtype)
    ranking = rank(truth, scores)
    flat = (truth.ravel(), scores.ravel())
    assert ranking.roc_auc == pytest.approx(reference.roc_auc_score(*flat), abs=1e-12)
    expected = reference.average_precision_score(*flat)
    assert ranking.average_precision == pytest.approx(expected, abs=1e-12)


def test_infinite_scores_are_ranked_and_undefined_ones_refused() -> None:
    truth = booleans(0, 0, 1, 1)
    assert rank(truth, np.array([-np.inf, -np.inf, 0, np.inf])).roc_auc == 1
    with pytest.raises(ValueError, match="score is NaN"):
        rank(truth, np.array([0, 1, np.nan, 1]))
    with pytest.raises(ValueError, match=r"truth has shape \(4,\), but the scores \(3,\)"):
        rank(truth, np.zeros(3))


def maps(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a truth with ignored pixels, and float32 softmax probabilities of 3 classes."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 2, 255], (90, 80), p=[0.6, 0.25, 0.1, 0.05]).astype(np.uint8)
    logits = rng.normal(0, 3, (3, *truth.shape)) + 2 * (truth == np.arange(3)[:, None, None])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    return truth, probabilities.astype(np.float32)


def test_counts_are_all_annotated_pixels_once_a_class() -> None:
    truth, probabilities = maps()
    counts = count_scores(truth, probabilities)
    assert counts.shape == (3, 2, N_BINS)
    of_class = [np.count_nonzero(truth == index) for index in range(3)]
    assert counts[:, 1].sum(axis=1).tolist() == of_class
    assert counts.sum(axis=(1, 2)).tolist() == [np.count_nonzero(truth != 255)] * 3


def test_counts_rank_within_their_stated_error() -> None:
    truth, probabilities = maps()
    annotated = truth != 255
    counts = count_scores(truth, probabilities)
    errors = largest_error(counts)
    assert (errors < 5e-4).all()
    for index, ranking in enumerate(rank_counts(counts)):
        flat = (truth[annotated] == index, probabilities[index][annotated])
        assert ranking.roc_auc == pytest.approx(reference.roc_auc_score(*flat), abs=errors[index])
        expected = reference.average_precision_score(*flat)
        assert ranking.average_precision == pytest.approx(expected, abs=2e-3)


def test_the_stated_error_is_all_there_can_be() -> None:
    """In one bin everything is tied: 0.5, where the exact value is anything from 0 to 1."""
    one_bin = np.zeros((2, 2, 3), np.int64)
    one_bin[0, :, 1] = 4, 7
    assert rank_counts(one_bin)[0].roc_auc == 0.5
    np.testing.assert_array_equal(largest_error(one_bin), [0.5, np.nan])


def test_counts_of_parts_add_up() -> None:
    truth, probabilities = maps()
    parts = [
        count_scores(truth[rows], probabilities[:, rows]) for rows in (slice(40), slice(40, None))
    ]
    np.testing.assert_array_equal(sum(parts), count_scores(truth, probabilities))


def test_every_probability_falls_between_the_edges_of_its_bin() -> None:
    """4096 bins of equal width in log odds from -17 to 17, the first reaching down to 0."""
    odds = np.exp(np.arange(4096) * (34 / 4096) - 17)
    edges = np.append(0, (odds / (1 + odds))[1:])
    values = np.array([0, 1e-30, 1e-6, 0.3, 0.5, 0.999, 1 - 1e-7, 1])
    for value in values:
        counts = count_scores(np.zeros((1, 1), np.uint8), np.array([[[value]]]))
        (index,) = np.flatnonzero(counts[0, 1])
        assert edges[index] <= value
        assert index == N_BINS - 1 or value < edges[index + 1]


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="class 0 is not between 0 and 1"):
        count_scores(np.zeros((1, 1), np.uint8), np.array([[[value]]]))


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"truth has shape \(2, 2\)"):
        count_scores(np.zeros((2, 2), np.uint8), np.zeros((3, 2, 1)))
