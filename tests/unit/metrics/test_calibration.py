"""Calibration: by hand, against MONAI, and of answers that are calibrated by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.metrics import CalibrationErrorMetric

from cellenhance.metrics.calibration import calibration_errors, count_confidence, reliability


def test_two_bins_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1, 255]], np.uint8)
    first = np.array([[0.9, 0.7, 0.6, 0.2, 0.9]])
    counts = count_confidence(truth, np.stack([first, 1 - first]), n_bins=2)
    # Top label: .9 right, .7 right, .6 wrong, .8 right, all in the upper bin.
    assert counts[0].round(12).tolist() == [[0, 4], [0, 3], [0, 3.0]]
    errors = calibration_errors(counts)
    assert errors[0] == pytest.approx(0)  # 3/4 right, mean confidence 3/4
    # Class 0: lower bin .2 (no), upper .9 .7 (yes) .6 (no): (|0 - .2| + |2 - 2.2|) / 4.
    assert errors[1] == pytest.approx(0.1)
    assert errors[2] == pytest.approx(0.1)


def test_a_probability_on_an_edge_belongs_to_the_bin_below() -> None:
    probabilities = np.array([0.0, 0.2, 0.4, 0.4 + 1e-9, 1.0]).reshape(1, 1, 5)
    counts = count_confidence(np.zeros((1, 5), np.uint8), probabilities, n_bins=5)
    assert counts[1, 0].tolist() == [2, 1, 1, 0, 1]


def test_certain_and_right_is_perfect_and_certain_and_wrong_the_worst() -> None:
    truth = np.array([[0, 1]], np.uint8)
    right = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert calibration_errors(count_confidence(truth, right)).tolist() == [0, 0, 0]
    assert calibration_errors(count_confidence(1 - truth, right)).tolist() == [1, 1, 1]


def test_outcomes_drawn_from_the_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    first = rng.random((300, 300))
    truth = (rng.random(first.shape) >= first).astype(np.uint8)
    honest = calibration_errors(count_confidence(truth, np.stack([first, 1 - first])))
    assert (honest < 0.01).all()
    sharper = first**3 / (first**3 + (1 - first) ** 3)
    too_sure = calibration_errors(count_confidence(truth, np.stack([sharper, 1 - sharper])))
    assert (too_sure > 0.1).all()


def test_no_annotated_pixel_is_undefined() -> None:
    counts = count_confidence(np.full((2, 2), 255, np.uint8), np.full((2, 2, 2), 0.5))
    assert np.isnan(calibration_errors(counts)).all()


def scene() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, (40, 50)).astype(np.uint8)
    logits = rng.normal(0, 1.5, (3, 40, 50)) + (truth == np.arange(3)[:, None, None])
    return truth, np.exp(logits) / np.exp(logits).sum(axis=0)


def test_each_class_equals_monai() -> None:
    truth, probabilities = scene()
    oracle = CalibrationErrorMetric(num_bins=15, calibration_reduction="expected")
    one_hot = (truth == np.arange(3)[:, None, None]).astype(np.float64)
    expected = oracle(torch.from_numpy(probabilities)[None], torch.from_numpy(one_hot)[None])
    found = calibration_errors(count_confidence(truth, probabilities))[1:]
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-7)  # MONAI's bins are float32


def test_counts_of_parts_add_up() -> None:
    truth, probabilities = scene()
    parts = [
        count_confidence(truth[rows], probabilities[:, rows])
        for rows in (slice(11), slice(11, None))
    ]
    np.testing.assert_allclose(sum(parts), count_confidence(truth, probabilities), rtol=1e-12)


def test_the_diagram_shows_the_share_that_is_right_in_each_bin() -> None:
    diagram = reliability(np.array([[0.0, 4.0], [0.0, 1.0], [0.0, 3.0]]))
    assert diagram.accuracy[1] == 0.25
    assert diagram.confidence[1] == 0.75
    assert diagram.n_px.tolist() == [0, 4]
    assert math.isnan(diagram.accuracy[0])
    assert math.isnan(diagram.confidence[0])


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        count_confidence(np.zeros((1, 1), np.uint8), np.full((2, 1, 1), np.nan))
    with pytest.raises(ValueError, match=r"truth has shape \(1, 1\)"):
        count_confidence(np.zeros((1, 1), np.uint8), np.zeros((2, 1, 2)))
