"""Figures of an enhanced image on pictures whose contrast and edges are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.metrics.enhancement import (
    best_blur,
    contrast_gains,
    edge_sharpness,
    pair_contrast,
)


def halves(side: int = 96) -> NDArray[np.uint8]:
    """Class 0 on the left, 1 on the right."""
    return (np.indices((side, side))[1] >= side // 2).astype(np.uint8)


def noise(side: int = 96, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((side, side))


def test_contrast_is_the_difference_over_the_noise() -> None:
    image = 2.0 * halves() + noise()
    assert pair_contrast(image, halves(), 0, 1) == pytest.approx(2, rel=0.05)
    assert pair_contrast(-image, halves(), 1, 0) == pytest.approx(2, rel=0.05)


def test_at_borders_only_neighbours_count() -> None:
    far = np.abs(np.indices((96, 96))[1] - 47.5) > 20
    image = 2.0 * halves() + noise() + 50.0 * far * (halves() * 2.0 - 1)
    assert pair_contrast(image, halves(), 0, 1, border_px=4) == pytest.approx(2, rel=0.1)


def test_ignored_pixels_and_missing_classes() -> None:
    mask, image = halves(), 2.0 * halves() + noise()
    image[:10] = 1e6
    mask[:10] = 255
    assert pair_contrast(image, mask, 0, 1) == pytest.approx(2, rel=0.05)
    assert math.isnan(pair_contrast(image, mask, 0, 2))
    assert math.isnan(pair_contrast(image, mask, 0, 2, border_px=4))
    assert pair_contrast(halves() * 1.0, halves(), 0, 1) == math.inf


def test_the_best_blur_of_grain_on_large_areas_is_wide_and_of_clean_stripes_none() -> None:
    grain = best_blur(
        1.0 * halves() + noise(), lambda picture: pair_contrast(picture, halves(), 0, 1)
    )
    assert grain.sigma_px >= 1
    # White noise blurred by sigma keeps 1 / (2 sigma sqrt(pi)) of its standard deviation; the best
    # blur cannot do worse than a sigma of 1 px, which smears a hundredth of the image.
    assert grain.score > 0.9 * 2 * math.sqrt(math.pi)
    stripes = (np.indices((96, 96))[1] % 2).astype(np.uint8)
    clean = best_blur(
        10.0 * stripes + noise(), lambda picture: pair_contrast(picture, stripes, 0, 1)
    )
    assert clean.sigma_px == 0
    assert clean.score == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_blurred_step_is_as_steep_as_theory_says(sigma: float, sign: int) -> None:
    image = sign * ndimage.gaussian_filter(5.0 * halves(), sigma)
    found = edge_sharpness(image, halves(), 0, 1)
    # Between the two pixels beside the border it rises by the middle weight of the Gaussian.
    assert found == pytest.approx(1 / (sigma * math.sqrt(2 * math.pi)), rel=0.02)


def test_a_step_on_the_border_is_sharp_even_in_noise() -> None:
    assert edge_sharpness(5.0 * halves(), halves(), 0, 1) == 1
    assert edge_sharpness(5.0 * halves() + noise(), halves(), 1, 0) == pytest.approx(1, abs=0.15)


def test_classes_that_do_not_meet_have_no_edge() -> None:
    assert math.isnan(edge_sharpness(noise(), halves(), 0, 2))
    assert math.isnan(edge_sharpness(np.ones((96, 96)), halves(), 0, 1))


def test_gains_are_over_the_best_blur_of_the_input() -> None:
    image = 1.0 * halves() + noise()
    table = contrast_gains(
        image,
        {"as blurred": ndimage.gaussian_filter(image, 8.0), "worse": image + noise(seed=1)},
        halves(),
        {0: "ground", 1: "cell"},
    )
    assert set(table) == {"ground / cell", "ground / cell at borders"}
    row = table["ground / cell"]
    assert set(row) == {"input", "as blurred", "worse"}
    assert row["as blurred"] <= 1
    # The same difference over a noise of sqrt(2).
    assert row["worse"] == pytest.approx(row["input"] / math.sqrt(2), rel=0.05)
