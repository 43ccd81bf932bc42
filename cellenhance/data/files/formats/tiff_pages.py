"""Regions of single TIFF pages: only the strips or tiles that a region touches are decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.sources import check_eager_size, native

_MOST_COMPRESSED = 100_000
"""More bytes a page than this times the bytes in the file: the header is not believed."""


def check_page(path: Path, page: Any) -> None:
    """Refuse a header that claims more than the file can hold, before memory is asked for.

    Raises
    ------
    ImageReadError
        A strip or tile is larger than what is decoded in one piece.
    ValueError
        The header cannot be true; the message says why.
    """
    if page.imagedepth != 1:
        raise ValueError("it puts image rows across pages")
    check_eager_size(path, _segment_shape(page), page.samplesperpixel * page.dtype.itemsize)
    _check_segments(page)
    if page.nbytes > _MOST_COMPRESSED * max(1, sum(page.databytecounts)):
        raise ValueError(
            f"its header says {page.nbytes} bytes, {sum(page.databytecounts)} are there"
        )
    if page.compression == 1 and page.nbytes > 8 * max(1, sum(page.databytecounts)):
        raise ValueError("it holds fewer bytes than its size needs")


def read_page(page: Any, rows: slice, cols: slice) -> ImageArray:
    """Return a region (h, w, samples) of a page; ValueError when its strips leave the file.

    Parameters
    ----------
    page : a page or frame of tifffile, whose file is open
    rows, cols : within the page, step 1
    """
    keyframe = page.keyframe
    shape = (rows.stop - rows.start, cols.stop - cols.start, int(keyframe.samplesperpixel))
    region = np.zeros(shape, native(np.empty(0, keyframe.dtype)).dtype)
    if 0 not in shape:
        _check_segments(page)
        for segment in _touched(keyframe, rows, cols):
            paste_segment(page, segment, region, (rows.start, cols.start))
    return region


def paste_segment(page: Any, segment: int, region: NDArray[Any], origin: tuple[int, int]) -> None:
    """Decode one strip or tile of a page and put what overlaps into `region`."""
    keyframe, handle = page.keyframe, page.parent.filehandle
    handle.seek(page.dataoffsets[segment])
    data = handle.read(page.databytecounts[segment])
    tables = {"jpegtables": keyframe.jpegtables} if keyframe.jpegtables else {}
    decoded, place, extent = keyframe.decode(data, segment, **tables)
    if decoded is None:
        return
    pixels = native(decoded.reshape(decoded.shape[-3:]))
    top, left = place[2] - origin[0], place[3] - origin[1]
    height = min(extent[1], keyframe.imagelength - place[2])
    width = min(extent[2], keyframe.imagewidth - place[3])
    down = slice(max(top, 0), min(top + height, region.shape[0]))
    across = slice(max(left, 0), min(left + width, region.shape[1]))
    samples = slice(place[0], place[0] + 1) if _separate_samples(keyframe) > 1 else slice(None)
    region[down, across, samples] = pixels[
        down.start - top : down.stop - top, across.start - left : across.stop - left
    ]


def _touched(keyframe: Any, rows: slice, cols: slice) -> Iterator[int]:
    height, width = _segment_shape(keyframe)
    down, across = _segments(keyframe)
    for sample in range(_separate_samples(keyframe)):
        for y in range(rows.start // height, (rows.stop - 1) // height + 1):
            for x in range(cols.start // width, (cols.stop - 1) // width + 1):
                yield sample * down * across + y * across + x


def _check_segments(page: Any) -> None:
    """Raise ValueError unless all segments of a page lie within its file."""
    offsets = np.asarray(page.dataoffsets, dtype=np.uint64)
    counts = np.asarray(page.databytecounts, dtype=np.uint64)
    n_expected = math.prod(_segments(page.keyframe)) * _separate_samples(page.keyframe)
    if len(offsets) < n_expected or len(counts) < n_expected:
        raise ValueError(f"{len(offsets)} strips or tiles, expected {n_expected}")
    end, size = int((offsets + counts).max()), page.parent.filehandle.size
    if end > size:
        raise ValueError(f"pixels up to byte {end}, but it has {size}")


def _segment_shape(keyframe: Any) -> tuple[int, int]:
    if keyframe.is_tiled:
        return int(keyframe.tilelength), int(keyframe.tilewidth)
    rows = min(int(keyframe.rowsperstrip), int(keyframe.imagelength))
    return rows, int(keyframe.imagewidth)


def _segments(keyframe: Any) -> tuple[int, int]:
    """Return how many strips or tiles lie below and beside each other."""
    height, width = _segment_shape(keyframe)
    down = math.ceil(int(keyframe.imagelength) / height)
    return down, math.ceil(int(keyframe.imagewidth) / width)


def _separate_samples(keyframe: Any) -> int:
    return int(keyframe.samplesperpixel) if keyframe.planarconfig == 2 else 1
