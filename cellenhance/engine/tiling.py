"""The grid of tiles over an image of any size: pure arithmetic, touches no pixels.

A tile has a core that is kept and a window that is computed: the core plus the context that the
network sees. Windows start on multiples of the network's stride and never overhang the padded
image, so that a tiled prediction equals the prediction of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Span:
    """One side of a tile, in pixels of the image (core) and of the padded image (window)."""

    core_start: int
    core_stop: int
    window_start: int
    window_stop: int

    @property
    def core(self) -> slice:
        """Where the kept part lies in the image."""
        return slice(self.core_start, self.core_stop)

    @property
    def core_in_window(self) -> slice:
        """Where the kept part lies in the computed window."""
        return slice(self.core_start - self.window_start, self.core_stop - self.window_start)


@dataclass(frozen=True, slots=True)
class Tile:
    """Rows and columns of one tile."""

    rows: Span
    cols: Span


@dataclass(frozen=True, slots=True)
class TileGrid:
    """All tiles of one image.

    Parameters
    ----------
    height, width : of the image, px
    core_px : side of the kept part, a multiple of `stride_px`
    context_px : pixels around the core that the network needs, a multiple of `stride_px`
    stride_px : the network's size divisor
    min_size_px : the network's smallest side
    """

    height: int
    width: int
    core_px: int
    context_px: int
    stride_px: int
    min_size_px: int

    def __post_init__(self) -> None:
        if self.core_px % self.stride_px or self.context_px % self.stride_px:
            raise ValueError(
                f"core {self.core_px} and context {self.context_px} must be multiples of the "
                f"stride {self.stride_px}"
            )

    def __len__(self) -> int:
        return -(-self.height // self.core_px) * -(-self.width // self.core_px)

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles row by row."""
        for rows in self._spans(self.height):
            for cols in self._spans(self.width):
                yield Tile(rows, cols)

    def _spans(self, side: int) -> Iterator[Span]:
        least = round_up(self.min_size_px, self.stride_px)
        padded = max(round_up(side, self.stride_px), least)
        for start in range(0, side, self.core_px):
            window_start = max(0, start - self.context_px)
            wanted = max(start + self.core_px + self.context_px, window_start + least)
            window_stop = min(padded, wanted)
            yield Span(
                core_start=start,
                core_stop=min(start + self.core_px, side),
                window_start=min(window_start, window_stop - least),
                window_stop=window_stop,
            )


def round_up(value: int, step: int) -> int:
    """Return the smallest multiple of `step` that is >= `value`."""
    return -(-value // step) * step


def reflect_indices(start: int, stop: int, side: int) -> NDArray[np.intp]:
    """Return the image coordinates behind padded coordinates start..stop-1.

    Padding beyond `side` mirrors the image without repeating its last row, again and again.

    >>> reflect_indices(0, 8, 3).tolist()
    [0, 1, 2, 1, 0, 1, 2, 1]
    """
    coordinates = np.arange(start, stop)
    if side == 1:
        return np.zeros_like(coordinates)
    period = 2 * (side - 1)
    folded = coordinates % period
    return np.where(folded < side, folded, period - folded)
