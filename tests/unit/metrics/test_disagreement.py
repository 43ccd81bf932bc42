"""Where masks differ most, by hand."""

from __future__ import annotations

import numpy as np

from cellenhance.metrics.disagreement import Window, find_disagreements


def test_windows_hold_the_differences_and_do_not_overlap() -> None:
    first = np.zeros((40, 40), np.uint8)
    second = first.copy()
    second[4:8, 4:8] = 1  # 16 pixels
    second[30:33, 30:33] = 2  # 9 pixels
    windows = find_disagreements([first, second], n_windows=5, side=10)
    assert [each.n_different for each in windows] == [16, 9]
    for window, place in zip(windows, ((4, 8), (30, 33)), strict=True):
        assert window.top <= place[0]
        assert window.top + window.side >= place[1]
        assert int((window.cut(first) != window.cut(second)).sum()) == window.n_different


def test_a_third_mask_counts_and_ignored_pixels_do_not() -> None:
    masks = [np.zeros((8, 8), np.uint8) for _ in range(3)]
    masks[2][1, 1] = 1
    masks[0][6, 6] = 255
    [window] = find_disagreements(masks, n_windows=3, side=4)
    assert isinstance(window, Window)
    assert window.n_different == 1


def test_equal_masks_and_small_images_have_no_window() -> None:
    mask = np.eye(8, dtype=np.uint8)
    assert find_disagreements([mask, mask], n_windows=2, side=4) == ()
    assert find_disagreements([mask, 1 - mask], n_windows=2, side=9) == ()
