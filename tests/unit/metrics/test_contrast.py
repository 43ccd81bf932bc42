"""The contrast-to-noise ratio by its formula, and intervals over images."""

import math

import numpy as np
import pytest

from cellenhance.metrics.contrast import bootstrap_mean, contrast_to_noise

HALVES = np.repeat([[0, 1]], 8, axis=1).repeat(8, axis=0).astype(np.uint8)
"""8 x 16 pixels: class 0 on the left, class 1 on the right."""
CHECKERBOARD = np.tile([[1.0, -1.0], [-1.0, 1.0]], (4, 8))
"""Mean 0 and variance 1 on either half."""


def test_the_ratio_is_the_difference_of_means_over_the_root_mean_variance() -> None:
    assert contrast_to_noise(5 * HALVES + CHECKERBOARD, HALVES, 1) == pytest.approx(5.0)
    louder = np.where(HALVES == 1, 3 * CHECKERBOARD, CHECKERBOARD)  # variances 9 and 1
    assert contrast_to_noise(5.0 * HALVES + louder, HALVES, 1) == pytest.approx(5 / math.sqrt(5))


def test_a_dark_class_has_the_contrast_of_a_bright_one() -> None:
    bright, dark = 5.0 * HALVES + CHECKERBOARD, -5.0 * HALVES + CHECKERBOARD
    assert contrast_to_noise(bright, HALVES, 1) == pytest.approx(contrast_to_noise(dark, HALVES, 1))


def test_only_neighbours_within_the_radius_count() -> None:
    far = 5 * HALVES + CHECKERBOARD
    far[:, :4] = 1000  # more than 4 px away from class 1
    assert contrast_to_noise(far, HALVES, 1, radius_px=4) == pytest.approx(5.0)
    assert contrast_to_noise(far, HALVES, 1, radius_px=5) != pytest.approx(5.0)


def test_ignored_pixels_are_no_neighbours() -> None:
    mask = HALVES.copy()
    mask[:, 0:4] = 255
    image = 5 * HALVES + CHECKERBOARD
    image[:, 0:4] = 1000
    assert contrast_to_noise(image, mask, 1) == pytest.approx(5.0)


def test_too_few_pixels_are_undefined_and_no_noise_is_infinite() -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[0, :5] = 1
    assert math.isnan(contrast_to_noise(np.ones((10, 10)), mask, 1))
    assert math.isnan(contrast_to_noise(np.ones((10, 10)), np.ones((10, 10), np.uint8), 1))
    assert contrast_to_noise(HALVES.astype(float), HALVES, 1) == math.inf
    assert contrast_to_noise(np.ones(HALVES.shape), HALVES, 1) == 0


def test_the_interval_covers_the_mean_and_shrinks_with_the_number_of_images() -> None:
    rng = np.random.default_rng(0)
    few = bootstrap_mean(list(rng.normal(2, 1, 10)))
    many = bootstrap_mean(list(rng.normal(2, 1, 1000)))
    assert few.low < few.mean < few.high
    # Standard error 1/sqrt(1000): a 95 % interval is 2 x 1.96 of it wide.
    assert many.high - many.low == pytest.approx(2 * 1.96 / math.sqrt(1000), rel=0.15)
    assert many.high - many.low < few.high - few.low


def test_undefined_values_are_left_out_and_counted_out() -> None:
    interval = bootstrap_mean([1.0, math.nan, 3.0, math.inf])
    assert (interval.mean, interval.n_images) == (2.0, 2)
    assert bootstrap_mean([math.nan]).n_images == 0
    single = bootstrap_mean([1.5])
    assert single.mean == 1.5
    assert math.isnan(single.low)
