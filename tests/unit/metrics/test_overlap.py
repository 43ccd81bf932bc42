"""Overlap scores: the golden matrix, undefined classes, and scikit-learn as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from cellenhance.metrics import overlap
from cellenhance.metrics.confusion import confusion_matrix

GOLDEN = np.array([[4, 1], [2, 3]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iou", [4 / 7, 3 / 6]),
        ("dice", [8 / 11, 6 / 9]),
        ("precision", [4 / 6, 3 / 4]),
        ("recall", [4 / 5, 3 / 5]),
        ("specificity", [3 / 5, 4 / 5]),
    ],
)
def test_the_golden_matrix_has_these_scores(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(getattr(overlap, name)(GOLDEN), expected, rtol=1e-15)


def test_the_golden_matrix_has_this_accuracy() -> None:
    assert overlap.accuracy(GOLDEN) == 0.7


def test_a_class_absent_from_truth_and_prediction_is_undefined() -> None:
    matrix = np.diag([5, 0])
    for score in (overlap.iou, overlap.dice, overlap.precision, overlap.recall):
        np.testing.assert_array_equal(score(matrix), [1, np.nan])
    assert overlap.absent(matrix).tolist() == [False, True]


def test_a_missed_class_scores_zero_but_has_no_precision() -> None:
    matrix = np.array([[5, 0], [3, 0]])
    assert overlap.iou(matrix)[1] == 0
    assert overlap.dice(matrix)[1] == 0
    assert overlap.recall(matrix)[1] == 0
    assert np.isnan(overlap.precision(matrix)[1])
    assert not overlap.absent(matrix)[1]


def test_an_invented_class_scores_zero_but_has_no_recall() -> None:
    matrix = np.array([[5, 3], [0, 0]])
    assert overlap.iou(matrix)[1] == 0
    assert overlap.precision(matrix)[1] == 0
    assert np.isnan(overlap.recall(matrix)[1])


def test_specificity_is_that_of_scikit_learn_and_undefined_where_there_is_nothing_else() -> None:
    rng = np.random.default_rng(5)
    truth, prediction = rng.integers(0, 3, (2, 500))
    matrix = confusion_matrix(truth.astype(np.uint8)[None], prediction.astype(np.uint8)[None], 3)
    for index, found in enumerate(overlap.specificity(matrix)):
        # Specificity of a class is the recall of its complement.
        expected = reference.recall_score(truth != index, prediction != index)
        assert found == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(overlap.specificity(np.array([[5, 1], [0, 0]])), [np.nan, 5 / 6])


def test_many_matrices_are_scored_at_once() -> None:
    matrices = np.random.default_rng(0).integers(0, 5, (4, 3, 3))
    matrices[0] = 0
    for name in ("iou", "dice", "precision", "recall", "specificity"):
        score = getattr(overlap, name)
        np.testing.assert_array_equal(score(matrices), [score(each) for each in matrices])
        means = [overlap.mean_defined(score(each)) for each in matrices]
        np.testing.assert_allclose(overlap.mean_over_classes(score(matrices)), means, atol=1e-15)


def test_no_pixels_give_no_accuracy() -> None:
    assert np.isnan(overlap.accuracy(np.zeros((2, 2), np.int64)))


def test_the_mean_leaves_undefined_values_out() -> None:
    assert overlap.mean_defined([0.25, np.nan, 0.75]) == 0.5
    assert np.isnan(overlap.mean_defined([np.nan, np.nan]))
    assert np.isnan(overlap.mean_defined([]))


def test_scores_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 4, (53, 31), dtype=np.uint8)
    prediction = np.where(rng.random(truth.shape) < 0.7, truth, (truth + 1) % 4).astype(np.uint8)
    matrix = confusion_matrix(truth, prediction, 4)
    flat = (truth.ravel(), prediction.ravel())
    oracles = {
        "iou": reference.jaccard_score,
        "dice": reference.f1_score,
        "precision": reference.precision_score,
        "recall": reference.recall_score,
    }
    for name, oracle in oracles.items():
        expected = oracle(*flat, average=None)
        np.testing.assert_allclose(getattr(overlap, name)(matrix), expected, rtol=0, atol=1e-12)
    assert overlap.accuracy(matrix) == pytest.approx(reference.accuracy_score(*flat), abs=1e-12)
