"""Intervals of pooled scores: what is drawn, groups, and when there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cellenhance.metrics.score_intervals import Resampling, ScoreIntervals
from cellenhance.metrics.scores import OverlapScores, Scores

CLASSES = ("a", "b")
MATRICES = np.array([[[9, 1], [2, 8]], [[4, 6], [1, 9]], [[10, 0], [0, 10]], [[7, 3], [5, 5]]])
GROUPS = ("1", "2", "3", "4")


def intervals(groups: tuple[str, ...] = GROUPS, **settings: int) -> ScoreIntervals:
    matrices = MATRICES[: len(groups)]
    return ScoreIntervals.from_matrices(CLASSES, groups, matrices, Resampling(**settings))


def test_an_interval_is_made_of_the_scores_of_resampled_sets() -> None:
    """Each resample scored one by one, as for any set of images."""
    weights = Resampling(seed=5, n_resamples=200).weights(GROUPS)
    pooled = [np.einsum("n,nij->ij", each, MATRICES) for each in weights]
    scores = [OverlapScores.from_matrix(CLASSES, each) for each in pooled]
    found = intervals(seed=5, n_resamples=200)
    for name, values in {
        "miou": [each.miou for each in scores],
        "mdice": [each.mdice for each in scores],
        "accuracy": [each.accuracy for each in scores],
    }.items():
        interval = getattr(found, name)
        assert (interval.low, interval.high) == pytest.approx(np.percentile(values, [2.5, 97.5]))
    low, high = np.percentile([each.iou["b"] for each in scores], [2.5, 97.5])
    assert (found.iou["b"].low, found.iou["b"].high) == pytest.approx((low, high))
    low, high = np.percentile([each.dice["a"] for each in scores], [2.5, 97.5])
    assert (found.dice["a"].low, found.dice["a"].high) == pytest.approx((low, high))


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    assert intervals(seed=1) == intervals(seed=1)
    assert intervals(seed=1, n_resamples=50).miou != intervals(seed=2, n_resamples=50).miou


def test_images_of_one_group_are_drawn_together() -> None:
    """Two groups of equal images have three resamples only: one, the other, both."""
    found = intervals(("x", "y", "x", "y"))
    x, y = MATRICES[[0, 2]].sum(axis=0), MATRICES[[1, 3]].sum(axis=0)
    ends = sorted(OverlapScores.from_matrix(CLASSES, each).miou for each in (x, y))
    assert [found.miou.low, found.miou.high] == pytest.approx(ends)
    assert "4 images, clustered in 2 groups" in found.note
    assert "too narrow" in found.note


@pytest.mark.parametrize(
    ("groups", "note"),
    [
        (("1",), "no intervals: 1 image says nothing about the spread between images"),
        (("g", "g", "g"), "no intervals: 1 group (of 3 images) says nothing about the spread"),
    ],
)
def test_one_image_or_one_group_has_no_interval(groups: tuple[str, ...], note: str) -> None:
    found = intervals(groups)
    assert np.isnan(found.miou.low)
    assert np.isnan(found.iou["a"].high)
    assert note in found.note
    assert found.to_json()["miou"] is None


def test_none_are_made_when_none_are_asked_for() -> None:
    assert intervals(n_resamples=0).note == "no intervals: none were requested"
    assert intervals(n_resamples=0).to_json()["accuracy"] is None


def test_scores_and_branches_carry_them_into_the_json() -> None:
    scores = Scores.from_matrices(CLASSES, GROUPS, list(MATRICES), {"network 1": list(MATRICES)})
    assert "intervals" not in scores.to_json()
    value = scores.with_intervals(GROUPS, Resampling(seed=3, n_resamples=100)).to_json()
    json.dumps(value, allow_nan=False)
    assert (value["intervals"]["seed"], value["intervals"]["n_resamples"]) == (3, 100)
    low, high = value["intervals"]["iou"]["a"]
    assert low < value["pooled"]["iou"]["a"] < high
    assert value["branches"]["network 1"]["intervals"] == value["intervals"]
