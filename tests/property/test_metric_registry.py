"""What holds of every metric and every pair of masks: ranges, symmetry, the truth is perfect."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from cellenhance.metrics.registry import METRICS
from cellenhance.metrics.scored_image import ScoredImage

N_CLASSES = 3
SYMMETRIC = (
    *("iou", "dice", "accuracy", "hausdorff", "hausdorff_boundary", "hausdorff_95"),
    *("mean_surface_distance", "boundary_f1", "object_f1", "object_ap", "panoptic_quality"),
    *("segmentation_quality", "recognition_quality", "v_rand_simplified", "v_info_simplified"),
)
"""Metrics that do not care which of two masks is the truth."""


@st.composite
def scored_images(draw: st.DrawFn, *, ignored: bool = True) -> ScoredImage:
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=9))
    truth_values = [*range(N_CLASSES), *([255] if ignored else [])]
    truth = draw(arrays(np.uint8, shape, elements=st.sampled_from(truth_values)))
    prediction = draw(arrays(np.uint8, shape, elements=st.integers(0, N_CLASSES - 1)))
    scores = draw(arrays(np.float64, (N_CLASSES, *shape), elements=st.floats(-9, 9)))
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=0)
    return ScoredImage(truth, prediction, N_CLASSES, probabilities, pixel_size_um=0.5)


def values_of(name: str, image: ScoredImage) -> NDArray[np.float64]:
    return METRICS[name].compute(image)


@settings(max_examples=30, deadline=None)
@given(scored_images())
def test_values_lie_in_their_range_or_are_undefined(image: ScoredImage) -> None:
    for name, metric in METRICS.items():
        values = metric.compute(image)
        highest = 1 + 1e-12 if metric.unit == "" else np.inf
        assert np.all(np.isnan(values) | ((values >= 0) & (values <= highest))), name


@settings(max_examples=30, deadline=None)
@given(scored_images())
def test_tallies_of_one_image_give_its_values(image: ScoredImage) -> None:
    for name, metric in METRICS.items():
        if metric.pool and not name.startswith(("roc_auc", "average_precision")):
            pooled = metric.pool.score(metric.pool.tally(image))
            np.testing.assert_allclose(pooled, metric.compute(image), atol=1e-12, err_msg=name)


@settings(max_examples=30, deadline=None)
@given(scored_images(ignored=False))
def test_symmetric_metrics_do_not_care_which_mask_is_the_truth(image: ScoredImage) -> None:
    swapped = ScoredImage(image.prediction, image.truth, N_CLASSES)
    for name in SYMMETRIC:
        found = values_of(name, image), values_of(name, swapped)
        np.testing.assert_allclose(*found, atol=1e-12, err_msg=name)
    for one, other in (("precision", "recall"), ("v_rand_simplified", "v_rand_simplified")):
        np.testing.assert_allclose(values_of(one, image), values_of(other, swapped), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(scored_images())
def test_only_the_truth_itself_is_at_no_distance(image: ScoredImage) -> None:
    counted = image.truth != 255
    for index, distance in enumerate(values_of("hausdorff", image)):
        alike = np.array_equal(
            (image.truth == index)[counted], (image.prediction == index)[counted]
        )
        assert np.isnan(distance) or (distance == 0) == alike


@settings(max_examples=30, deadline=None)
@given(scored_images(), scored_images())
def test_pooling_lies_between_the_images(first: ScoredImage, second: ScoredImage) -> None:
    """Of ratios of counts the pooled one is a weighted mean."""
    for name in ("iou", "precision", "accuracy", "object_ap", "panoptic_quality"):
        metric = METRICS[name]
        assert metric.pool
        pooled = metric.pool.score(metric.pool.tally(first) + metric.pool.tally(second))
        both = np.stack([metric.compute(first), metric.compute(second)])
        defined = ~np.isnan(both).all(axis=0)
        low, high = (each[defined] for each in (np.fmin(*both), np.fmax(*both)))
        assert np.all((pooled[defined] >= low - 1e-12) & (pooled[defined] <= high + 1e-12)), name
