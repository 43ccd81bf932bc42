"""TIFF files: which of their images are read, and regions of them.

Axes come from OME or ImageJ metadata; pages without labels are independent planes. Samples (RGB)
and the C axis are channels. Palette files are read as their indices.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.formats.ome_set import OmeSet
from cellenhance.data.files.formats.tiff_metadata import read_channel_names, read_pixel_size
from cellenhance.data.files.formats.tiff_pages import check_page, read_page
from cellenhance.data.files.formats.tiff_stacks import PageStack, common_mark, stacks_of
from cellenhance.data.files.series import SeriesFacts, choose_series
from cellenhance.data.files.sources import (
    ALPHA_NAME,
    RGB_NAMES,
    ImageInfo,
    ImageSource,
    check_axes,
    check_pixel_dtype,
    native,
    plane_layout,
)
from cellenhance.errors import ImageReadError

logger = logging.getLogger(__name__)
# tifffile reports damage through logging as well as by raising; our one line is enough.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_PALETTE = 3


def open_tiff(
    path: Path,
    *,
    axes: str | None = None,
    channel: int | None = None,
    series: str | None = None,
    is_mask: bool = False,
) -> tuple[TiffSource, ...]:
    """Open the images of a TIFF file: those like the first, or the one of `series`.

    Of a mask `series` counts only where the file holds several images.

    Raises
    ------
    ImageReadError
        The file is truncated or damaged, `axes` do not fit, or no image is `series`.
    """
    with _damage_named(path):
        file = _OpenTiff(path)
    try:
        with _damage_named(path):
            stacks = file.stacks()
            facts = [
                SeriesFacts(each.name, each.shape, (each.axes, each.keyframe.dtype))
                for each in stacks
            ]
            asked = None if is_mask and len(facts) == 1 else series
            chosen = choose_series(path, facts, asked)
            return tuple(TiffSource(path, file, stacks[n], axes, channel) for n in chosen)
    except BaseException:
        file.close()
        raise


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises on hostile bytes into one line."""
    try:
        yield
    except (ImageReadError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise ImageReadError(
            f"{path}: is a damaged, truncated or unsupported TIFF file ({reason}); "
            "copy it again from its source or save it with deflate compression"
        ) from error


def _open_alone(path: Path, **flags: bool) -> Any:
    """Open a TIFF file and none that it names, or whose name is like its own."""
    return tifffile.TiffFile(path, _multifile=False, is_mmstack=False, is_ndtiff=False, **flags)


class _OpenTiff:
    """An open file, with those of its OME set that its pixels need."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tiff = _open_alone(path)
        self._set = OmeSet(path, self.tiff, _open_alone)

    def stacks(self) -> tuple[PageStack, ...]:
        """Return the images whose planes are read from this file."""
        # Counted first, a chain of pages that turns back on itself ends.
        if not len(self.tiff.pages):
            raise ValueError("it holds no image")
        stacks = self._set.stacks()
        if stacks is None and self._set.is_unreadable:
            # tifffile would take the pages of this file for those of all others.
            self.tiff.close()
            self.tiff = _open_alone(self._path, is_ome=False)
        return stacks or stacks_of(self.tiff)

    def close(self) -> None:
        """Close all files."""
        self._set.close()
        self.tiff.close()


class TiffSource(ImageSource):
    """One image of a TIFF file; see `ImageSource`."""

    def __init__(
        self,
        path: Path,
        file: _OpenTiff,
        stack: PageStack,
        axes: str | None = None,
        channel: int | None = None,
    ) -> None:
        self._path, self._file, self._stack = path, file, stack
        self._axes = check_axes(path, axes or stack.axes, stack.shape)
        self._lengths = dict(zip(self._axes, stack.shape, strict=True))
        n_leading = len(stack.shape) - len(stack.keyframe.shape)
        self._page_grid = {a: self._lengths[a] for a in self._axes[:n_leading]}
        self._planes = [a for a in self._axes if a not in "YXCS"]
        self._map = _memory_map(path, stack)
        if self._map is None:
            if not {"Y", "X"} <= set(self._axes[n_leading:]):
                raise ValueError(f"axes {self._axes} put image rows across pages")
            check_page(path, stack.keyframe)
        super().__init__(self._info(), channel)
        self.name = stack.name
        self.is_shown_as_stored = file.tiff.is_ome or file.tiff.is_imagej
        if stack.keyframe.photometric == _PALETTE and stack.keyframe.colormap is not None:
            self.color_table = (np.asarray(stack.keyframe.colormap).T >> 8).astype(np.uint8)
        if stack.keyframe.photometric == 0:
            logger.warning("%s: stores 0 as white; values are read as stored", path)

    def _info(self) -> ImageInfo:
        stack = self._stack
        plane_axes, plane_shape = plane_layout(self._axes, stack.shape)
        n_channels = self._lengths.get("C", self._lengths.get("S", 1))
        return ImageInfo(
            self._path,
            self._lengths["Y"],
            self._lengths["X"],
            n_channels,
            check_pixel_dtype(self._path, np.dtype(stack.keyframe.dtype)),
            plane_axes,
            plane_shape,
            read_pixel_size(self._file.tiff, stack.keyframe, stack.ome),
            self._channel_names(n_channels),
            orientation=common_mark(stack),
        )

    def _channel_names(self, n_channels: int) -> tuple[str, ...]:
        names = read_channel_names(self._file.tiff, self._stack.ome)
        kept = self._stack.channels
        if kept is not None and max(kept) < len(names):
            names = tuple(names[channel] for channel in kept)
        if len(names) == n_channels:
            return names
        keyframe = self._stack.keyframe
        if keyframe.photometric in (2, 6) and n_channels in (3, 4):
            return (*RGB_NAMES, ALPHA_NAME)[:n_channels]
        if n_channels == 2 and keyframe.extrasamples[:1] in ((1,), (2,)):
            return ("grey", ALPHA_NAME)
        return ()

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        lengths = [self._lengths[a] for a in self._planes]
        where = dict(zip(self._planes, np.unravel_index(plane, lengths), strict=True))
        with _damage_named(self._path):
            if self._map is not None:
                return self._read_map(where, rows, cols)
            if "C" in self._page_grid:
                pages = [
                    self._read_page({**where, "C": c}, rows, cols)
                    for c in range(*self._channels.indices(self._all_channels))
                ]
                return np.concatenate(pages, axis=2)
            return self._read_page(where, rows, cols)[:, :, self._channels]

    def _read_map(self, where: dict[str, Any], rows: slice, cols: slice) -> ImageArray:
        assert self._map is not None
        parts = {**where, "Y": rows, "X": cols, "C": self._channels, "S": self._channels}
        region = self._map[tuple(parts[a] for a in self._axes)]
        left = [a for a in self._axes if a in "YXCS"]
        region = region.transpose([left.index(a) for a in "YXCS" if a in left])
        return native(np.array(region if region.ndim == 3 else region[..., None]))

    def _read_page(self, where: dict[str, Any], rows: slice, cols: slice) -> ImageArray:
        """Return a region of one page with all its samples."""
        index = 0
        for letter, length in self._page_grid.items():
            index = index * length + int(where[letter])
        page, first = self._stack.pages[index], self._stack.keyframe
        if (page.keyframe.shape, page.keyframe.dtype) != (first.shape, first.dtype):
            raise ValueError(f"page {page.index} differs from the first in size or type")
        return read_page(page, rows, cols)

    def close(self) -> None:
        """Close the file."""
        self._map = None
        self._file.close()


def _memory_map(path: Path, stack: PageStack) -> NDArray[Any] | None:
    """Return uncompressed contiguous pixels as a map of the file, None for any other."""
    if stack.offset is None or stack.keyframe.dtype is None:
        return None
    dtype = np.dtype(stack.keyframe.parent.byteorder + stack.keyframe.dtype.char)
    n_bytes = math.prod(stack.shape) * dtype.itemsize
    size = path.stat().st_size
    if stack.offset + n_bytes > size:
        raise ValueError(f"pixels up to byte {stack.offset + n_bytes}, but it has {size}")
    return np.memmap(path, dtype=dtype, mode="r", offset=stack.offset, shape=stack.shape)
