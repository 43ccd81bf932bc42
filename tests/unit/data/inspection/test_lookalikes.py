"""One picture is known again after what cameras, files and augmentation do; others are not."""

from __future__ import annotations

from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from scipy import ndimage

from cellenhance.data.inspection.lookalikes import (
    MOST_BITS,
    Lookalike,
    find_lookalikes,
    sketch_image,
)
from cellenhance.data.synthesize import synthesize_image
from cellenhance.data.synthesize_settings import SynthesizeSettings

SETTINGS = SynthesizeSettings(n_images=8, size_px=128, photons=200)


def cells(index: int) -> np.ndarray:
    """Return image `index` of a synthetic set, (128, 128, 1) float in [0, 1]."""
    image = synthesize_image(SETTINGS, index)[0].astype(np.float64)
    low, high = np.percentile(image, [0, 100])
    return (image - low) / (high - low)


def jpeg(image: np.ndarray) -> np.ndarray:
    grey = (image[..., 0] * 255).astype(np.uint8)
    return imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(grey, level=40))[..., None]


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "brightness and contrast": lambda image: 300 + 4000 * image,
    "gamma": np.sqrt,
    "noise": lambda image: image + np.random.default_rng(1).normal(0, 0.05, image.shape),
    "few photons": lambda image: np.random.default_rng(1).poisson(20 * image),
    "jpeg": jpeg,
    "half the size": lambda image: ndimage.zoom(image, (0.5, 0.5, 1), order=1),
    "blur": lambda image: ndimage.gaussian_filter(image, (1, 1, 0)),
    "moved by 2 pixels": lambda image: np.roll(image, (1, -2), (0, 1)),
    "RGB": lambda image: np.repeat(image, 3, axis=2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_is_found(name: str) -> None:
    pictures = [cells(0), cells(1), CHANGES[name](cells(0)), cells(2)]
    (found,) = find_lookalikes([sketch_image(each) for each in pictures])
    assert (found.first, found.second, found.turned) == (0, 2, False)
    assert found.correlation >= 0.85


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirror", [False, True])
def test_mirrored_and_turned_copies_are_found(turns: int, mirror: bool) -> None:
    copy = np.rot90(cells(0), turns)
    copy = copy[:, ::-1] if mirror else copy
    (found,) = find_lookalikes([sketch_image(cells(0)), sketch_image(copy)])
    assert found.correlation == pytest.approx(1, abs=2e-3)
    assert found.turned == (turns != 0 or mirror)


def test_different_fields_of_one_sample_are_different_pictures() -> None:
    assert find_lookalikes([sketch_image(cells(index)) for index in range(8)]) == []


def test_one_cell_in_the_middle_does_not_make_two_pictures_one() -> None:
    """The hash alone takes them for equal; their detail tells them apart."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    disk = 10 * ((y - 0.1) ** 2 + 1.3 * (x + 0.15 + 0.2 * y) ** 2 < 0.25) + 2 * x + y
    pictures = []
    for seed in (0, 1):
        grain = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(96, 96)), 1.5)
        pictures.append((disk + grain / grain.std())[..., None])
    first, second = (sketch_image(each) for each in pictures)
    assert int((first.bits[0] != second.bits[0]).sum()) <= MOST_BITS
    assert find_lookalikes([first, second]) == []


def test_pictures_without_detail_are_like_nothing() -> None:
    y, x = np.mgrid[:64, :64]
    flat = [np.full((64, 64, 1), 7.0), np.full((64, 64, 1), 7.0), (y + x)[..., None] * 1e-9]
    assert find_lookalikes([sketch_image(each) for each in flat]) == []


def test_equal_pictures_are_found_at_any_size_and_order() -> None:
    small = [sketch_image(cells(0)[:9, :13]), sketch_image(cells(0)[:9, :13])]
    (found,) = find_lookalikes(small)
    assert found == Lookalike(0, 1, found.correlation, False)
    assert find_lookalikes([]) == find_lookalikes(small[:1]) == []
