"""Every metric of the registry: shapes, direction, pooling, absent classes, ignored pixels."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.errors import SettingsError
from cellenhance.metrics.registry import METRICS, Metric, select_metrics
from cellenhance.metrics.scored_image import ScoredImage

N_CLASSES = 3


def scene(seed: int, *, noise: float = 0.1) -> ScoredImage:
    """Return blocks of three classes; noise makes pixels wrong, and whole blocks."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N_CLASSES, (6, 6)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    wrong = (rng.random((6, 6)) < 2 * noise).repeat(8, axis=0).repeat(8, axis=1)
    believed = np.where(wrong, (truth + 1) % N_CLASSES, truth)
    logits = 4.0 * (believed == np.arange(N_CLASSES)[:, None, None])
    logits = logits + rng.normal(0, 20 * noise, logits.shape)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    prediction = probabilities.argmax(axis=0).astype(np.uint8)
    return ScoredImage(truth, prediction, N_CLASSES, probabilities, pixel_size_um=0.5)


def perfect() -> ScoredImage:
    truth = scene(0).truth
    certain = (truth == np.arange(N_CLASSES)[:, None, None]).astype(np.float64)
    return ScoredImage(truth, truth, N_CLASSES, certain, pixel_size_um=0.5)


def over(metrics: list[Metric]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("metric", metrics, ids=lambda metric: metric.name)


every_metric = over(list(METRICS.values()))
pooled_metrics = over([metric for metric in METRICS.values() if metric.pool])
# What is left of an object that lies mostly in ignored pixels is forgiven: test_metrics_objects.
strict_metrics = over([metric for metric in METRICS.values() if metric.needs != "objects"])


@every_metric
def test_a_metric_has_a_value_a_class_or_one_an_image(metric: Metric) -> None:
    values = metric.compute(scene(0))
    assert values.shape == ((N_CLASSES,) if metric.per == "class" else (1,))
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert METRICS[metric.name] is metric


@every_metric
def test_the_truth_itself_is_perfect(metric: Metric) -> None:
    best = 1 if metric.direction == "higher" else 0
    np.testing.assert_allclose(metric.compute(perfect()), best, atol=1e-12)


@every_metric
def test_the_direction_is_that_of_the_better_prediction(metric: Metric) -> None:
    poor, good = (metric.compute(scene(0, noise=noise)).mean() for noise in (0.1, 0.01))
    assert good > poor if metric.direction == "higher" else good < poor


@strict_metrics
def test_ignored_pixels_count_nowhere(metric: Metric) -> None:
    """What is predicted where the truth is not known changes nothing."""
    image = scene(0)
    truth = image.truth.copy()
    truth[:, 32:] = 255
    prediction, probabilities = image.prediction.copy(), np.array(image.probabilities)
    expected = metric.compute(ScoredImage(truth, prediction, N_CLASSES, probabilities, 0.5))
    prediction[:, 32:] = 1
    probabilities[:, :, 32:] = [[[0.0]], [[1.0]], [[0.0]]]
    found = metric.compute(ScoredImage(truth, prediction, N_CLASSES, probabilities, 0.5))
    np.testing.assert_array_equal(found, expected)


@every_metric
def test_a_class_in_neither_mask_is_undefined(metric: Metric) -> None:
    image = scene(0)
    truth, prediction = (
        np.where(each == 2, 0, each).astype(np.uint8) for each in (image.truth, image.prediction)
    )
    values = metric.compute(ScoredImage(truth, prediction, N_CLASSES, image.probabilities, 0.5))
    if metric.per == "image" or metric.name in ("specificity", "classwise_calibration_error"):
        assert np.isfinite(values).all()  # both say something of a class that is not there
    else:
        assert np.isnan(values[2])
        assert np.isfinite(values[:2]).all()


@pooled_metrics
def test_pooling_one_image_is_that_image(metric: Metric) -> None:
    assert metric.pool
    image = scene(1)
    pooled = metric.pool.score(metric.pool.tally(image))
    tolerance = 2e-3 if metric.name in ("roc_auc", "average_precision") else 1e-12
    np.testing.assert_allclose(pooled, metric.compute(image), atol=tolerance)


@pooled_metrics
def test_tallies_add_up(metric: Metric) -> None:
    """Two copies of an image score as one of them."""
    assert metric.pool
    tally = metric.pool.tally(scene(2))
    np.testing.assert_allclose(
        metric.pool.score(tally + tally), metric.pool.score(tally), atol=1e-12
    )


def test_distances_in_um_of_unequal_sides_are_measured_in_um() -> None:
    truth, moved = np.zeros((2, 30, 40), np.uint8)
    truth[10:20, 10:20] = 1
    moved[10:20, 14:24] = 1  # four columns further
    for size, expected in (((0.65, 0.325), 1.3), ((0.325, 0.65), 2.6), (0.5, 2.0)):
        image = ScoredImage(truth, moved, 2, pixel_size_um=size)
        for name in ("hausdorff", "hausdorff_boundary", "hausdorff_95"):
            assert METRICS[f"{name}_um"].compute(image)[1] == pytest.approx(expected)
            assert METRICS[name].compute(image)[1] == 4


@pytest.mark.parametrize(
    "name", [name.removesuffix("_um") for name in METRICS if name.endswith("_um")]
)
def test_distances_in_um_are_those_in_px_times_the_pixel_size(name: str) -> None:
    image = scene(3)
    np.testing.assert_allclose(
        METRICS[f"{name}_um"].compute(image), METRICS[name].compute(image) * 0.5, rtol=1e-15
    )
    unknown = ScoredImage(image.truth, image.prediction, N_CLASSES)
    assert np.isnan(METRICS[f"{name}_um"].compute(unknown)).all()
    assert np.isfinite(METRICS[name].compute(unknown)).all()


@every_metric
def test_a_missing_probability_is_an_error(metric: Metric) -> None:
    image = scene(0)
    bare = ScoredImage(image.truth, image.prediction, N_CLASSES, None, 0.5)
    if metric.needs == "probabilities":
        with pytest.raises(ValueError, match="needs probabilities"):
            metric.compute(bare)
    else:
        np.testing.assert_array_equal(metric.compute(bare), metric.compute(image))


def test_metrics_are_chosen_by_name_in_order() -> None:
    chosen = select_metrics(["hausdorff-95", " iou"])
    assert [metric.name for metric in chosen] == ["hausdorff_95", "iou"]


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"no metric 'panoptic'.*panoptic_quality"):
        select_metrics(["panoptic"])
