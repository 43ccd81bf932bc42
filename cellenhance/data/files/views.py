"""Images seen in another way: projected, averaged over channels, turned upright, put in a row.

Each is a source around another one; nothing here knows a file format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.options import Projection
from cellenhance.data.files.sources import ALPHA_NAME, ImageSource
from cellenhance.errors import ImageReadError
from cellenhance.pixel_size import transposed


class ProjectedSource(ImageSource):
    """The maximum or the mean over the Z planes of another source; T planes stay planes.

    A mean of integers is rounded to the nearest, so that the dtype stays that of the file.
    """

    def __init__(self, source: ImageSource, projection: Projection) -> None:
        info = source.info
        if "Z" not in info.plane_axes:
            raise ImageReadError(
                f"{info.path}: has {info.n_planes} planes without a Z axis "
                f"({info.plane_axes}); name the axes to project over Z, for example --axes ZYX"
            )
        self._source, self._projection = source, projection
        kept = [(a, n) for a, n in zip(info.plane_axes, info.plane_shape, strict=True) if a != "Z"]
        super().__init__(
            replace(
                info,
                plane_axes="".join(a for a, _ in kept),
                plane_shape=tuple(n for _, n in kept),
                is_projected=True,
            )
        )

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        info = self._source.info
        order = np.arange(info.n_planes).reshape(info.plane_shape)
        planes = np.moveaxis(order, info.plane_axes.index("Z"), -1).reshape(self.info.n_planes, -1)
        first, *others = (int(each) for each in planes[plane])
        region = self._source.read_region(first, rows, cols)
        if self._projection == "max":
            for each in others:
                np.maximum(region, self._source.read_region(each, rows, cols), out=region)
            return region
        total = region.astype(np.float64)
        for each in others:
            total += self._source.read_region(each, rows, cols)
        total /= 1 + len(others)
        return (total if region.dtype.kind == "f" else np.rint(total)).astype(region.dtype)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


class MeanSource(ImageSource):
    """The mean over the channels of another source, alpha left out."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._n_colors = source.info.channels - (source.info.channel_names[-1:] == (ALPHA_NAME,))
        super().__init__(replace(source.info, channels=1, channel_names=()))

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        return channel_mean(self._source.read_region(plane, rows, cols)[..., : self._n_colors])

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def channel_mean(image: ImageArray) -> ImageArray:
    """Return the mean over the channels of (H, W, C) as (H, W, 1), integers to the nearest."""
    if image.shape[2] == 1:
        return image
    mean: NDArray[np.float64] = image.mean(axis=2, keepdims=True, dtype=np.float64)
    return (mean if image.dtype.kind == "f" else np.rint(mean)).astype(image.dtype)


_TURNS: dict[int, tuple[bool, bool, bool]] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""Of each EXIF mark: whether rows become columns, and whether rows and columns then run back."""


class UprightSource(ImageSource):
    """Another source, turned as its orientation mark says; regions are read where they lie."""

    def __init__(self, source: ImageSource) -> None:
        info = source.info
        self._source = source
        self._swapped, self._rows_back, self._cols_back = _TURNS[info.orientation]
        self.color_table = source.color_table
        height, width = (info.height, info.width)[:: -1 if self._swapped else 1]
        size = transposed(info.pixel_size_um) if self._swapped else info.pixel_size_um
        super().__init__(
            replace(info, height=height, width=width, pixel_size_um=size, is_turned=True)
        )

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        if self._rows_back:
            rows = _mirrored(rows, self.info.height)
        if self._cols_back:
            cols = _mirrored(cols, self.info.width)
        where = (cols, rows) if self._swapped else (rows, cols)
        region = self._source.read_region(plane, *where)
        if self._swapped:
            region = region.transpose(1, 0, 2)
        back = (-1 if self._rows_back else 1, -1 if self._cols_back else 1)
        return np.ascontiguousarray(region[:: back[0], :: back[1]])

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def _mirrored(part: slice, length: int) -> slice:
    return slice(length - part.stop, length - part.start)


class PositionsSource(ImageSource):
    """Images of one shape in a file, one after the other, as pages of their own.

    Parameters
    ----------
    names : of the images, "" for one without
    """

    def __init__(self, sources: Sequence[ImageSource], names: Sequence[str]) -> None:
        self._sources = tuple(sources)
        self._n_each = sources[0].info.n_planes
        self.color_table = sources[0].color_table
        n_planes = len(sources) * self._n_each
        plane_names = tuple(names) if self._n_each == 1 and all(names) else ()
        info = replace(
            sources[0].info, plane_axes="I", plane_shape=(n_planes,), plane_names=plane_names
        )
        super().__init__(info)

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        number, inside = divmod(plane, self._n_each)
        return self._sources[number].read_region(inside, rows, cols)

    def close(self) -> None:
        """Close the file."""
        for source in self._sources:
            source.close()
