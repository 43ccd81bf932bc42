"""Degraded images follow photon statistics: means and variances are those of theory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cellenhance.data.degrade.physics import (
    DegradeParameters,
    DegradeSettings,
    Levels,
    degrade_image,
    draw_degradation,
    measure_levels,
)

SIDE = 1000  # 1e6 pixels: the standard error of a variance is 0.14 %


def flat(value: float, dtype: str = "uint16") -> NDArray[np.generic]:
    return np.full((SIDE, SIDE, 1), value, dtype)


def statistics(image: NDArray[np.generic]) -> tuple[float, float]:
    return float(image.mean(dtype=np.float64)), float(image.var(dtype=np.float64))


@pytest.mark.parametrize("photons", [0.5, 3.0, 30.0, 3000.0])
def test_photons_are_poisson_and_the_brightness_stays(photons: float) -> None:
    """N photons at 1000 counts above dark: a photon is 1000/N counts, variance (1000/N)^2 N."""
    done = degrade_image(
        flat(1100), DegradeParameters(photons=photons, dark_adu=(100,), bright_adu=(1100,))
    )
    mean, variance = statistics(done)
    assert mean - 100 == pytest.approx(1000, rel=0.005)
    assert variance == pytest.approx(1000**2 / photons, rel=0.02)
    half = DegradeParameters(photons=photons, dark_adu=(100,), bright_adu=(2100,))
    _, variance = statistics(degrade_image(flat(1100), half))
    assert variance == pytest.approx((2000 / photons) ** 2 * photons / 2, rel=0.02)


def test_read_noise_adds_its_variance_and_a_given_gain_sets_the_counts() -> None:
    """20 electrons: counts 100 + 2.2 x 20, variance 2.2^2 (20 + 3^2) + 1/12 by rounding."""
    parameters = DegradeParameters(
        photons=20, read_noise_e=3, gain_adu=2.2, dark_adu=(100,), bright_adu=(1100,)
    )
    mean, variance = statistics(degrade_image(flat(1100), parameters))
    assert mean == pytest.approx(100 + 2.2 * 20, rel=0.002)
    assert variance == pytest.approx(2.2**2 * (20 + 9) + 1 / 12, rel=0.02)


@pytest.mark.parametrize("mean_e", [2.0, 20.0, 400.0])
@pytest.mark.parametrize(("fraction", "read_noise"), [(0.1, 0.0), (0.1, 1.6), (0.5, 3.0)])
def test_thinned_counts_are_those_of_a_shorter_exposure(
    mean_e: float, fraction: float, read_noise: float
) -> None:
    """Poisson(m) thinned by p is Poisson(p m), with the camera's full read noise and gain."""
    gain, offset = 2.2, 100.0
    rng = np.random.default_rng(7)
    electrons = rng.poisson(mean_e, (SIDE, SIDE, 1)) + rng.normal(0, read_noise, (SIDE, SIDE, 1))
    parameters = DegradeParameters(
        fraction=fraction,
        read_noise_e=read_noise,
        gain_adu=gain,
        dark_adu=(offset,),
        bright_adu=(offset + gain * mean_e,),
    )
    mean, variance = statistics(degrade_image(offset + gain * electrons, parameters))
    assert (mean - offset) / gain == pytest.approx(fraction * mean_e, rel=0.02)
    assert variance == pytest.approx(gain**2 * (fraction * mean_e + read_noise**2), rel=0.02)


@pytest.mark.parametrize(("fraction", "read_noise"), [(0.1, 1.6), (0.5, 1.0), (0.5, 3.0)])
@pytest.mark.parametrize("mean_e", [0.0, 0.5])
def test_in_the_dark_thinning_leaves_the_read_noise_of_the_camera(
    mean_e: float, fraction: float, read_noise: float
) -> None:
    """Read noise alone makes positive and negative counts; thinning must not add to it."""
    rng = np.random.default_rng(8)
    electrons = rng.poisson(mean_e, (SIDE, SIDE, 1)) + rng.normal(0, read_noise, (SIDE, SIDE, 1))
    parameters = DegradeParameters(
        fraction=fraction, read_noise_e=read_noise, gain_adu=2, dark_adu=(100,), bright_adu=(120,)
    )
    mean, variance = statistics(degrade_image(100 + 2 * electrons, parameters))
    assert mean == pytest.approx(100 + 2 * fraction * mean_e, abs=0.02)
    assert variance == pytest.approx(4 * (fraction * mean_e + read_noise**2), rel=0.02)


def test_thinning_without_read_noise_is_poisson_in_every_count() -> None:
    """The histogram is the Poisson distribution, not only its mean and variance."""
    rng = np.random.default_rng(1)
    image = rng.poisson(30.0, (SIDE, SIDE, 1)).astype(np.uint16)
    parameters = DegradeParameters(fraction=0.1, gain_adu=1, dark_adu=(0,), bright_adu=(40,))
    found = np.bincount(degrade_image(image, parameters).ravel(), minlength=30)[:8] / SIDE**2
    expected = [np.exp(-3) * 3**k / np.prod(range(1, k + 1)) for k in range(8)]
    np.testing.assert_allclose(found, expected, atol=0.002)


def test_vignetting_thins_as_less_light_would() -> None:
    """In a corner half of the light is lost: Poisson of half the mean, no less noise."""
    rng = np.random.default_rng(2)
    image = rng.poisson(100.0, (SIDE, SIDE, 1)).astype(np.uint16)
    parameters = DegradeParameters(
        fraction=1, vignetting=0.5, gain_adu=1, dark_adu=(0,), bright_adu=(120,)
    )
    done = degrade_image(image, parameters)[..., 0].astype(float)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2
    light = 1 - 0.5 * (y**2 + x**2) / (SIDE**2 / 2)
    for low in (0.5, 0.7, 0.9):
        ring = (light >= low) & (light < low + 0.1)
        expected = 100 * light[ring].mean()
        assert done[ring].mean() == pytest.approx(expected, rel=0.01)
        spread = 100**2 * light[ring].var()
        assert done[ring].var() - spread == pytest.approx(expected, rel=0.03)


def test_without_noise_every_change_is_the_one_written() -> None:
    rng = np.random.default_rng(3)
    image = rng.uniform(100, 1100, (40, 60, 1))
    signal = image[..., 0] - 100
    levels = {"dark_adu": (100.0,), "bright_adu": (1100.0,)}
    cases = {
        "blur_px": (1.5, gaussian_filter(signal, 1.5, mode="reflect")),
        "contrast_loss": (0.25, 0.75 * signal + 0.25 * signal.mean()),
        "background": (0.2, signal + 200),
    }
    for name, (value, expected) in cases.items():
        done = degrade_image(image, DegradeParameters.model_validate({name: value, **levels}))
        np.testing.assert_allclose(done[..., 0], 100 + expected, rtol=1e-12)


def test_background_brings_its_own_shot_noise() -> None:
    """Half of the bright signal as stray light over darkness: N/2 photons, mean and variance."""
    parameters = DegradeParameters(
        photons=40, background=0.5, gain_adu=1, dark_adu=(10,), bright_adu=(1010,)
    )
    mean, variance = statistics(degrade_image(flat(10), parameters))
    assert (mean - 10, variance) == pytest.approx((20, 20), rel=0.02)


def test_the_well_fills_and_the_converter_ends() -> None:
    levels = {"dark_adu": (100.0,), "bright_adu": (1100.0,)}
    full = DegradeParameters(photons=100, gain_adu=2, full_well_e=50, **levels)
    assert degrade_image(flat(1100), full).max() == 100 + 2 * 50
    short = DegradeParameters(photons=100, bit_depth=8, **levels)
    assert degrade_image(flat(1100), short).max() == 255


def test_channels_have_levels_of_their_own() -> None:
    image = np.concatenate([flat(600), flat(60)], axis=2)
    parameters = DegradeParameters(photons=25, dark_adu=(100, 10), bright_adu=(600, 60))
    done = degrade_image(image, parameters).astype(float)
    assert done[..., 0].std() == pytest.approx(500 / 5, rel=0.01)
    assert done[..., 1].std() == pytest.approx(50 / 5, rel=0.01)
    assert abs(np.corrcoef(done[..., 0].ravel(), done[..., 1].ravel())[0, 1]) < 0.01


def test_an_image_without_light_stays_and_levels_must_fit() -> None:
    parameters = DegradeParameters(photons=5, dark_adu=(100,), bright_adu=(100,))
    np.testing.assert_array_equal(degrade_image(flat(100), parameters), flat(100))
    with pytest.raises(ValueError, match="2 channels, the levels are of 1"):
        degrade_image(np.zeros((4, 4, 2)), parameters)


def test_the_99th_percentile_is_the_bright_level() -> None:
    image = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    assert measure_levels(image, (3.0,)) == Levels((3.0,), (98.0,))


def test_ranges_are_drawn_within_and_fixed_values_kept() -> None:
    settings = DegradeSettings(photons="1..100", blur_px=[1, 3], vignetting=0.5)
    draws = [
        draw_degradation(settings, Levels((0,), (1,)), np.random.default_rng(seed))
        for seed in range(2000)
    ]
    photons = np.array([each.photons for each in draws])
    assert photons.min() >= 1
    assert photons.max() <= 100
    assert np.median(photons) == pytest.approx(10, rel=0.15)  # even in the logarithm
    blur = np.array([each.blur_px for each in draws])
    assert blur.min() >= 1
    assert blur.mean() == pytest.approx(2, rel=0.02)
    assert blur.max() <= 3
    assert {each.vignetting for each in draws} == {0.5}
    assert {each.fraction for each in draws} == {None}


def test_a_draw_does_not_depend_on_other_settings() -> None:
    few = DegradeSettings(blur_px="0..2")
    more = DegradeSettings(blur_px="0..2", photons="3..30", vignetting="0..0.5")
    levels = Levels((0,), (1,))
    one, other = (draw_degradation(s, levels, np.random.default_rng(5)) for s in (few, more))
    assert (one.blur_px, one.noise_seed) == (other.blur_px, other.noise_seed)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"photons": "30..3"}, "the smaller first"),
        ({"photons": 0}, "above 0"),
        ({"photons": "many"}, "a number or a range such as"),
        ({"photons": 10, "fraction": 0.5}, "give one of them"),
        ({"fraction": 1.5}, "up to 1"),
        ({"blur_px": -1}, "from 0 on"),
        ({"blur_px": "inf"}, "a number or a range such as"),
        ({"vignetting": 2}, "up to 1"),
        ({"read_noise_e": 2}, "give the gain, or photons"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DegradeSettings.model_validate(values)
