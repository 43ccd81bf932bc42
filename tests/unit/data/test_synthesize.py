"""Synthetic images follow photon statistics and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.data.synthesize import _record, synthesize_image
from cellenhance.data.synthesize_settings import SynthesizeSettings


def test_counts_follow_poisson_gain_and_read_noise() -> None:
    """Mean = offset + gain * n; variance = gain^2 (n + read^2 + rounding 1/12 / gain^2)."""
    settings = SynthesizeSettings(photons=1, gain_adu=2.0, offset_adu=100, read_noise_e=3.0)
    rng = np.random.default_rng(0)
    counts = _record(np.full((1000, 1000), 25.0), settings, rng).astype(float)
    assert counts.mean() == pytest.approx(100 + 2 * 25, rel=0.001)
    assert counts.var() == pytest.approx(4 * (25 + 9) + 1 / 12, rel=0.02)


def test_same_seed_and_index_same_image_and_others_differ() -> None:
    settings = SynthesizeSettings(size_px=64)
    image, mask = synthesize_image(settings, 3)
    again, mask_again = synthesize_image(settings, 3)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(mask, mask_again)
    assert (image != synthesize_image(settings, 4)[0]).any()
    other_seed = settings.model_copy(update={"seed": 1})
    assert (image != synthesize_image(other_seed, 3)[0]).any()


def test_classes_are_balanced_and_no_threshold_solves_the_set() -> None:
    image, mask = synthesize_image(SynthesizeSettings(), 0)
    assert (image.shape, image.dtype, mask.dtype) == ((256, 256, 1), np.uint16, np.uint8)
    shares = np.bincount(mask.ravel(), minlength=3) / mask.size
    assert (shares > [0.4, 0.06, 0.1]).all()
    nucleus = mask == 2
    best = max(
        (nucleus & (image[..., 0] >= t)).sum() / (nucleus | (image[..., 0] >= t)).sum()
        for t in range(100, 300, 2)
    )
    assert 0.25 < best < 0.7
    assert np.median(image[nucleus]) > np.median(image[mask == 0])
