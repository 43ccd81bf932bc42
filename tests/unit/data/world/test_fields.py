"""Fields and blurs agree with theory and with SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellenhance.data.world.fields import blur, grainy_field, smooth_field
from cellenhance.data.world.light import (
    OpticsRanges,
    expose,
    partly_defocused,
    through_optics,
    uneven_light,
)
from cellenhance.data.world.spots import debris, equal_spots, gaussian_spots


def test_a_smooth_field_is_correlated_as_blurred_noise_is() -> None:
    """White noise blurred by sigma has the autocorrelation exp(-lag^2 / (4 sigma^2)).

    A field of 256 px has 256^2 / (2 pi sigma^2) = 650 independent places, 60 of them 39,000: the
    means have a deviation of 0.005, and 5 deviations are allowed.
    """
    rng = np.random.default_rng(0)
    found: dict[int, list[float]] = {2: [], 4: [], 8: []}
    for _ in range(60):
        field = smooth_field(256, 4, rng)
        assert field.mean() == pytest.approx(0, abs=1e-5)
        assert field.std() == pytest.approx(1, abs=1e-5)
        for lag, values in found.items():
            values.append(float((field * np.roll(field, lag, axis=1)).mean()))
    for lag, values in found.items():
        assert np.mean(values) == pytest.approx(np.exp(-(lag**2) / 64), abs=0.025)


@pytest.mark.parametrize("size_px", [32, 97])
def test_fields_of_every_side_are_finite_even_when_wider_than_the_image(size_px: int) -> None:
    rng = np.random.default_rng(0)
    for field in (smooth_field(size_px, 200, rng), grainy_field(size_px, 10, 0.5, rng)):
        assert field.shape == (size_px, size_px)
        assert field.dtype == np.float32
        assert np.isfinite(field).all()


def test_grain_has_structure_finer_than_that_of_a_smooth_field() -> None:
    rng = np.random.default_rng(0)
    slopes = [
        np.diff(field).std()
        for field in (grainy_field(128, 8, 0.5, rng), smooth_field(128, 8, rng))
    ]
    assert slopes[0] > 3 * slopes[1]


@pytest.mark.parametrize("sigma", [0.7, 3.0, 9.0, 25.0])
def test_blur_is_scipys_within_a_small_share_of_the_contrast(sigma: float) -> None:
    y, x = np.mgrid[0:200, 0:150]
    image = (np.hypot(y - 90, x - 70) < 40).astype(np.float32)
    exact = ndimage.gaussian_filter(image, sigma, mode="reflect", truncate=6)
    blurred = blur(image, sigma)
    assert blurred.shape == image.shape
    assert np.abs(blurred - exact).max() < 0.03
    np.testing.assert_array_equal(blur(image, 0), image)


def test_a_spot_holds_the_light_of_a_gaussian() -> None:
    centres, heights = np.array([[40.0, 50.0]]), np.array([2.0])
    light = 2 * (2 * np.pi * 1.5**2)
    one = gaussian_spots(96, centres, np.array([1.5]), heights)
    same = equal_spots(96, centres, heights, 1.5)
    assert one.sum() == pytest.approx(light, rel=0.01)
    assert same.sum() == pytest.approx(light, rel=0.01)
    np.testing.assert_allclose(one, same, atol=0.03)


def test_spots_beyond_the_image_are_left_out() -> None:
    centres = np.array([[-50.0, 10.0], [10.0, 200.0]])
    assert not gaussian_spots(64, centres, np.ones(2), np.ones(2)).any()
    assert not equal_spots(64, centres, np.ones(2), 1.0).any()
    assert not debris(64, 0, np.random.default_rng(0)).any()


def test_exposure_puts_the_darkest_and_the_brightest_where_it_is_told() -> None:
    signal = np.linspace(-3, 7, 10_000, dtype=np.float32).reshape(100, 100)
    exposed = expose(signal, 0.2, 0.8)
    assert np.percentile(exposed, [0.1, 99.9]) == pytest.approx([0.2, 0.8], abs=1e-3)
    assert (np.diff(exposed.ravel()) >= 0).all()
    assert expose(np.full((8, 8), 5, np.float32), 0.1, 0.9) == pytest.approx(0.1)


def test_light_falls_to_what_is_left_at_the_darkest_place() -> None:
    light = uneven_light(64, 0.4, np.random.default_rng(0))
    assert (light.min(), light.max()) == (pytest.approx(0.6), pytest.approx(1.0))


def test_defocus_blurs_in_some_places_alone() -> None:
    rng = np.random.default_rng(5)
    image = rng.random((128, 128)).astype(np.float32)
    mixed = partly_defocused(image, 3, 0.2, rng)
    untouched = (mixed == image).mean()
    assert 0.4 < untouched < 0.9
    assert partly_defocused(image, 3, 0, rng) is image


def test_optics_draw_within_their_ranges() -> None:
    signal = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    fixed = OpticsRanges(light_loss=(0, 0), blur_px=(1, 1), black=(0.1, 0.1), white=(0.7, 0.7))
    clean = through_optics(signal, fixed, np.random.default_rng(1))
    np.testing.assert_allclose(clean, expose(blur(signal, 1), 0.1, 0.7), atol=1e-6)
