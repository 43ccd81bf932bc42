"""Tiles of a preparation hold each pixel exactly once."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.data.tiles import cut_tiles


@pytest.mark.parametrize(
    ("height", "width", "side", "n_tiles"),
    [(512, 768, 256, 6), (513, 768, 256, 9), (100, 40, 256, 1), (256, 256, 256, 1), (33, 1, 32, 2)],
)
def test_each_pixel_lies_in_exactly_one_tile(
    height: int, width: int, side: int, n_tiles: int
) -> None:
    count = np.zeros((height, width), int)
    tiles = cut_tiles(height, width, side)
    for tile in tiles:
        part = count[tile.rows, tile.cols]
        assert max(part.shape) <= side
        part += 1
    assert (count == 1).all()
    assert len(tiles) == n_tiles


def test_names_tell_row_and_column() -> None:
    assert [tile.name("s.1") for tile in cut_tiles(64, 96, 32)] == [
        "s.1_r000_c000",
        "s.1_r000_c001",
        "s.1_r000_c002",
        "s.1_r001_c000",
        "s.1_r001_c001",
        "s.1_r001_c002",
    ]
