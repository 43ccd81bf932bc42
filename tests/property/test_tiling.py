"""Tiles of any image: every pixel kept once, windows that the network accepts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellenhance.engine.tiling import TileGrid, reflect_indices, round_up


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    stride = draw(st.sampled_from([1, 2, 8, 16]))
    core = stride * draw(st.integers(1, 8))
    return TileGrid(
        height=draw(st.integers(1, 5 * core)),
        width=draw(st.integers(1, 5 * core)),
        core_px=core,
        context_px=stride * draw(st.integers(0, 6)),
        stride_px=stride,
        min_size_px=stride * draw(st.integers(1, 3)),
    )


@given(grids())
def test_cores_cover_every_pixel_once(grid: TileGrid) -> None:
    kept = np.zeros((grid.height, grid.width), int)
    tiles = list(grid)
    for tile in tiles:
        kept[tile.rows.core, tile.cols.core] += 1
    assert (kept == 1).all()
    assert len(tiles) == len(grid)


@given(grids())
def test_windows_lie_on_the_stride_inside_the_padded_image(grid: TileGrid) -> None:
    for tile in grid:
        for span, side in ((tile.rows, grid.height), (tile.cols, grid.width)):
            padded = round_up(max(side, grid.min_size_px), grid.stride_px)
            assert span.window_start % grid.stride_px == 0
            assert span.window_stop % grid.stride_px == 0
            assert span.window_stop - span.window_start >= grid.min_size_px
            assert 0 <= span.window_start <= span.core_start < span.core_stop
            assert span.core_stop <= span.window_stop <= padded


@given(grids())
def test_a_core_has_its_context_or_the_padded_border_on_every_side(grid: TileGrid) -> None:
    for tile in grid:
        for span, side in ((tile.rows, grid.height), (tile.cols, grid.width)):
            padded = round_up(max(side, grid.min_size_px), grid.stride_px)
            assert span.window_start <= max(0, span.core_start - grid.context_px)
            assert span.window_stop == padded or (
                span.window_stop >= span.core_stop + grid.context_px
            )


@given(grids(), st.integers(0, 2**32 - 1))
def test_an_identity_network_returns_the_image(grid: TileGrid, seed: int) -> None:
    image = np.random.default_rng(seed).random((grid.height, grid.width))
    result = np.full_like(image, np.nan)
    for tile in grid:
        rows = reflect_indices(tile.rows.window_start, tile.rows.window_stop, grid.height)
        cols = reflect_indices(tile.cols.window_start, tile.cols.window_stop, grid.width)
        window = image[np.ix_(rows, cols)]
        inside = window[tile.rows.core_in_window, tile.cols.core_in_window]
        result[tile.rows.core, tile.cols.core] = inside
    assert np.array_equal(result, image)


@given(st.integers(1, 20), st.integers(0, 70), st.integers(0, 70))
def test_reflection_equals_that_of_numpy(side: int, before: int, after: int) -> None:
    expected = np.pad(np.arange(side), (before, after), mode="reflect")
    assert reflect_indices(-before, side + after, side).tolist() == expected.tolist()


def test_core_and_context_off_the_stride_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of the stride 8"):
        TileGrid(64, 64, core_px=20, context_px=8, stride_px=8, min_size_px=8)
    with pytest.raises(ValueError, match="multiples of the stride 8"):
        TileGrid(64, 64, core_px=16, context_px=4, stride_px=8, min_size_px=8)
