"""Sinks that many commands share: arrays that grow from tiles, and tiled files.

Files are written by functions that take an iterator of tiles; a sink is handed one tile after
another. `TileFeed` joins the two, so that any number of files grows in one pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import MaskArray
from cellenhance.data.files.ome import OmeFile, write_float_tiles
from cellenhance.data.files.ome_xml import StackLayout
from cellenhance.data.files.sources import ImageInfo
from cellenhance.data.files.writers import write_mask_tiles
from cellenhance.engine.image_pass import PassingImage, Sink
from cellenhance.engine.predictions import Prediction, TilePrediction
from cellenhance.engine.tiling import Span, Tile, round_up

THREAD_NAME = "tile feed"
_TIFF_TILE_STEP = 16
Pixels = TypeVar("Pixels", bound=np.generic)
Record = TypeVar("Record")


class Canvas(Generic[Pixels]):
    """An array of a plane that grows from tiles: every `step`-th pixel of the image.

    Parameters
    ----------
    height, width : of the image, px
    step : 1 keeps every pixel
    """

    array: NDArray[Pixels]
    """What has arrived, (..., ceil(H / step), ceil(W / step)); there after the first tile."""

    def __init__(self, height: int, width: int, step: int = 1) -> None:
        self._shape = (-(-height // step), -(-width // step))
        self._step = step
        self._is_empty = True

    def put(self, tile: Tile, values: NDArray[Pixels]) -> None:
        """Keep the values of a core, (..., h, w)."""
        if self._is_empty:
            self.array = np.empty((*values.shape[:-2], *self._shape), values.dtype)
            self._is_empty = False
        rows, to_rows = _thin(tile.rows, self._step)
        cols, to_cols = _thin(tile.cols, self._step)
        self.array[..., to_rows, to_cols] = values[..., rows, cols]


def _thin(span: Span, step: int) -> tuple[slice, slice]:
    """Return which rows of a core are kept, and where they go in the thinned image."""
    first = -span.core_start % step
    target = -(-span.core_start // step)
    n_kept = len(range(first, span.core_stop - span.core_start, step))
    return slice(first, None, step), slice(target, target + n_kept)


def thinning_step(height: int, width: int, max_side_px: int) -> int:
    """Return the smallest n with which every n-th pixel fits both sides into `max_side_px`."""
    return max(1, -(-max(height, width) // max_side_px))


class MaskSink(Sink[MaskArray]):
    """The whole mask of an image of one plane, (H, W) uint8."""

    def begin(self, image: PassingImage) -> None:
        """Make room for the mask."""
        self._mask: Canvas[np.uint8] = Canvas(image.info.height, image.info.width)

    def tile(self, part: TilePrediction) -> None:
        """Keep the mask of the tile."""
        self._mask.put(part.tile, part.mask())

    def finish(self) -> MaskArray:
        """Return the mask."""
        return self._mask.array


class PredictionSink(Sink[Prediction]):
    """All that is predicted of an image of one plane, in memory."""

    def begin(self, image: PassingImage) -> None:
        """Make room for the maps."""
        size = image.info.height, image.info.width
        self._mask: Canvas[np.uint8] = Canvas(*size)
        self._probabilities: Canvas[np.float32] = Canvas(*size)
        self._entropy: Canvas[np.float32] = Canvas(*size)
        self._disagreement: Canvas[np.float32] = Canvas(*size)
        self._has_members = False

    def tile(self, part: TilePrediction) -> None:
        """Keep the maps of the tile."""
        self._mask.put(part.tile, part.mask())
        self._probabilities.put(part.tile, part.probabilities())
        self._entropy.put(part.tile, part.entropy)
        if part.disagreement is not None:
            self._has_members = True
            self._disagreement.put(part.tile, part.disagreement)

    def finish(self) -> Prediction:
        """Return mask, probabilities and how sure they are."""
        return Prediction(
            self._mask.array,
            self._probabilities.array,
            self._entropy.array,
            self._disagreement.array if self._has_members else None,
        )


class TileFeed:
    """A function that writes what an iterator yields, fed with one tile after another.

    The function runs in a thread of its own and never lags behind by more than two tiles, so that
    memory stays bounded. What it raises is raised by the next call here.
    """

    def __init__(self, write: Callable[[Iterator[NDArray[Any]]], None]) -> None:
        self._tiles: Queue[NDArray[Any] | None] = Queue(maxsize=1)
        self._failure: BaseException | None = None
        self._is_abandoned = self._is_over = False
        self._thread = Thread(target=self._run, args=(write,), name=THREAD_NAME, daemon=True)
        self._thread.start()

    def put(self, tile: NDArray[Any]) -> None:
        """Hand over a tile; waits while the one before is still waiting."""
        self._raise_failure()
        self._tiles.put(tile)

    def close(self) -> None:
        """Wait until all is written."""
        self._tiles.put(None)
        self._thread.join()
        self._raise_failure()

    def abandon(self) -> None:
        """End the function with an error, so that it clears away what it has begun."""
        if self._thread.is_alive():
            self._is_abandoned = True
            self._tiles.put(None)
            self._thread.join()

    def _run(self, write: Callable[[Iterator[NDArray[Any]]], None]) -> None:
        try:
            write(self._arriving())
        except BaseException as error:  # raised again where tiles are handed over
            self._failure = error
        while not self._is_over:  # whoever hands over must not wait for ever
            self._is_over = self._tiles.get() is None

    def _arriving(self) -> Iterator[NDArray[Any]]:
        while (tile := self._tiles.get()) is not None:
            yield tile
        self._is_over = True
        if self._is_abandoned:
            raise _AbandonedError

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


class _AbandonedError(Exception):
    """Ends the thread of a feed that was abandoned."""


@dataclass
class FileSink(Sink[Record], Generic[Record]):
    """Base of files that grow tile by tile; abandoned, nothing of them is left.

    Attributes
    ----------
    tile_px : side of the cores of the predictor
    record : what `finish` returns
    """

    tile_px: int
    record: Record
    _feed: TileFeed | None = field(default=None, init=False)

    @abstractmethod
    def write(self, info: ImageInfo, tile_px: int, tiles: Iterator[NDArray[Any]]) -> None:
        """Write the file of an image from its tiles, `tile_px` a side, plane after plane."""

    @abstractmethod
    def values(self, part: TilePrediction) -> NDArray[Any]:
        """Return what the file holds of one tile."""

    def begin(self, image: PassingImage) -> None:
        """Open the file."""
        info = image.info
        tile_px = min(self.tile_px, round_up(max(info.height, info.width), _TIFF_TILE_STEP))
        self._feed = TileFeed(partial(self.write, info, tile_px))

    def tile(self, part: TilePrediction) -> None:
        """Append a tile."""
        if self._feed is not None:
            self._feed.put(self.values(part))

    def finish(self) -> Record:
        """Wait until the file is complete."""
        if self._feed is not None:
            self._feed.close()
        return self.record

    def abandon(self) -> None:
        """Remove what was written."""
        if self._feed is not None:
            self._feed.abandon()


@dataclass
class MaskFile(FileSink[Record]):
    """Class indices as deflate TIFF, a stack as the same stack."""

    path: Path

    def write(self, info: ImageInfo, tile_px: int, tiles: Iterator[NDArray[Any]]) -> None:
        """Write the mask file."""
        write_mask_tiles(
            self.path,
            tiles,
            plane_axes=info.plane_axes,
            plane_shape=info.plane_shape,
            height=info.height,
            width=info.width,
            tile_px=tile_px,
            pixel_size_um=info.pixel_size_um,
        )

    def values(self, part: TilePrediction) -> NDArray[Any]:
        """Return the mask of a tile, (h, w) uint8."""
        return part.mask()


@dataclass
class FloatFile(FileSink[Record]):
    """Maps as float32 OME-TIFF with named channels, in one file or in several.

    Attributes
    ----------
    files : the files and which of the channels each holds
    channels_of : returns the (C, h, w) float32 channels of one tile
    description : what a reader should know of the values
    """

    files: Sequence[OmeFile]
    channels_of: Callable[[TilePrediction], NDArray[np.float32]]
    description: str

    def write(self, info: ImageInfo, tile_px: int, tiles: Iterator[NDArray[Any]]) -> None:
        """Write the files."""
        layout = StackLayout(
            info.height, info.width, info.plane_axes, info.plane_shape, info.pixel_size_um
        )
        write_float_tiles(self.files, tiles, layout, tile_px=tile_px, description=self.description)

    def values(self, part: TilePrediction) -> NDArray[Any]:
        """Return the channels of a tile."""
        return self.channels_of(part)
