"""Coloured previews of masks."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.render.preview import parse_color, render_preview

COLORS = ["#000000", "#e69f00"]


def test_classes_get_their_colours_and_ignored_pixels_mid_grey() -> None:
    preview = render_preview(np.array([[0, 1], [255, 1]], np.uint8), COLORS)
    assert preview.dtype == np.uint8
    assert preview.tolist() == [
        [[0, 0, 0], [0xE6, 0x9F, 0]],
        [[128, 128, 128], [0xE6, 0x9F, 0]],
    ]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((8, 4), (8, 4)), ((9, 4), (5, 2)), ((3, 24), (1, 8)), ((16, 17), (6, 6))],
)
def test_a_large_mask_is_thinned_until_both_sides_fit(
    shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    preview = render_preview(np.zeros(shape, np.uint8), COLORS, max_side_px=8)
    assert preview.shape == (*expected, 3)


def test_thinning_takes_pixels_and_mixes_no_colours() -> None:
    stripes = np.tile(np.array([0, 1], np.uint8), (16, 8))
    assert not render_preview(stripes, COLORS, max_side_px=8).any()


def test_an_index_without_a_colour_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\[2\] have no colour: there are 2"):
        render_preview(np.array([[2]], np.uint8), COLORS)


@pytest.mark.parametrize("mask", [np.zeros((2, 2), np.int64), np.zeros((2, 2, 3), np.uint8)])
def test_only_masks_are_taken(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a mask is \(H, W\) uint8"):
        render_preview(mask, COLORS)


@pytest.mark.parametrize("color", ["red", "#12345", "1234567", "#gg0000"])
def test_only_six_hex_digits_are_a_colour(color: str) -> None:
    with pytest.raises(ValueError, match=r"#rrggbb|hexadecimal"):
        parse_color(color)
