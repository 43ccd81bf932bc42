"""Image planes that are read region by region, in memory or in a file, and as a network sees them.

Filters that look beyond a pixel, or at statistics of the image, are applied to the whole plane
before it is cut into windows: a tile then shows exactly what the whole image shows, at the price of
memory for the whole plane (4 bytes a pixel and channel, and what the filter takes).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from cellenhance.arrays import FloatImage, ImageArray
from cellenhance.data.files.channels import channel_facts
from cellenhance.data.files.sources import ALPHA_NAME, ImageInfo, ImageSource
from cellenhance.data.normalize import Normalization, fit_normalization
from cellenhance.data.preprocess import PreprocessStep, is_pointwise, preprocess
from cellenhance.engine.tiling import Tile, reflect_indices
from cellenhance.errors import DatasetError
from cellenhance.runs.header import ModelHeader
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_LARGE_BYTES = 1 << 30


class Plane(Protocol):
    """One image plane that is read region by region."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def channels(self) -> int:
        """Channels."""

    def read(self, rows: slice, cols: slice) -> ImageArray:
        """Return (h, w, C) in the file's dtype."""


@dataclass(frozen=True, slots=True)
class ArrayPlane:
    """An image in memory, (H, W, C), as a `Plane`."""

    image: ImageArray

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.image.shape[1])

    @property
    def channels(self) -> int:
        """Channels."""
        return int(self.image.shape[2])

    def read(self, rows: slice, cols: slice) -> ImageArray:
        """Return a view of the region."""
        region: ImageArray = self.image[rows, cols]
        return region


@dataclass(frozen=True, slots=True)
class FilePlane:
    """One plane of an open image file as a `Plane`."""

    source: ImageSource
    index: int = 0

    @property
    def height(self) -> int:
        """Rows."""
        return self.source.info.height

    @property
    def width(self) -> int:
        """Columns."""
        return self.source.info.width

    @property
    def channels(self) -> int:
        """Channels."""
        return self.source.info.channels

    def read(self, rows: slice, cols: slice) -> ImageArray:
        """Read the region from the file."""
        region: ImageArray = self.source.read_region(self.index, rows, cols)
        return region


@dataclass(frozen=True, slots=True)
class MatchedPlane:
    """A plane cut down to its first channels where the others say nothing.

    That they say nothing (opaque alpha, three equal colours) is checked in every region read.
    """

    plane: FilePlane
    channels: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.plane.height

    @property
    def width(self) -> int:
        """Columns."""
        return self.plane.width

    def read(self, rows: slice, cols: slice) -> ImageArray:
        """Read the region; DatasetError where a channel to be dropped says something."""
        region = self.plane.read(rows, cols)
        info = self.plane.source.info
        facts = channel_facts(str(info.path), region, info.channel_names)
        if facts.has_alpha and not facts.is_opaque:
            raise DatasetError(
                f"{info.path}: has a transparency channel that is not opaque; remove it, or pick "
                "one channel with --channel N (from 0)"
            )
        if facts.n_colors != self.channels and not facts.is_grey_rgb:
            raise DatasetError(
                f"{info.path}: is in colour, the model takes {counted(self.channels, 'channel')}; "
                "pick one with --channel N (from 0) or --grey mean, or use a model that takes "
                "colour images"
            )
        return region[..., : self.channels]


def match_channels(source: ImageSource, channels: int) -> tuple[tuple[Plane, ...], str | None]:
    """Return all planes with as many channels as a model takes, and a note on what was dropped.

    Opaque alpha is dropped and grey stored as RGB becomes one channel, as when a dataset is
    prepared; colours are never mixed into a luminance.

    Raises
    ------
    DatasetError
        The file has another number of channels.
    """
    info = source.info
    planes = [FilePlane(source, index) for index in range(info.n_planes)]
    if info.channels == channels:
        return tuple(planes), None
    notes = ["opaque alpha dropped"] if info.channel_names[-1:] == (ALPHA_NAME,) else []
    n_colors = info.channels - len(notes)
    if n_colors == 3 and channels == 1:
        notes.append("grey stored as RGB: one channel used")
    elif n_colors != channels:
        raise DatasetError(_mismatch(info, channels))
    matched = tuple(MatchedPlane(plane, channels) for plane in planes)
    return matched, f"{info.path}: {', '.join(notes)}"


def _mismatch(info: ImageInfo, channels: int) -> str:
    return (
        f"{info.path}: has {counted(info.channels, 'channel')}, the model takes {channels}; pick "
        "one with --channel N (from 0) or --grey mean, or use a model that takes as many channels"
    )


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """A plane and what is still to be done to its windows."""

    plane: Plane
    normalization: Normalization | None
    steps: tuple[PreprocessStep, ...]

    def finish(self, window: ImageArray) -> FloatImage:
        """Return a window of the plane, (h, w, C), as the network takes it."""
        image = window if self.normalization is None else self.normalization.apply(window)
        return preprocess(image, self.steps)


def prepare_input(plane: Plane, header: ModelHeader) -> NetworkInput:
    """Return the plane for one network; limits and filters hold for the whole plane."""
    normalization, steps = header.normalization, header.preprocessing
    per_image = normalization.method == "per-image"
    if is_pointwise(steps) and not per_image:
        return NetworkInput(plane, normalization, steps)
    size = 4 * plane.height * plane.width * plane.channels
    if not is_pointwise(steps) and size > _LARGE_BYTES:
        logger.warning(
            "preprocessing (%s) needs the whole image of %d x %d pixels in memory",
            ", ".join(step.name for step in steps),
            plane.height,
            plane.width,
        )
    whole = plane.read(slice(0, plane.height), slice(0, plane.width))
    if per_image:
        normalization = fit_normalization(
            "dataset",
            [whole],
            low_percentile=normalization.low_percentile,
            high_percentile=normalization.high_percentile,
        )
    if is_pointwise(steps):
        return NetworkInput(plane, normalization, steps)
    return NetworkInput(ArrayPlane(preprocess(normalization.apply(whole), steps)), None, ())


def read_window(plane: Plane, tile: Tile) -> ImageArray:
    """Return the window of a tile, (h, w, C); outside the image its mirror is shown."""
    rows = reflect_indices(tile.rows.window_start, tile.rows.window_stop, plane.height)
    cols = reflect_indices(tile.cols.window_start, tile.cols.window_stop, plane.width)
    top, left = int(rows.min()), int(cols.min())
    region = plane.read(slice(top, int(rows.max()) + 1), slice(left, int(cols.max()) + 1))
    window: ImageArray = region[rows - top][:, cols - left]
    return window
