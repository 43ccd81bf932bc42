"""Windows of one fixed size for networks whose every output pixel depends on the whole input.

Such a network (global pooling, resizing of the whole map) gives another result for every size of
its input, so it is always run on windows of the size stored in its checkpoint. Windows overlap by
half; each pixel is the mean of those that cover it, weighted by a tent that is 0 at their borders.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.engine.tiling import Span, Tile, round_up
from cellenhance.networks.blocks import SegmentationNetwork

_WITHOUT_CROPS_PX = 256
"""Window of a network that is trained on whole images."""


@dataclass(frozen=True, slots=True)
class WeightedTile:
    """A window's part in a cell: `weight` is (h, w) float32 over the cell."""

    tile: Tile
    weight: NDArray[np.float32]

    @property
    def start(self) -> tuple[int, int]:
        """Row and column where the window starts."""
        return self.tile.rows.window_start, self.tile.cols.window_start

    @property
    def whole(self) -> Tile:
        """The window as a tile of its own, all of it kept."""
        return Tile(
            *(
                Span(span.window_start, span.window_stop, span.window_start, span.window_stop)
                for span in (self.tile.rows, self.tile.cols)
            )
        )


def choose_window(network: SegmentationNetwork, crop_px: int | None) -> int | None:
    """Return the fixed window of a network without a receptive field; None for one that has it.

    The training crop, on the stride; half a window is a multiple of 16, as TIFF tiles must be.
    """
    if network.receptive_field_px is not None:
        return None
    wanted = max(crop_px or _WITHOUT_CROPS_PX, network.min_size)
    return round_up(wanted, math.lcm(network.stride, 32))


def iterate_cells(height: int, width: int, window_px: int) -> Iterator[tuple[WeightedTile, ...]]:
    """Yield, cell by cell and row by row, the windows that make each cell.

    Cells have half the side of a window. A side that fits one window is made by that window alone;
    otherwise the first and last windows hang over the image, where its mirror is shown.

    Parameters
    ----------
    window_px : side of a window, even
    """
    for row_parts in _parts(height, window_px):
        for col_parts in _parts(width, window_px):
            yield tuple(
                WeightedTile(Tile(rows, cols), np.outer(row_weight, col_weight))
                for rows, row_weight in row_parts
                for cols, col_weight in col_parts
            )


def _parts(side: int, window_px: int) -> Iterator[list[tuple[Span, NDArray[np.float32]]]]:
    """Yield for each cell of one side its windows with their weights, which sum to 1."""
    half = window_px // 2
    if side <= window_px:
        for start in range(0, side, half):
            stop = min(start + half, side)
            yield [(Span(start, stop, 0, window_px), np.ones(stop - start, np.float32))]
        return
    rising = ((np.arange(half) + 0.5) / half).astype(np.float32)
    for start in range(0, side, half):
        stop = min(start + half, side)
        kept = slice(0, stop - start)
        yield [
            (Span(start, stop, start - half, start + half), (1 - rising)[kept]),
            (Span(start, stop, start, start + window_px), rising[kept]),
        ]
