"""Thresholds: chosen on one set of images, applied to another."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cellenhance.errors import SettingsError
from cellenhance.metrics.score_intervals import Resampling
from cellenhance.tasks.evaluate.threshold import (
    ThresholdApplier,
    ThresholdChooser,
    score_region,
    threshold_metric,
    threshold_table,
)

TRUTH = np.array([[0, 0, 1, 1, 255]], np.uint8)


def stack(p: list[float]) -> np.ndarray:
    return np.stack([1 - np.array([p]), np.array([p])]).astype(np.float32)


VALIDATION = stack([0.1, 0.2, 0.33, 0.9, 0.99])  # 0.25 and 0.3 are perfect
TEST = stack([0.1, 0.28, 0.29, 0.9, 0.99])  # 0.3 misses one of two


def test_the_threshold_is_the_best_on_validation_and_is_kept_for_the_test() -> None:
    iou = threshold_metric("iou")
    chooser = ThresholdChooser(iou, (1,))
    chooser.see(TRUTH, VALIDATION)
    [sweep] = chooser.choose()
    assert (sweep.threshold, sweep.score) == (0.3, 1)
    applier = ThresholdApplier(iou, (1,), (sweep,))
    applier.see(TRUTH, TEST.argmax(axis=0).astype(np.uint8), TEST)
    [found] = applier.finish(["rest", "cell"], ["a"], Resampling())
    assert found.chosen.tolist() == [0.5]
    assert found.usual.tolist() == [0.5]
    rows = {float(str(row[2])): row for row in found.sweep_rows()}
    assert len(rows) == 19
    assert rows[0.3] == ("cell", "iou", "0.3", "1.0", 1)
    assert rows[0.15][3:] == (repr(2 / 3), 0)  # one of the rest is taken in
    value = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert (value["threshold"], value["validation"], value["at_threshold"]) == (0.3, 1.0, 0.5)
    assert value["interval"] is None  # one image
    table = threshold_table([found])
    assert table.rows == (("cell", "0.30", "1.0000", "0.5000", "0.5000"),)
    assert "validation part alone" in table.notes[0]


def test_a_class_is_scored_against_the_rest_without_ignored_pixels() -> None:
    truth = np.array([[0, 1, 2, 255]], np.uint8)
    region = np.array([[False, False, True, True]])
    assert score_region(threshold_metric("iou"), truth, 2, region) == 1
    assert score_region(threshold_metric("accuracy"), truth, 1, region) == 1 / 3


@pytest.mark.parametrize("word", ["roc-auc", "ece", "hausdorff_um"])
def test_a_metric_that_needs_more_than_a_mask_is_refused(word: str) -> None:
    with pytest.raises(SettingsError, match="a threshold makes a mask"):
        threshold_metric(word)
