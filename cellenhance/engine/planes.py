"""Image planes that are read region by region, whether they lie in memory or in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cellenhance.arrays import ImageArray
from cellenhance.data.files.channels import channel_facts
from cellenhance.data.files.sources import ALPHA_NAME, ImageInfo, ImageSource
from cellenhance.errors import DatasetError


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
                f"{info.path}: is in colour, the model takes {self.channels} channel; pick one "
                "with --channel N (from 0) or --grey mean, or use a model of as many"
            )
        return region[..., : self.channels]


def match_channels(plane: FilePlane, channels: int) -> tuple[Plane, str | None]:
    """Return the plane with as many channels as a model takes, and a note on what was dropped.

    Opaque alpha is dropped and grey stored as RGB becomes one channel, as when a dataset is
    prepared; colours are never mixed into a luminance.

    Raises
    ------
    DatasetError
        The file has another number of channels.
    """
    info = plane.source.info
    if info.channels == channels:
        return plane, None
    notes = ["opaque alpha dropped"] if info.channel_names[-1:] == (ALPHA_NAME,) else []
    n_colors = info.channels - len(notes)
    if n_colors == 3 and channels == 1:
        notes.append("grey stored as RGB: one channel used")
    elif n_colors != channels:
        raise DatasetError(_mismatch(info, channels))
    return MatchedPlane(plane, channels), f"{info.path}: {', '.join(notes)}"


def _mismatch(info: ImageInfo, channels: int) -> str:
    return (
        f"{info.path}: has {info.channels} channels, the model takes {channels}; pick one with "
        "--channel N (from 0) or --grey mean, or use a model of as many"
    )
