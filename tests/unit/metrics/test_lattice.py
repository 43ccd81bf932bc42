"""The lattice figure on patterns whose spectra are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from cellenhance.metrics.lattice import lattice_peak

SIDE = 128


def noise(seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((SIDE, SIDE))


def window_gain() -> float:
    """(sum w)^2 / sum w^2 of the Hann window: mean 1/2 and mean square 3/8 on each axis."""
    return float(SIDE**2 * (1 / 2) ** 4 / (3 / 8) ** 2)


def test_a_chequered_lattice_has_the_power_that_theory_gives_it() -> None:
    rows, cols = np.indices((SIDE, SIDE))
    amplitude = 0.4
    found = lattice_peak(noise() + amplitude * (-1.0) ** (rows + cols))
    # The median of an exponential distribution is ln 2 of its mean.
    expected = amplitude**2 * window_gain() / math.log(2)
    assert found == pytest.approx(expected, rel=0.25)  # the noise in peak and median


@pytest.mark.parametrize("period", [2, 4, 8])
@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_of_the_strides_are_found_in_either_direction(period: int, axis: int) -> None:
    stripes = np.cos(2 * np.pi * np.indices((SIDE, SIDE))[axis] / period)
    assert lattice_peak(noise() + stripes) > 500


@pytest.mark.parametrize("period", [3, 5, 7])
def test_stripes_of_other_periods_are_no_lattice(period: int) -> None:
    stripes = np.cos(2 * np.pi * np.indices((SIDE, SIDE))[0] / period)
    assert lattice_peak(noise() + stripes) < 30


def test_noise_and_smooth_images_have_none() -> None:
    # The largest of 39 exponential ratios stays below 30 with probability 1 - 39 / 2^30.
    assert max(lattice_peak(noise(seed)) for seed in range(5)) < 30
    rows, cols = np.indices((SIDE, SIDE))
    blob = np.exp(-((rows - 50) ** 2 + (cols - 70) ** 2) / 200)
    assert lattice_peak(blob + 0.01 * noise()) < 30


def test_brightness_and_scale_do_not_matter() -> None:
    image = noise()
    assert lattice_peak(3 * image + 7) == pytest.approx(lattice_peak(image))


def test_what_has_no_spectrum_is_undefined() -> None:
    assert math.isnan(lattice_peak(np.ones((SIDE, SIDE))))
    assert math.isnan(lattice_peak(np.random.default_rng(0).random((63, 128))))
