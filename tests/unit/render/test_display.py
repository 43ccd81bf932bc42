"""Display ranges: one for all images, said in words; thinning by hand-checked means."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.render.display import (
    DisplayRange,
    choose_display,
    halo_color,
    image_to_rgb,
    map_to_rgb,
    thin,
)


def test_one_range_serves_all_images_and_is_said() -> None:
    dim = np.full((10, 10, 1), 100, np.uint16)
    bright = np.full((10, 10, 1), 4000, np.uint16)
    display = choose_display([dim, bright])
    assert (display.low, display.high) == (100, 4000)
    assert display.text == (
        "display range 100 to 4000, the 0.1 and 99.8 percentiles of all 2 images shown"
    )
    assert image_to_rgb(dim, display)[0, 0].tolist() == [0, 0, 0]
    assert image_to_rgb(bright, display)[0, 0].tolist() == [255, 255, 255]


def test_a_range_follows_numpy_percentiles() -> None:
    image = np.random.default_rng(0).integers(0, 60000, (100, 100, 1), dtype=np.uint16)
    display = choose_display([image])
    expected = np.percentile(image, (0.1, 99.8), method="inverted_cdf")
    assert (display.low, display.high) == tuple(expected)


def test_8_bit_rgb_is_shown_as_stored() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(image_to_rgb(image, choose_display([image])), image)


def test_other_channel_numbers_show_the_first_channel() -> None:
    image = np.dstack([np.full((2, 2), 255), np.zeros((2, 2))]).astype(np.uint8)
    assert (image_to_rgb(image, DisplayRange(0, 255, "")) == 255).all()


def test_a_constant_image_has_a_range_that_says_so() -> None:
    display = choose_display([np.full((3, 3, 1), 7, np.uint8)])
    assert display.text == "display range: all pixels of this image are 7"
    assert (image_to_rgb(np.full((3, 3, 1), 7), display) == 0).all()


def test_no_image_has_no_range() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        choose_display([])


def test_nan_is_shown_as_the_low_end() -> None:
    values = np.array([[np.nan, 2.0]])
    assert DisplayRange(1, 2, "").scale(values).tolist() == [[0, 1]]


def test_maps_use_the_colour_map_between_the_limits() -> None:
    rgb = map_to_rgb(np.array([[0.0, 1.0]]), DisplayRange(0, 1, ""), "gray")
    assert rgb.tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_thinning_averages_blocks_and_what_remains_at_the_edge() -> None:
    image = np.array([[0, 2, 10], [4, 6, 30], [8, 8, 99]], np.uint8)
    assert thin(image, 1.4).tolist() == [[3, 20], [8, 99]]
    assert thin(image, 2).tolist() == image.tolist()


@pytest.mark.parametrize(
    ("color", "halo"), [("#000000", "#ffffff"), ("#e69f00", "#000000"), ("#0072b2", "#000000")]
)
def test_dark_lines_get_a_light_halo(color: str, halo: str) -> None:
    assert halo_color(color) == halo
