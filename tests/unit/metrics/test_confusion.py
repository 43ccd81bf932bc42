"""The confusion matrix: small cases by hand, a larger one against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from cellenhance.metrics import confusion
from cellenhance.metrics.confusion import confusion_matrix


def mask(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.uint8)


def test_rows_are_the_truth_and_columns_the_prediction() -> None:
    matrix = confusion_matrix(mask([0, 0, 0, 1]), mask([0, 1, 1, 1]), 3)
    assert matrix.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    assert matrix.dtype == np.int64


def test_ignored_truth_does_not_count_whatever_is_predicted_there() -> None:
    matrix = confusion_matrix(mask([0, 255, 255]), mask([0, 1, 200]), 2)
    assert matrix.tolist() == [[1, 0], [0, 0]]


def test_another_value_can_be_ignored() -> None:
    assert confusion_matrix(mask([0, 1, 9]), mask([0, 1, 1]), 2, ignore=9).sum() == 2


def test_a_class_can_be_the_one_to_ignore() -> None:
    matrix = confusion_matrix(mask([0, 1, 1]), mask([0, 0, 1]), 2, ignore=0)
    assert matrix.tolist() == [[0, 0], [1, 1]]


def test_nothing_is_ignored_when_told_so() -> None:
    with pytest.raises(ValueError, match="truth holds 255 in 1 pixel"):
        confusion_matrix(mask([0, 255]), mask([0, 0]), 2, ignore=None)


def test_a_predicted_value_that_is_no_class_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"prediction holds 255 in 2 pixels; .* 0 to 1"):
        confusion_matrix(mask([0, 1, 1]), mask([0, 255, 255]), 2)


def test_a_true_value_that_is_no_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="truth holds 2 in 1 pixel"):
        confusion_matrix(mask([0, 2]), mask([0, 0]), 2)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(1, 2\), but the prediction \(2, 1\)"):
        confusion_matrix(mask([0, 1]), mask([0], [1]), 2)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.float32])
def test_masks_are_uint8(dtype: type) -> None:
    with pytest.raises(ValueError, match="prediction must hold uint8"):
        confusion_matrix(mask([0]), mask([0]).astype(dtype), 2)


@pytest.mark.parametrize("stray", [2, 14, 15, 16, 254])
@pytest.mark.parametrize("place", ["truth", "prediction"])
def test_every_value_that_is_no_class_is_found_beside_ignored_ones(stray: int, place: str) -> None:
    pair = {"truth": mask([0, 255, 1]), "prediction": mask([0, 1, 1])}
    pair[place][0, 0] = stray
    with pytest.raises(ValueError, match=f"^the {place} holds {stray} in 1 pixel; expected"):
        confusion_matrix(pair["truth"], pair["prediction"], 2)


@pytest.mark.parametrize("n_classes", [0, 256])
def test_the_number_of_classes_has_limits(n_classes: int) -> None:
    with pytest.raises(ValueError, match="1 to 255 classes"):
        confusion_matrix(mask([0]), mask([0]), n_classes)


@pytest.mark.parametrize("n_classes", [2, 5, 15, 16, 255])
def test_equals_scikit_learn(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    truth, prediction = rng.integers(0, n_classes, (2, 61, 47), dtype=np.uint8)
    expected = reference.confusion_matrix(
        truth.ravel(), prediction.ravel(), labels=np.arange(n_classes)
    )
    np.testing.assert_array_equal(confusion_matrix(truth, prediction, n_classes), expected)


def test_counting_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, 3, (2, 40, 30), dtype=np.uint8)
    whole = confusion_matrix(truth, prediction, 3)
    monkeypatch.setattr(confusion, "_BLOCK_PX", 7)
    np.testing.assert_array_equal(confusion_matrix(truth, prediction, 3), whole)
    assert whole.sum() == 1200
