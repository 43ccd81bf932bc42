"""Classical filters: each one's defining property, ranges, every refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from skimage import exposure

from cellenhance.data.preprocess import (
    Preprocessing,
    PreprocessStep,
    is_pointwise,
    is_z_scored,
    preprocess,
)

NAMES = sorted(PreprocessStep.model_fields["name"].annotation.__args__)  # type: ignore[union-attr]
ADAPTER: TypeAdapter[tuple[PreprocessStep, ...]] = TypeAdapter(Preprocessing)


def steps(value: Any) -> tuple[PreprocessStep, ...]:
    return ADAPTER.validate_python(value)


def noisy(height: int = 40, width: int = 52, channels: int = 1) -> NDArray[np.float32]:
    """A step from 0.3 to 0.6 with noise."""
    rng = np.random.default_rng(0)
    image = np.where(np.arange(width) < width // 2, 0.3, 0.6)[None, :, None]
    noise = rng.normal(0, 0.05, (height, width, channels))
    return np.clip(image + noise, 0, 1).astype(np.float32)


def change(value: Any, image: NDArray[np.float32]) -> NDArray[np.float32]:
    return preprocess(image, steps(value))


@pytest.mark.parametrize("name", NAMES)
def test_shape_type_range_and_channels_of_every_filter(name: str) -> None:
    image = noisy(channels=2)
    image[..., 1] = image[::-1, :, 0]
    before = image.copy()
    changed = change(name, image)
    assert changed.shape == image.shape
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    np.testing.assert_array_equal(image, before)
    alone = change(name, image[..., 1:])
    np.testing.assert_array_equal(changed[..., 1:], alone)
    if name != "z_score":
        assert changed.min() >= 0
        assert changed.max() <= 1
    if name != "gamma":  # exponent 1 by default
        assert np.abs(changed - image).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_flat_image_stays_flat_and_finite(name: str, value: float) -> None:
    changed = change(name, np.full((24, 24, 1), value, np.float32))
    assert np.isfinite(changed).all()
    assert float(np.ptp(changed)) < 1e-5


@pytest.mark.parametrize(
    "step",
    [
        {"name": "gaussian", "sigma_px": 2},
        {"name": "median", "radius_px": 2},
        {"name": "bilateral", "sigma_px": 3, "sigma_intensity": 0.3},
        {"name": "nl_means", "strength": 0.2},
    ],
    ids=lambda step: step["name"],
)
def test_smoothing_takes_noise_away_and_more_with_more(step: dict[str, Any]) -> None:
    image = noisy(width=100)
    flat = (slice(None), slice(6, 26))  # far from the step
    weaker = {"name": step["name"]}
    noise = [float(each[flat].std()) for each in (image, change(weaker, image))]
    noise.append(float(change(step, image)[flat].std()))
    assert noise[0] > 1.2 * noise[1] > 1.2 * noise[2]


def test_bilateral_keeps_the_step_that_gaussian_blurs() -> None:
    image = noisy()
    height = {
        name: float(np.diff(change({"name": name, "sigma_px": 3}, image)[:, 25:27, 0].mean(0))[0])
        for name in ("gaussian", "bilateral")
    }
    assert height["bilateral"] > 3 * height["gaussian"]


def test_invert_and_gamma_by_hand() -> None:
    image = np.array([[[0.25], [1.0]]], np.float32)
    np.testing.assert_allclose(change("invert", image).ravel(), [0.75, 0])
    squared = change({"name": "gamma", "exponent": 2}, image)
    np.testing.assert_allclose(squared.ravel(), [0.0625, 1])


def test_edge_enhance_by_the_formula_of_the_source() -> None:
    """(x + S / max S) / 2; at a straight edge S = |dx| / 2 is largest beside it, 0 far from it."""
    image = np.zeros((9, 8, 1), np.float32)
    image[:, 4:] = 0.5
    row = change("edge_enhance", image)[4, :, 0]
    np.testing.assert_allclose(row, [0, 0, 0, 0.5, 0.75, 0.25, 0.25, 0.25], atol=1e-6)


def test_equalisation_makes_the_histogram_flat_and_keeps_the_order() -> None:
    image = (noisy() ** 2).astype(np.float32)
    flat = change("equalize", image)
    counts = np.histogram(flat, 8, (0, 1))[0] / flat.size
    assert np.abs(counts - 1 / 8).max() < 0.03
    order = np.argsort(image.ravel(), kind="stable")
    assert (np.diff(flat.ravel()[order]) >= -1e-6).all()


def test_clahe_is_that_of_scikit_image_with_tiles_and_a_limit_in_mean_bins() -> None:
    image = noisy(64, 48)
    found = change({"name": "clahe", "clip": 4, "tiles": 4}, image)
    theirs = exposure.equalize_adapthist(image[..., 0], (16, 12), clip_limit=4 / 256)
    np.testing.assert_allclose(found[..., 0], theirs, atol=1e-6)
    image = noisy(256, 256)
    flat = (slice(None), slice(0, 100))  # what is local in it: the limit holds noise down
    contrast = [float(change({"name": "clahe", "clip": c}, image)[flat].std()) for c in (1, 2, 20)]
    assert contrast[0] < contrast[1] < contrast[2]


def test_z_score_has_mean_0_and_deviation_1_whatever_the_scale() -> None:
    image = noisy()
    scaled = change("z_score", image)
    assert float(scaled.mean()) == pytest.approx(0, abs=1e-5)
    assert float(scaled.std()) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(change("z_score", 0.5 * image + 0.1), scaled, atol=1e-4)


def test_steps_are_applied_in_order_and_none_is_nothing() -> None:
    image = noisy()
    listed = change(["invert", {"name": "gamma", "exponent": 2}], image)
    np.testing.assert_allclose(listed, (1 - image) ** 2, atol=1e-6)
    for nothing in ("none", ["none"], [], None):
        assert steps(nothing) == ()
    assert is_pointwise(steps(["invert", "gamma"]))
    assert not is_pointwise(steps(["invert", "median"]))
    assert is_z_scored(steps(["clahe", "z_score"]))


def test_steps_are_read_back_as_they_were_recorded() -> None:
    value = steps(["invert", {"name": "clahe", "clip": 3}, "z_score"])
    assert ADAPTER.validate_python(ADAPTER.dump_python(value, mode="json")) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sharpen", "Input should be 'gaussian'"),
        ({"name": "gaussian", "radius_px": 2}, "radius_px belongs to median, not to gaussian"),
        ({"name": "median", "sigma_px": 2}, "sigma_px belongs to gaussian and bilateral"),
        ({"name": "gaussian", "sigma_px": 0}, "greater than 0"),
        (["z_score", "invert"], "put it last"),
    ],
)
def test_what_does_not_fit_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        steps(value)
    assert message in str(caught.value)
