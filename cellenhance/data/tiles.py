"""Large images cut into tiles when a dataset is prepared; touches no pixels.

(The tiles of prediction, with their halo, are another matter: `engine.tiling`.)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of an image: its place in the grid, counted from 0, and the pixels it holds."""

    row: int
    col: int
    rows: slice
    cols: slice

    def name(self, stem: str) -> str:
        """Return ``<stem>_rRRR_cCCC``."""
        return f"{stem}_r{self.row:03d}_c{self.col:03d}"


def cut_tiles(height: int, width: int, tile_px: int) -> tuple[Tile, ...]:
    """Return tiles that hold each pixel of an image exactly once, row by row.

    Tiles have `tile_px` pixels a side; those at the right and at the bottom keep what is left over
    and are smaller. None is shifted or padded, so no pixel counts twice and none is invented.

    Examples
    --------
    >>> [tile.name("a") for tile in cut_tiles(300, 256, 256)]
    ['a_r000_c000', 'a_r001_c000']
    >>> cut_tiles(300, 256, 256)[1].rows
    slice(256, 300, None)
    """
    return tuple(
        Tile(
            top // tile_px,
            left // tile_px,
            slice(top, min(top + tile_px, height)),
            slice(left, min(left + tile_px, width)),
        )
        for top in range(0, height, tile_px)
        for left in range(0, width, tile_px)
    )
