"""TIFF files read region by region: only the strips or tiles that a region touches are decoded.

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
from cellenhance.data.files.sources import (
    ALPHA_NAME,
    RGB_NAMES,
    ImageInfo,
    ImageSource,
    check_axes,
    check_eager_size,
    check_pixel_dtype,
    native,
    plane_layout,
)
from cellenhance.data.files.tiff_metadata import read_channel_names, read_pixel_size
from cellenhance.errors import ImageReadError

logger = logging.getLogger(__name__)
# tifffile reports damage through logging as well as by raising; our one line is enough.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_PALETTE = 3
_MOST_COMPRESSED = 100_000
"""More bytes a plane than this times the bytes in the file: the header is not believed."""


def open_tiff(path: Path, *, axes: str | None = None, channel: int | None = None) -> TiffSource:
    """Open the first image series of a TIFF file.

    Raises
    ------
    ImageReadError
        The file is truncated or damaged, or `axes` do not fit.
    """
    with _damage_named(path):
        file = tifffile.TiffFile(path)
    try:
        with _damage_named(path):
            return TiffSource(path, file, axes=axes, channel=channel)
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


class TiffSource(ImageSource):
    """One series of a TIFF file; see `ImageSource`."""

    def __init__(
        self, path: Path, file: Any, *, axes: str | None = None, channel: int | None = None
    ) -> None:
        self._path, self._file = path, file
        self._series = _choose_series(path, file)
        shape = tuple(int(n) for n in self._series.shape)
        if 0 in shape:
            raise ValueError(f"its header says {shape} pixels")
        labelled = check_axes(path, axes or _unique_axes(self._series.axes), shape)
        self._keyframe = self._series.keyframe
        page_ndim = len(self._keyframe.shape)
        self._page_axes = labelled[len(shape) - page_ndim :]
        self._page_grid = dict(
            zip(labelled[: len(shape) - page_ndim], shape[: len(shape) - page_ndim], strict=True)
        )
        self._lengths = dict(zip(labelled, shape, strict=True))
        self._planes = [a for a in labelled if a not in "YXCS"]
        self._map = _memory_map(path, self._series, shape)
        self._axes = labelled
        if self._map is None:
            self._check_pages()
        super().__init__(self._info(labelled, shape), channel)
        if self._keyframe.photometric == _PALETTE and self._keyframe.colormap is not None:
            self.color_table = (np.asarray(self._keyframe.colormap).T >> 8).astype(np.uint8)
        if self._keyframe.photometric == 0:
            logger.warning("%s: stores 0 as white; values are read as stored", path)

    def _info(self, axes: str, shape: tuple[int, ...]) -> ImageInfo:
        plane_axes, plane_shape = plane_layout(axes, shape)
        n_channels = self._lengths.get("C", self._lengths.get("S", 1))
        return ImageInfo(
            self._path,
            self._lengths["Y"],
            self._lengths["X"],
            n_channels,
            check_pixel_dtype(self._path, np.dtype(self._series.dtype)),
            plane_axes,
            plane_shape,
            read_pixel_size(self._file),
            self._channel_names(n_channels),
        )

    def _channel_names(self, n_channels: int) -> tuple[str, ...]:
        names = read_channel_names(self._file)
        if len(names) == n_channels:
            return names
        if self._keyframe.photometric in (2, 6) and n_channels in (3, 4):
            return (*RGB_NAMES, ALPHA_NAME)[:n_channels]
        if n_channels == 2 and self._keyframe.extrasamples[:1] in ((1,), (2,)):
            return ("grey", ALPHA_NAME)
        return ()

    def _check_pages(self) -> None:
        """Refuse headers that claim more than the file can hold, before memory is asked for."""
        page = self._keyframe
        if "Y" not in self._page_axes or "X" not in self._page_axes or page.imagedepth != 1:
            raise ValueError(f"axes {self._axes} put image rows across pages")
        rows, cols = self._segment_shape()
        check_eager_size(self._path, (rows, cols), page.samplesperpixel * page.dtype.itemsize)
        self._check_segments(page)
        if page.nbytes > _MOST_COMPRESSED * max(1, sum(page.databytecounts)):
            raise ValueError(
                f"its header says {page.nbytes} bytes, {sum(page.databytecounts)} are there"
            )
        if page.compression == 1 and page.nbytes > 8 * max(1, sum(page.databytecounts)):
            raise ValueError("it holds fewer bytes than its size needs")

    def _check_segments(self, page: Any) -> None:
        """Raise ValueError unless all segments of a page lie within the file."""
        offsets = np.asarray(page.dataoffsets, dtype=np.uint64)
        counts = np.asarray(page.databytecounts, dtype=np.uint64)
        n_expected = self._segments_down * self._segments_across * self._separate_samples
        if len(offsets) < n_expected or len(counts) < n_expected:
            raise ValueError(f"{len(offsets)} strips or tiles, expected {n_expected}")
        end = int((offsets + counts).max())
        if end > self._file.filehandle.size:
            raise ValueError(f"pixels up to byte {end}, but it has {self._file.filehandle.size}")

    def _segment_shape(self) -> tuple[int, int]:
        page = self._keyframe
        if page.is_tiled:
            return int(page.tilelength), int(page.tilewidth)
        return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)

    @property
    def _segments_down(self) -> int:
        return math.ceil(int(self._keyframe.imagelength) / self._segment_shape()[0])

    @property
    def _segments_across(self) -> int:
        return math.ceil(int(self._keyframe.imagewidth) / self._segment_shape()[1])

    @property
    def _separate_samples(self) -> int:
        page = self._keyframe
        return int(page.samplesperpixel) if page.planarconfig == 2 else 1

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
        page = self._series.pages[index]
        dtype = native(np.empty(0, self._keyframe.dtype)).dtype
        shape = (rows.stop - rows.start, cols.stop - cols.start, self._keyframe.samplesperpixel)
        region = np.zeros(shape, dtype)
        if page is None or 0 in shape:  # a page left out of an OME file is empty
            return region
        self._check_segments(page)
        for segment in self._touched(rows, cols):
            self._paste(page, segment, region, (rows.start, cols.start))
        return region

    def _touched(self, rows: slice, cols: slice) -> Iterator[int]:
        height, width = self._segment_shape()
        per_sample = self._segments_down * self._segments_across
        for sample in range(self._separate_samples):
            for y in range(rows.start // height, (rows.stop - 1) // height + 1):
                for x in range(cols.start // width, (cols.stop - 1) // width + 1):
                    yield sample * per_sample + y * self._segments_across + x

    def _paste(
        self, page: Any, segment: int, region: NDArray[Any], origin: tuple[int, int]
    ) -> None:
        """Decode one strip or tile and put what overlaps into `region`."""
        handle = self._file.filehandle
        handle.seek(page.dataoffsets[segment])
        data = handle.read(page.databytecounts[segment])
        tables = {"jpegtables": self._keyframe.jpegtables} if self._keyframe.jpegtables else {}
        decoded, place, extent = self._keyframe.decode(data, segment, **tables)
        if decoded is None:
            return
        pixels = native(decoded.reshape(decoded.shape[-3:]))
        top, left = place[2] - origin[0], place[3] - origin[1]
        height = min(extent[1], self._keyframe.imagelength - place[2])
        width = min(extent[2], self._keyframe.imagewidth - place[3])
        down = slice(max(top, 0), min(top + height, region.shape[0]))
        across = slice(max(left, 0), min(left + width, region.shape[1]))
        samples = slice(place[0], place[0] + 1) if self._separate_samples > 1 else slice(None)
        region[down, across, samples] = pixels[
            down.start - top : down.stop - top, across.start - left : across.stop - left
        ]

    def close(self) -> None:
        """Close the file."""
        self._map = None
        self._file.close()


def _choose_series(path: Path, file: Any) -> Any:
    # Counted first, a chain of pages that turns back on itself ends; `series` alone would not.
    if not len(file.pages) or not file.series:
        raise ValueError("it holds no image")
    if len(file.series) > 1:
        sizes = [" x ".join(map(str, s.shape)) for s in file.series[:4]]
        logger.warning(
            "%s: holds %d images of different shape (%s); only the first is read",
            path,
            len(file.series),
            ", ".join(sizes),
        )
    return file.series[0]


def _unique_axes(axes: str) -> str:
    """Return tifffile's letters with unnamed and repeated ones replaced by free letters."""
    free = [letter for letter in "IJKLMNOPQR" if letter not in axes]
    unique = ""
    for letter in axes:
        unique += free.pop(0) if letter in unique or letter == "Q" else letter
    return unique


def _memory_map(path: Path, series: Any, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Return uncompressed contiguous pixels as a map of the file, None for any other."""
    offset = series.dataoffset
    if offset is None or series.keyframe.dtype is None:
        return None
    dtype = np.dtype(series.keyframe.parent.byteorder + series.dtype.char)
    n_bytes = math.prod(shape) * dtype.itemsize
    size = path.stat().st_size
    if offset + n_bytes > size:
        raise ValueError(f"pixels up to byte {offset + n_bytes}, but it has {size}")
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)
