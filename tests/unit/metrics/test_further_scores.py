"""Metrics of the registry over several images: means, what is left out, intervals, names."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cellenhance.errors import SettingsError
from cellenhance.metrics.further_scores import (
    ALIASES,
    FurtherMetrics,
    MetricScores,
    choose_metrics,
    find_metric,
)
from cellenhance.metrics.registry import METRICS
from cellenhance.metrics.score_intervals import Resampling
from cellenhance.metrics.scored_image import ScoredImage
from cellenhance.render.metric_tables import metric_run_table, metric_tables

CLASSES = ("rest", "cell")
POINT = np.array([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], np.uint8)
MOVED = np.array([[0, 0, 0, 0, 0], [0, 0, 0, 1, 0]], np.uint8)  # 2 px to the right
EMPTY = np.zeros_like(POINT)


def names(words: list[str], **facts: bool) -> list[str]:
    known = {"has_probabilities": True, "has_pixel_size": True} | facts
    return [each.name for each in choose_metrics(words, **known)[0]]


def score(*words: str, size: float | None = None) -> tuple[MetricScores, ...]:
    """Four images: equal, moved, missed, and one where the class is nowhere."""
    found, _ = choose_metrics(words, has_probabilities=False, has_pixel_size=size is not None)
    keeper = FurtherMetrics(found, CLASSES, size)
    for truth, mask in ((POINT, POINT), (POINT, MOVED), (POINT, EMPTY), (EMPTY, EMPTY)):
        keeper.see(ScoredImage(truth, mask, 2, pixel_size_um=size))
    return keeper.finish(["a", "b", "c", "d"], Resampling(n_resamples=100))


def test_a_mean_says_which_images_it_leaves_out() -> None:
    [found] = score("hausdorff")
    assert found.values[:, 1].tolist()[:3] == [0, 2, math.inf]
    assert math.isnan(found.values[3, 1])
    assert found.averages.mean[1] == 1
    value = found.to_json()
    json.dumps(value, allow_nan=False)
    assert value["per_image_mean"]["cell"] == 1
    assert value["n_images"]["cell"] == 2
    assert value["n_undefined"]["cell"] == 1
    assert value["n_infinite"]["cell"] == 1
    low, high = value["intervals"]["cell"]
    assert 0 <= low <= 1 <= high <= 2
    [table] = metric_tables([found], CLASSES)
    assert table.rows[0][:3] == ("hausdorff, px", "lower", "")
    assert table.rows[0][4].startswith("1.00 [")
    assert table.rows[0][4].endswith("(n=2)")
    assert "left out" in table.notes[-1]


def test_what_can_be_pooled_is_pooled() -> None:
    """Of three true cells one is found, and one is found that is none."""
    [found] = score("object_f1_50")
    assert found.pooled is not None
    assert found.pooled[1] == 2 / (2 + 2 + 1)
    means, pooled = metric_tables([found], CLASSES)
    assert pooled.rows[0][4] == "0.4000"
    assert "pooled" in pooled.title
    assert "mean over images" in means.title


def test_runs_stand_under_each_other_and_folds_are_averaged() -> None:
    scores = score("hausdorff", "accuracy")
    table = metric_run_table({"one": [scores], "two": [scores, scores]}, CLASSES)
    assert table is not None
    assert [row[0] for row in table.rows] == [
        "hausdorff, px: one",
        "hausdorff, px: two",
    ]  # accuracy is always reported and so no further metric
    assert table.rows[1][4] == "1.00 ± 0.00"
    assert "population standard deviation over folds" in table.title
    assert metric_run_table({"one": [()], "two": [()]}, CLASSES) is None


def test_a_known_pixel_size_brings_micrometres() -> None:
    px, um = score("hd", size=0.5)
    assert (px.metric.name, um.metric.name) == ("hausdorff", "hausdorff_um")
    assert um.averages.mean[1] == px.averages.mean[1] / 2


def test_all_is_what_can_be_computed_and_the_rest_is_named() -> None:
    found, left_out = choose_metrics(["all"], has_probabilities=False, has_pixel_size=False)
    assert "v_rand" in [each.name for each in found]
    assert "iou" not in [each.name for each in found]  # always reported
    assert {"roc_auc", "calibration_error", "hausdorff_um"} <= set(left_out)
    assert len(found) + len(left_out) == len(METRICS) - 6


@pytest.mark.parametrize("word", ["boundary-f1", " Boundary_F1 "])
def test_hyphens_capitals_and_blanks_do_not_matter(word: str) -> None:
    assert names([word]) == ["boundary_f1"]


def test_short_names_stand_for_metrics_that_are_there() -> None:
    assert set(ALIASES.values()) <= set(METRICS)
    assert find_metric("PQ").name == "panoptic_quality"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("roc-auc", "--metrics roc_auc needs probabilities, which masks do not have"),
        ("hausdorff-um", "--metrics hausdorff_um needs the pixel size; give --pixel-size"),
        ("hausdorf", "there is no metric 'hausdorf'.*hausdorff"),
    ],
)
def test_what_cannot_be_computed_is_refused(word: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        names([word], has_probabilities=False, has_pixel_size=False)
