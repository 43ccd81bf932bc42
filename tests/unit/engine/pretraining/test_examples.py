"""From a clean picture to an example: noise, turns, sizes, and what the network is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellenhance.engine.pretraining.examples import N_DETAILS, Picture, draw_example
from cellenhance.engine.pretraining.pictures import ScenePictures, deal_slots
from cellenhance.engine.pretraining.settings import PretrainSettings
from cellenhance.errors import SettingsError
from cellenhance.settings import validate_settings

PLAIN = {
    "crop_px": 64,
    "scale": (1, 1),
    "contrast": (1, 1),
    "gamma": (1, 1),
    "headroom": (0, 0),
    "read_noise": (0, 0),
    "inversion": 0,
}


def settings(**changes: object) -> PretrainSettings:
    return validate_settings(PretrainSettings, PLAIN | changes, where="the test")


def disc(side: int = 64) -> Picture:
    """A bright disc on a dark ground, far from symmetric about the middle."""
    rows, cols = np.indices((side, side))
    inside = (rows - 20) ** 2 + (cols - 30) ** 2 < 12**2
    return Picture(inside.astype(np.float32), inside.astype(np.uint8))


def draw(picture: Picture, seed: int = 0, **changes: object):  # type: ignore[no-untyped-def]
    return draw_example(picture, settings(**changes), np.random.default_rng(seed))


def test_with_very_many_photons_the_image_is_the_picture() -> None:
    example = draw(disc(), photons=(1e6, 1e6))
    bright = example.image[example.regions == 1]
    dark = example.image[example.regions == 0]
    assert bright.mean() == pytest.approx(1, abs=0.01)
    assert dark.mean() == pytest.approx(0, abs=0.01)


def test_the_noise_is_that_of_photons() -> None:
    flat = Picture(np.full((64, 64), 1, np.float32), None)
    example = draw(flat, photons=(1000, 1000))
    # Limits are the 0.5 and 99.5 percentiles, for so many photons those of a normal distribution:
    # 2 x 2.576 standard deviations apart, so that the noise comes out as 1 / 5.152.
    assert example.image.std() == pytest.approx(1 / 5.152, rel=0.05)
    assert example.details[0].mean() == pytest.approx(0.5, abs=0.03)


def test_image_regions_and_details_are_turned_alike() -> None:
    for seed in range(8):
        example = draw(disc(), seed, photons=(1e6, 1e6))
        assert np.array_equal(example.image > 0.5, example.regions == 1)
        expected = ndimage.gaussian_filter(example.image, 1)
        np.testing.assert_allclose(example.details[0], expected, atol=0.02)


def test_details_are_the_blurred_picture_and_differences_of_blurs() -> None:
    example = draw(disc(), photons=(1e6, 1e6))
    assert example.details.shape == (N_DETAILS, 64, 64)
    blurred = [ndimage.gaussian_filter(example.image.astype(float), s) for s in (1, 2, 4, 8)]
    for k in range(3):
        expected = 4 * (blurred[k] - blurred[k + 1])
        np.testing.assert_allclose(example.details[k + 1], expected, atol=0.02)


def test_inverted_the_disc_is_dark() -> None:
    example = draw(disc(), photons=(1e6, 1e6), inversion=1)
    assert example.image[example.regions == 1].mean() < 0.05


@pytest.mark.parametrize("scale", [0.5, 1.6])
def test_objects_are_resized_by_the_scale(scale: float) -> None:
    example = draw(disc(512), photons=(1e6, 1e6), scale=(scale, scale), crop_px=256)
    n_pixels = int((example.regions == 1).sum())
    if n_pixels:  # the disc is within the crop
        assert n_pixels == pytest.approx(np.pi * (12 * scale) ** 2, rel=0.1)


def test_small_pictures_are_mirrored_and_unknown_regions_stay_unknown() -> None:
    example = draw(Picture(np.random.default_rng(0).random((20, 33), np.float32), None))
    assert example.image.shape == (64, 64)
    assert (example.regions == 255).all()


def test_the_same_generator_gives_the_same_example() -> None:
    one, two = draw(disc(), 5, photons=(2, 50)), draw(disc(), 5, photons=(2, 50))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.details, two.details)


def test_a_scene_is_the_same_whatever_was_drawn_before() -> None:
    walked, jumped = ScenePictures("world", "mixed"), ScenePictures("world", "mixed")
    for step in range(8):
        seen = walked.at(3, step, 1)
    assert np.array_equal(seen.clean, jumped.at(3, 7, 1).clean)
    assert not np.array_equal(seen.clean, jumped.at(3, 7, 2).clean)


@pytest.mark.parametrize(
    ("shares", "n_slots", "counts"),
    [([5, 2, 1], 8, [5, 2, 1]), ([1, 1, 1], 8, [3, 3, 2]), ([99, 1], 8, [7, 1]), ([1], 3, [3])],
)
def test_slots_follow_the_shares(shares: list[float], n_slots: int, counts: list[int]) -> None:
    slots = deal_slots(shares, n_slots)
    assert sorted(slots) == slots
    assert sorted((slots.count(i) for i in range(len(shares))), reverse=True) == counts


def test_settings_that_teach_nothing_are_refused() -> None:
    with pytest.raises(SettingsError, match="nothing would be learned"):
        settings(segmentation=0, denoising=0)
    with pytest.raises(SettingsError, match="ends below its start"):
        settings(photons=(10, 2))
