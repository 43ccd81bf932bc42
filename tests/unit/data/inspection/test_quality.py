"""Noise, background and signal agree with what the images were made of."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.data.inspection.quality import background_offset, measure_quality

RNG = np.random.default_rng(8)


def noise_sigma(image: NDArray[np.float64]) -> float:
    quality = measure_quality(image[..., None], np.zeros(image.shape, np.uint8), 1)
    return float(quality.noise[0])


@pytest.mark.parametrize("sigma", [0.02, 1.0, 30.0])
def test_white_noise_is_measured_within_two_percent(sigma: float) -> None:
    """The median of 262,144 absolute values has a standard error of 0.2 %."""
    image = RNG.normal(5.0, sigma, (512, 512))
    assert noise_sigma(image) == pytest.approx(sigma, rel=0.02)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
def test_rounding_to_grey_values_does_not_make_steps(sigma: float) -> None:
    """A median of whole numbers would only take values 0.25 apart (1 / (6 * 0.6745))."""
    image = np.rint(RNG.normal(100.0, sigma, (512, 512)))
    # Rounding itself adds a variance of 1/12.
    assert noise_sigma(image) == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.03)


def test_slopes_and_edges_are_no_noise() -> None:
    y, x = np.mgrid[:256, :256]
    cells = 500.0 * ((y // 32 + x // 32) % 2) + 3.0 * x
    assert noise_sigma(cells + RNG.normal(0, 4.0, cells.shape)) == pytest.approx(4.0, rel=0.1)


def test_places_where_counts_are_cut_off_do_not_count() -> None:
    """Half of the image is 0: a median over all windows would say that there is no noise."""
    image = RNG.normal(50.0, 3.0, (200, 200))
    image[:120] = 0.0
    assert noise_sigma(image) == pytest.approx(3.0, rel=0.05)


def test_smoothed_noise_is_underestimated_as_the_docstring_says() -> None:
    image = ndimage.gaussian_filter(RNG.normal(0.0, 1.0, (256, 256)), 1.0)
    assert noise_sigma(image) < 0.5 * image.std()


def test_too_few_pixels_have_no_noise() -> None:
    assert np.isnan(noise_sigma(RNG.normal(size=(9, 9))))
    assert np.isnan(noise_sigma(np.ones((1, 1))))


def test_offset_is_the_dark_background_not_its_noise() -> None:
    image = RNG.normal(100.0, 20.0, (256, 256))
    image[64:128, 64:128] += 500.0
    # Means of 64 pixels have sigma 2.5; their 1st percentile lies about 2.3 sigma down.
    assert background_offset(image) == pytest.approx(100.0 - 2.33 * 2.5, abs=1.5)


def test_signal_to_noise_of_photon_counts_follows_theory() -> None:
    """Counts = 100 + 2 x Poisson(n): mean - offset = 2 n, sigma = 2 sqrt(n), SNR = sqrt(n)."""
    mask = np.zeros((256, 256), np.uint8)
    mask[128:] = 1
    photons = np.where(mask == 1, 100.0, 0.0)
    counts = (100 + 2 * RNG.poisson(photons)).astype(np.uint16)
    quality = measure_quality(counts[..., None], mask, 3)
    assert quality.offset[0] == 100
    assert quality.class_mean[1, 0] == pytest.approx(300, rel=0.01)
    assert quality.class_noise[1, 0] == pytest.approx(20, rel=0.03)
    assert quality.snr[1, 0] == pytest.approx(10, rel=0.04)
    assert np.isnan(quality.snr[2, 0])


def test_every_channel_is_measured_on_its_own() -> None:
    image = np.stack([RNG.normal(0, s, (128, 128)) for s in (1.0, 4.0)], axis=2)
    quality = measure_quality(image, np.zeros((128, 128), np.uint8), 1)
    np.testing.assert_allclose(quality.noise, [1.0, 4.0], rtol=0.05)
    np.testing.assert_allclose(quality.class_noise, [[1.0, 4.0]], rtol=0.05)
