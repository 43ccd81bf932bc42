"""Limits are decided once; the record says which rule applied."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cellenhance.data.intensity import IntensityStatistics
from cellenhance.data.normalize import Normalization, RangeWatch, fit_normalization
from cellenhance.errors import DatasetError

RAMP16 = np.arange(1000, dtype=np.uint16).reshape(20, 50, 1)


def outside_range(normalization: Normalization, image: NDArray[np.uint16]) -> str | None:
    watch = RangeWatch(normalization)
    watch.add(image)
    return watch.verdict()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("percent", [0, 0.1, 33.3, 50, 99.8, 100])
def test_percentiles_equal_numpys_inverted_cdf(dtype: type, percent: float) -> None:
    rng = np.random.default_rng(1)
    images: list[np.ndarray] = [
        rng.integers(-40 if dtype == np.int16 else 0, 200, (9, 11, 2)).astype(dtype)
        for _ in range(3)
    ]
    statistics = IntensityStatistics()
    for image in images:
        statistics.add(image)
    pooled = np.concatenate([image.reshape(-1, 2) for image in images])
    expected = np.percentile(pooled, percent, axis=0, method="inverted_cdf")
    assert statistics.percentile(percent) == tuple(expected)


def test_unit_divides_uint8_by_255() -> None:
    image = np.array([[[0], [51], [255]]], np.uint8)
    unit = fit_normalization("unit", [image])
    assert (unit.method, unit.low, unit.high) == ("unit", (0.0,), (255.0,))
    np.testing.assert_allclose(unit.apply(image).ravel(), [0, 0.2, 1], atol=1e-7)


def test_unit_keeps_floats_within_one_and_falls_to_the_set_for_the_rest() -> None:
    image = np.array([[[0.25], [0.5]]], np.float32)
    np.testing.assert_array_equal(fit_normalization("unit", [image]).apply(image), image)
    fallen = fit_normalization("unit", [RAMP16])
    assert fallen.method == "dataset"
    # Of 0..999 the 0.1 percentile is the first value, the 99.8 percentile the 998th.
    assert (fallen.low, fallen.high) == ((0.0,), (997.0,))


def test_dataset_limits_clip_and_keep_a_dim_set_wide() -> None:
    limits = fit_normalization("dataset", [RAMP16])
    scaled = limits.apply(RAMP16)
    assert scaled.dtype == np.float32
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert scaled[10, 0, 0] == pytest.approx(500 / 997)


def test_per_image_stores_no_limits() -> None:
    own = fit_normalization("per-image", [RAMP16])
    assert own.low == ()
    np.testing.assert_allclose(own.apply(RAMP16 * 3), own.apply(RAMP16), atol=1e-6)


def test_constant_images_become_zero() -> None:
    flat = np.full((4, 4, 1), 7, np.uint16)
    assert not fit_normalization("dataset", [flat]).apply(flat).any()


def test_inputs_unlike_training_get_one_sentence() -> None:
    limits = fit_normalization("dataset", [RAMP16])
    assert outside_range(limits, RAMP16) is None
    brighter = outside_range(limits, RAMP16 + 500)
    assert brighter == (
        "channel 0 has values 500 to 1499, training saw 0 to 999: 50.0 % of the pixels lie outside"
    )
    assert "fills less than 2 %" in str(outside_range(limits, RAMP16 // 100))


def test_no_images_and_mixed_channels_are_refused() -> None:
    with pytest.raises(DatasetError, match="no training image"):
        fit_normalization("dataset", [])
    with pytest.raises(DatasetError, match="3 channels after images of 1"):
        fit_normalization("dataset", [RAMP16, np.zeros((2, 2, 3), np.uint16)])
