"""What an opened image is, whatever its file format: its facts and rectangular reads.

This module knows no file format; `readers` opens files, each of `formats` decodes one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.errors import ImageReadError
from cellenhance.pixel_size import PixelSize
from cellenhance.texts import counted

RGB_NAMES = ("red", "green", "blue")
ALPHA_NAME = "alpha"
MAX_EAGER_BYTES = 2 * 1024**3
"""Largest image, or single strip or tile of one, that is decoded in one piece (2 GiB)."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """The facts of one image file.

    Attributes
    ----------
    plane_axes : "" for a single plane, else letters in file order: T, Z, TZ, ZT, or I for
        unlabelled pages, which are independent images
    plane_shape : one length for each letter of `plane_axes`
    pixel_size_um : side of a pixel in um, or height and width, None when the file does not say
    channel_names : empty, or one name a channel (red, green, blue, alpha for colour samples)
    is_projected : each plane is made of several Z planes
    plane_names : empty, or a name for each plane, such as positions have
    orientation : EXIF mark from 1 (none) to 8, 0 for pages that differ; `is_turned` says that
        pixels are as it says
    """

    path: Path
    height: int
    width: int
    channels: int
    dtype: np.dtype[Any]
    plane_axes: str = ""
    plane_shape: tuple[int, ...] = ()
    pixel_size_um: PixelSize | None = None
    channel_names: tuple[str, ...] = ()
    is_projected: bool = False
    plane_names: tuple[str, ...] = ()
    orientation: int = 1
    is_turned: bool = False

    @property
    def n_planes(self) -> int:
        """Number of (H, W, C) planes; 1 for an ordinary image."""
        return int(np.prod(self.plane_shape, dtype=np.int64))

    @property
    def size_text(self) -> str:
        """Height and width in words, with what its orientation mark has to do with them."""
        size = f"{self.height} x {self.width} pixels"
        if self.orientation == 1:
            return size
        how = "turned as" if self.is_turned else "as stored, whatever"
        return f"{size} ({how} its orientation mark {self.orientation} says)"


class ImageSource(ABC):
    """An open image; a context manager that closes its file.

    Planes count from 0 in the order of `ImageInfo.plane_axes`, the last axis fastest.

    Attributes
    ----------
    color_table : (N, 3) uint8 colours of the indices that a palette TIFF is read as, else None
    keeps_missing : regions may have NaN and infinite pixels, which are refused otherwise
    name : of the image in a file of several, "" where it has none
    is_shown_as_stored : the program that wrote the file shows it without looking at its
        orientation mark
    """

    color_table: NDArray[np.uint8] | None = None
    keeps_missing = False
    name = ""
    is_shown_as_stored = False

    def __init__(self, info: ImageInfo, channel: int | None = None) -> None:
        if channel is not None and not 0 <= channel < info.channels:
            raise ImageReadError(
                f"{info.path}: channel {channel} was asked for, but it has "
                f"{counted(info.channels, 'channel')}, counted from 0; "
                f"choose one of 0 to {info.channels - 1}"
            )
        self._all_channels = info.channels
        self._channels = slice(0, info.channels) if channel is None else slice(channel, channel + 1)
        names = info.channel_names[self._channels] if channel is None else ()
        self.info = replace(
            info,
            channels=info.channels if channel is None else 1,
            channel_names=names if len(names) > 1 else (),
        )

    def read_region(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        """Return a rectangle of one plane.

        Parameters
        ----------
        plane : 0 to n_planes - 1
        rows, cols : slices of step 1, cut at the image border

        Returns
        -------
        (h, w, C) array in the dtype of the file, in native byte order

        Raises
        ------
        ImageReadError
            The file is damaged there, or floats are NaN or infinite.
        """
        if not 0 <= plane < self.info.n_planes:
            raise ImageReadError(
                f"{self.info.path}: plane {plane} was asked for, but it has {self.info.n_planes}"
            )
        top, bottom, row_step = rows.indices(self.info.height)
        left, right, col_step = cols.indices(self.info.width)
        if (row_step, col_step) != (1, 1):
            raise ValueError("regions are read with step 1")
        region = self._read(plane, slice(top, max(top, bottom)), slice(left, max(left, right)))
        if not self.keeps_missing:
            self._check_finite(region)
        return region

    def read_plane(self, plane: int = 0) -> ImageArray:
        """Return one whole plane as a (H, W, C) array; errors as in `read_region`."""
        return self.read_region(plane, slice(None), slice(None))

    @abstractmethod
    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        """Return the region (h, w, C); the slices are within the image."""

    def close(self) -> None:  # noqa: B027 - sources without a file have nothing to close
        """Close the file; reading is over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_finite(self, region: ImageArray) -> None:
        if region.dtype.kind == "f" and not np.isfinite(region).all():
            n_bad = int(region.size - np.count_nonzero(np.isfinite(region)))
            raise ImageReadError(
                f"{self.info.path}: {n_bad} of {region.size} pixels are NaN or infinite; "
                "expected finite values, replace them (dataset prepare: or give --nan ignore)"
            )


class ArraySource(ImageSource):
    """An image that is an array already: (planes, H, W, C), in memory or memory-mapped."""

    def __init__(self, info: ImageInfo, planes: NDArray[Any], channel: int | None = None) -> None:
        super().__init__(info, channel)
        self._planes = planes

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        return native(np.array(self._planes[plane, rows, cols, self._channels]))


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array` with native byte order, booleans as uint8 0/1."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_pixel_dtype(path: Path, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that reads will have, or refuse anything but integers and real floats."""
    if dtype.kind not in "buif":
        raise ImageReadError(
            f"{path}: holds {dtype} values; expected integer or real floating point pixels"
        )
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def check_eager_size(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Raise ImageReadError when decoding `shape` in one piece would need too much memory."""
    n_bytes = int(np.prod([int(n) for n in shape], dtype=object)) * itemsize
    if n_bytes > MAX_EAGER_BYTES:
        raise ImageReadError(
            f"{path}: its header says {' x '.join(map(str, shape))}, {n_bytes / 1024**3:.1f} GiB "
            f"in one piece; the limit is {MAX_EAGER_BYTES / 1024**3:.0f} GiB, "
            "save it as a tiled TIFF"
        )


def plane_layout(axes: str, shape: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """Return `plane_axes` and `plane_shape` of the axes that are not Y, X, C or S.

    T and Z keep their names; anything else makes all planes independent pages ("I").
    """
    letters = [(a, int(n)) for a, n in zip(axes, shape, strict=True) if a not in "YXCS"]
    letters = [(a, n) for a, n in letters if n != 1]
    if not letters:
        return "", ()
    names = "".join(a for a, _ in letters)
    lengths = tuple(n for _, n in letters)
    if set(names) <= {"T", "Z"} and len(set(names)) == len(names):
        return names, lengths
    return "I", (int(np.prod(lengths, dtype=np.int64)),)


def check_axes(path: Path, axes: str, shape: Sequence[int]) -> str:
    """Return `axes` in capitals, or raise when they do not fit an array of `shape`."""
    axes = axes.upper()
    if len(axes) != len(shape) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise ImageReadError(
            f"{path}: axes '{axes}' do not fit its shape {tuple(int(n) for n in shape)}; give each "
            "axis a letter of its own, with Y and X (T time, Z depth, C channel, I other pages)"
        )
    if {"C", "S"} <= set(axes):
        raise ImageReadError(f"{path}: axes '{axes}' name channels twice (C and S); use one")
    return axes
