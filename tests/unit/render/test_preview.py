"""Coloured previews of masks."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.render.preview import parse_color, render_overlay, render_preview

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
    with pytest.raises(ValueError, match=r"\[2\] have no colour: expected at most 2 colours"):
        render_preview(np.array([[2]], np.uint8), COLORS)


@pytest.mark.parametrize("mask", [np.zeros((2, 2), np.int64), np.zeros((2, 2, 3), np.uint8)])
def test_only_masks_are_taken(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected a mask \(H, W\) of uint8"):
        render_preview(mask, COLORS)


def lines(mask: list[list[int]] | np.ndarray, background: int = 0) -> np.ndarray:
    """Return where an overlay of a white picture has which class's line, -1 elsewhere."""
    array = np.array(mask, np.uint8)
    colors = ["#000001", "#000002", "#000003"]
    picture = np.full((*array.shape, 3), 255, np.uint8)
    shown = render_overlay(picture, array, colors, background)
    assert (picture == 255).all()  # the picture of the caller stays as it is
    return np.where(shown[..., 0] == 255, -1, shown[..., 2].astype(int) - 1)


def test_a_line_runs_just_inside_the_border_of_a_class() -> None:
    square = np.zeros((7, 7), int)
    square[1:6, 1:6] = 1
    expected = np.full((7, 7), -1)
    expected[1:6, 1:6] = 1
    expected[2:5, 2:5] = -1
    np.testing.assert_array_equal(lines(square), expected)


def test_classes_that_touch_have_a_line_each_and_the_end_of_the_picture_none() -> None:
    assert lines([[1, 1, 1, 2, 2, 2]]).tolist() == [[-1, -1, 1, 2, -1, -1]]
    assert lines([[1, 1], [1, 1]]).tolist() == [[-1, -1], [-1, -1]]


def test_neither_the_background_nor_ignored_pixels_have_a_line() -> None:
    assert lines([[0, 0, 1, 1, 255, 255]]).tolist() == [[-1, -1, 1, 1, -1, -1]]
    assert lines([[0, 0, 1, 1]], background=1).tolist() == [[-1, 0, -1, -1]]


def test_lines_are_wider_in_large_pictures() -> None:
    mask = np.zeros((1, 1200), np.uint8)
    mask[:, 600:] = 1
    assert np.flatnonzero(lines(mask)[0] == 1).tolist() == [600, 601, 602]


@pytest.mark.parametrize("color", ["red", "#12345", "1234567", "#gg0000"])
def test_only_six_hex_digits_are_a_colour(color: str) -> None:
    with pytest.raises(ValueError, match=r"#rrggbb|hexadecimal"):
        parse_color(color)
