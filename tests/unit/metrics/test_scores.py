"""Score records: pooled against mean over images, undefined classes, branches, JSON, baseline."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cellenhance.metrics.scores import OverlapScores, Scores, majority_scores

GOLDEN = np.array([[4, 1], [2, 3]])
FIRST = np.array([[4, 0], [0, 0]])  # class b is absent
SECOND = np.array([[0, 1], [2, 3]])


def two_images() -> Scores:
    return Scores.from_matrices(["a", "b"], ["one", "two"], [FIRST, SECOND])


def test_the_golden_matrix_has_these_means() -> None:
    scores = OverlapScores.from_matrix(["a", "b"], GOLDEN)
    assert scores.miou == pytest.approx(0.5357, abs=5e-5)
    assert scores.mdice == pytest.approx((8 / 11 + 6 / 9) / 2, abs=1e-15)
    assert scores.mprecision == pytest.approx((4 / 6 + 3 / 4) / 2, abs=1e-15)
    assert scores.mrecall == pytest.approx(0.7, abs=1e-15)


def test_pooled_scores_come_from_the_summed_matrix() -> None:
    assert two_images().pooled == OverlapScores.from_matrix(["a", "b"], GOLDEN)
    assert two_images().matrix.tolist() == GOLDEN.tolist()


def test_the_mean_over_images_leaves_out_images_without_the_class() -> None:
    mean = two_images().per_image_mean
    assert mean.iou == {"a": (1 + 0) / 2, "b": 3 / 6}
    assert mean.accuracy == (1 + 3 / 6) / 2


def test_the_mean_miou_is_the_mean_of_each_images_miou() -> None:
    assert two_images().per_image_mean.miou == ((1) + (0 + 3 / 6) / 2) / 2


def test_absences_are_counted() -> None:
    assert two_images().n_absent == {"a": 0, "b": 1}


def test_each_image_keeps_its_own_scores() -> None:
    images = two_images().images
    assert [image.id for image in images] == ["one", "two"]
    assert images[1].scores.iou == {"a": 0.0, "b": 0.5}


def test_a_class_that_is_nowhere_is_left_out_of_every_mean() -> None:
    scores = Scores.from_matrices(["a", "b"], ["one"], [FIRST])
    assert scores.pooled.miou == scores.per_image_mean.miou == 1.0


def test_json_has_the_promised_keys_and_null_for_undefined() -> None:
    scores = Scores.from_matrices(["a", "b"], ["one"], [FIRST], branches={"network 1": [FIRST]})
    value = scores.to_json()
    assert list(value) == ["classes", "n_images", "pooled", "per_image_mean", "branches"]
    assert value["classes"] == ["a", "b"]
    assert value["n_images"] == 1
    names = ("iou", "dice", "precision", "recall", "specificity")
    expected = {*names, *(f"m{name}" for name in names)}
    assert set(value["pooled"]) == expected | {"accuracy"}
    assert set(value["per_image_mean"]) == expected | {"accuracy", "n_absent"}
    assert value["pooled"]["iou"] == {"a": 1.0, "b": None}
    assert value["per_image_mean"]["n_absent"] == {"a": 0, "b": 1}
    assert set(value["branches"]["network 1"]) == {"pooled", "per_image_mean"}


def test_json_is_plain_and_not_rounded() -> None:
    scores = Scores.from_matrices(["a", "b"], ["one"], [GOLDEN])
    text = json.dumps(scores.to_json(), allow_nan=False)
    assert json.loads(text)["pooled"]["iou"]["a"] == 4 / 7


def test_branches_have_scores_of_their_own() -> None:
    scores = Scores.from_matrices(["a", "b"], ["one"], [FIRST], branches={"network 2": [GOLDEN]})
    assert scores.branches["network 2"].pooled.iou["a"] == 4 / 7
    assert scores.pooled.iou["a"] == 1


def test_scores_of_no_image_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        Scores.from_matrices(["a"], [], [])


def test_every_image_needs_its_matrix() -> None:
    with pytest.raises(ValueError, match="zip"):
        Scores.from_matrices(["a", "b"], ["one", "two"], [GOLDEN])


def test_the_majority_class_is_chosen_on_the_training_counts() -> None:
    rare_in_training = majority_scores(["a", "b"], [1, 9], ["one", "two"], [FIRST, SECOND])
    assert rare_in_training.pooled.iou == {"a": 0.0, "b": 5 / 10}
    assert rare_in_training.images[0].scores.accuracy == 0
    assert rare_in_training.images[1].scores.accuracy == 5 / 6
