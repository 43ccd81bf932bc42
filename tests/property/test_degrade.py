"""Whatever the image and the parameters: shape, dtype and range stay, nothing done is nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cellenhance.data.degrade.physics import (
    DegradeParameters,
    DegradeSettings,
    degrade_image,
    draw_degradation,
    measure_levels,
)
from cellenhance.data.degrade.table import (
    DegradedImage,
    load_degradations,
    save_degradations,
)

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
IMAGES = st.sampled_from(["uint8", "uint16", "int16", "float32"]).flatmap(
    lambda dtype: SHAPES.flatmap(
        lambda shape: arrays.arrays(
            dtype,
            shape,
            elements=st.floats(0, 1, width=32) if dtype == "float32" else None,
        )
    )
)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def parameters_for(draw: st.DrawFn, image: Any, dark: float) -> DegradeParameters:
    levels = measure_levels(image, (dark,) * image.shape[2])
    is_thinned = draw(st.booleans())
    return DegradeParameters(
        photons=None if is_thinned else draw(optional(st.floats(0.01, 1e5))),
        fraction=draw(optional(st.floats(0.01, 1))) if is_thinned else None,
        blur_px=draw(st.floats(0, 3)),
        contrast_loss=draw(st.floats(0, 1)),
        vignetting=draw(st.floats(0, 1)),
        background=draw(st.floats(0, 2)),
        read_noise_e=draw(st.floats(0, 5)),
        gain_adu=draw(optional(st.floats(0.1, 10))),
        pedestal_adu=draw(st.sampled_from([0.0, 100.0])),
        full_well_e=draw(optional(st.floats(1, 1e5))),
        bit_depth=draw(optional(st.integers(1, 16))),
        dark_adu=levels.dark,
        bright_adu=levels.bright,
        noise_seed=draw(st.integers(0, 2**62)),
    )


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_shape_dtype_and_range_stay_and_replay_is_equal(data: st.DataObject) -> None:
    image = data.draw(IMAGES)
    dark = data.draw(st.floats(0, 200)) if image.dtype != np.float32 else 0.0
    parameters = data.draw(parameters_for(image, dark))
    before = image.copy()
    done = degrade_image(image, parameters)
    np.testing.assert_array_equal(image, before)
    assert (done.shape, done.dtype) == (image.shape, image.dtype)
    assert np.isfinite(done).all()
    if parameters.bit_depth is not None:
        assert done.min() >= 0
        assert done.max() <= 2**parameters.bit_depth - 1
    with TemporaryDirectory() as folder:
        path = Path(folder) / "degradation.csv"
        save_degradations(path, [DegradedImage("a", "0" * 64, str(image.dtype), parameters)])
        replayed = load_degradations(path)["a"].parameters
    assert replayed == parameters
    np.testing.assert_array_equal(degrade_image(image, replayed), done)


@given(IMAGES, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_strength_0_is_the_identity_bit_for_bit(image: Any, seed: int) -> None:
    levels = measure_levels(image, (0.0,) * image.shape[2])
    rng = np.random.default_rng(seed)
    for nothing in (
        DegradeSettings(),
        DegradeSettings(fraction=1, gain_adu=2.2, offset_adu=0, read_noise_e=1.6),
    ):
        parameters = draw_degradation(nothing, levels, rng)
        done = degrade_image(image, parameters)
        assert done.dtype == image.dtype
        assert done.tobytes() == image.tobytes()
        assert done is not image
