"""Stray mask values go to the nearest that has a class; what was drawn so is refused."""

from __future__ import annotations

import io
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from cellenhance.data.classes.snapping import snap_codes
from cellenhance.errors import DatasetError

GREY: dict[str, Any] = {"is_color": False, "label": "m.png"}


def disk(size: int = 64, values: tuple[int, int] = (0, 255)) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    return np.where(x**2 + y**2 < (size / 3) ** 2, values[1], values[0]).astype(np.uint8)


def test_each_stray_value_goes_to_the_nearest_and_is_counted() -> None:
    codes = np.zeros((40, 40), np.int64)
    codes[0, :5] = (128, 63, 65, 200, 255)
    done = snap_codes(codes, {0, 128, 255}, **GREY)
    assert done.n_moved == 3
    np.testing.assert_array_equal(done.codes[0, :6], (128, 0, 128, 255, 255, 0))
    assert codes[0, 1] == 63  # what was given stays as it was


def test_of_two_equally_near_the_smaller_wins() -> None:
    codes = np.zeros((40, 40), np.int64)
    codes[3, 3] = 5
    assert snap_codes(codes, {10, 0}, **GREY).codes[3, 3] == 0


def test_a_mask_without_strays_is_returned_as_it_is() -> None:
    codes = disk().astype(np.int64)
    done = snap_codes(codes, {0, 255}, **GREY)
    assert (done.n_moved, done.codes is codes) == (0, True)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_a_mask_saved_as_jpeg_comes_back(quality: int) -> None:
    mask = disk()
    stored = io.BytesIO()
    iio.imwrite(stored, mask, extension=".jpg", quality=quality)
    lossy = iio.imread(stored.getvalue()).astype(np.int64)
    assert len(np.unique(lossy)) > 2
    np.testing.assert_array_equal(snap_codes(lossy, {0, 255}, **GREY).codes, mask)


def test_colours_go_to_the_nearest_colour() -> None:
    codes = np.zeros((40, 40), np.int64)
    codes[0, :3] = (0xFF0000, 0xF00A05, 0x00E010)
    done = snap_codes(codes, {0x000000, 0xFF0000, 0x00FF00}, is_color=True, label="m.png")
    np.testing.assert_array_equal(done.codes[0, :4], (0xFF0000, 0xFF0000, 0x00FF00, 0))


@pytest.mark.parametrize("mapped", [{0, 255}, {0, 1}])
def test_numbered_objects_are_no_stray_values(mapped: set[int]) -> None:
    labels = np.zeros((64, 64), np.int64)
    for number in range(1, 9):
        labels[8 * number - 8 : 8 * number - 2, 10:30] = number
    with pytest.raises(DatasetError, match=r"m\.png: .* in even areas.*--instances"):
        snap_codes(labels, mapped, **GREY)


def test_a_photograph_is_no_mask_with_stray_values() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.int64)
    with pytest.raises(DatasetError, match="far from any value that has a class"):
        snap_codes(noise, {0, 255}, **GREY)
