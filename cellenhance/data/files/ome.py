"""Float images with many channels as OME-TIFF, tile by tile, with memory set by the tile.

Tiles arrive with all channels at once, TIFF stores one channel after the other: a plane is kept in
a scratch file beside the output until it is complete.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from cellenhance.arrays import FloatImage
from cellenhance.data.files.ome_xml import StackLayout, build_ome_xml
from cellenhance.data.files.storage import replacing
from cellenhance.data.files.writers import LARGEST_CLASSIC_TIFF, resolution_tags

_BYTES = np.dtype(np.float32).itemsize
_ZLIB_LEVEL = 3
"""Float noise hardly shrinks: level 6 takes longer and gains about 1 %."""


@dataclass(frozen=True, slots=True)
class OmeFile:
    """One file to write: where, which of the channels that arrive, and what they are called."""

    path: Path
    channels: tuple[int, ...]
    names: tuple[str, ...]


def write_float_tiles(
    files: Sequence[OmeFile],
    tiles: Iterable[NDArray[np.float32]],
    layout: StackLayout,
    *,
    tile_px: int,
    description: str,
) -> None:
    """Write channels as one or several OME-TIFF files (tiled, deflate, BigTIFF when > 4 GB).

    Parameters
    ----------
    files : every file gets some of the channels; all files have the same planes
    tiles : (C, h, w) float32, plane after plane, row-major within a plane; cropped to the image
        at its right and bottom edge
    layout : planes, sizes, pixel size
    tile_px : side of a tile, a multiple of 16
    description : what a reader should know of the values, stored in the OME-XML

    Raises
    ------
    ValueError
        `tile_px` is no multiple of 16, or tiles are missing, too many or of another shape.
    """
    if tile_px < 16 or tile_px % 16:
        raise ValueError(f"tiles of {tile_px} px: TIFF needs a multiple of 16")
    n_channels = 1 + max(channel for file in files for channel in file.channels)
    arriving = iter(tiles)
    with ExitStack() as stack:
        writers = [stack.enter_context(_PageWriter(file, layout, tile_px)) for file in files]
        spool = stack.enter_context(_PlaneSpool(files[0].path.parent, n_channels, layout, tile_px))
        for _ in range(layout.n_planes):
            spool.fill(arriving)
            for writer in writers:
                writer.write_plane(spool, description)
        if next(arriving, None) is not None:
            raise ValueError("more tiles than the planes have")


class _PlaneSpool:
    """All channels of one plane on disk: filled tile by tile, read channel by channel."""

    def __init__(self, folder: Path, n_channels: int, layout: StackLayout, tile_px: int) -> None:
        self._folder = folder
        self._layout = layout
        self._shape = (n_channels, tile_px, tile_px)
        self._places = [
            (row, col)
            for row in range(0, layout.height, tile_px)
            for col in range(0, layout.width, tile_px)
        ]
        self._file: IO[bytes]

    def __enter__(self) -> _PlaneSpool:
        self._file = tempfile.TemporaryFile(dir=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, tiles: Iterator[NDArray[np.float32]]) -> None:
        """Take the tiles of one plane."""
        self._file.seek(0)
        n_tiles = 0
        for tile in islice(tiles, len(self._places)):
            row, col = self._places[n_tiles]
            n_channels, tile_px, _ = self._shape
            height = min(tile_px, self._layout.height - row)
            width = min(tile_px, self._layout.width - col)
            if tile.shape != (n_channels, height, width) or tile.dtype != np.float32:
                raise ValueError(
                    f"expected float32 {(n_channels, height, width)}, not {tile.dtype} {tile.shape}"
                )
            padded = np.zeros(self._shape, np.float32)
            padded[:, :height, :width] = tile
            self._file.write(padded.data)
            n_tiles += 1
        if n_tiles != len(self._places):
            raise ValueError(f"{n_tiles} tiles of a plane, expected {len(self._places)}")

    def read(self, channel: int) -> Iterator[FloatImage]:
        """Yield the tiles of one channel, (tile_px, tile_px) float32, row by row."""
        n_channels, tile_px, _ = self._shape
        n_bytes = tile_px * tile_px * _BYTES
        for index in range(len(self._places)):
            self._file.seek((index * n_channels + channel) * n_bytes)
            data = self._file.read(n_bytes)
            yield np.frombuffer(data, np.float32).reshape(tile_px, tile_px)


class _PageWriter:
    """One OME-TIFF file that grows by a page a channel and plane."""

    def __init__(self, file: OmeFile, layout: StackLayout, tile_px: int) -> None:
        self._target = file
        self._layout = layout
        self._tile_px = tile_px
        self._is_empty = True
        self._stack = ExitStack()
        self._tiff: Any = None

    def __enter__(self) -> _PageWriter:
        with ExitStack() as opening:
            temporary = opening.enter_context(replacing(self._target.path))
            self._tiff = opening.enter_context(
                tifffile.TiffWriter(temporary, bigtiff=self._is_large(), ome=False, byteorder="<")
            )
            self._stack = opening.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._stack.__exit__(*error)

    def _is_large(self) -> bool:
        down, across = (-(-side // self._tile_px) for side in self._page_shape)
        n_pages = len(self._target.channels) * self._layout.n_planes
        n_bytes = down * across * self._tile_px**2 * _BYTES * n_pages
        return n_bytes > LARGEST_CLASSIC_TIFF

    @property
    def _page_shape(self) -> tuple[int, int]:
        return self._layout.height, self._layout.width

    def write_plane(self, spool: _PlaneSpool, description: str) -> None:
        """Append the pages of one plane; the first page of the file carries the OME-XML."""
        for channel in self._target.channels:
            header = self._header(description) if self._is_empty else None
            self._is_empty = False
            self._tiff.write(
                spool.read(channel),
                shape=self._page_shape,
                dtype=np.float32,
                tile=(self._tile_px, self._tile_px),
                photometric="minisblack",
                compression="zlib",
                compressionargs={"level": _ZLIB_LEVEL},
                description=header,
                metadata=None,
                software="cellenhance",
                maxworkers=1,
                **resolution_tags(self._layout.pixel_size_um),
            )

    def _header(self, description: str) -> bytes:
        name = self._target.path.name.removesuffix(".ome.tif")
        return build_ome_xml(self._layout, self._target.names, name=name, description=description)
