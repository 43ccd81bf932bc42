"""Image planes that are read region by region, whether they lie in memory or in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cellenhance.arrays import ImageArray
from cellenhance.data.sources import ImageSource


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
