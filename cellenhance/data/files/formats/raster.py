"""PNG, JPEG, BMP and .npy files as (planes, H, W, C) arrays, decoded in one piece.

The size that a header states is checked before anything is decoded.
"""

from __future__ import annotations

import struct
import tokenize
import warnings
from pathlib import Path
from typing import Any

import imagecodecs
import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from cellenhance.data.files.formats.orientation import orientation_of
from cellenhance.data.files.sources import (
    ALPHA_NAME,
    RGB_NAMES,
    ArraySource,
    ImageInfo,
    check_axes,
    check_eager_size,
    check_pixel_dtype,
    plane_layout,
)
from cellenhance.errors import ImageReadError

_SAMPLE_NAMES: dict[int, tuple[str, ...]] = {
    1: (),
    2: ("grey", ALPHA_NAME),
    3: RGB_NAMES,
    4: (*RGB_NAMES, ALPHA_NAME),
}
NPY_FAILURES = (ValueError, OSError, EOFError, OverflowError, SyntaxError, tokenize.TokenError)
"""What NumPy raises on a damaged .npy file."""
_PNG_PALETTE = 3
_BMP_PALETTE_BITS = (4, 8)
_MOST_CHANNELS_LAST = 4


def open_raster(
    path: Path, kind: str, *, channel: int | None = None, keep_indices: bool = False
) -> ArraySource:
    """Open a PNG, JPEG or BMP file (`kind`); palettes become colours unless `keep_indices`.

    Raises
    ------
    ImageReadError
        The file is truncated, damaged, too large, or has colours other than grey and RGB.
    """
    data = path.read_bytes()
    try:
        height, width = _STATED_SIZE[kind](data)
        check_eager_size(path, (height, width, 4), 2)
        array = _decode(data, kind, keep_indices)
    except (ValueError, RuntimeError, OSError, SyntaxError, struct.error, IndexError) as error:
        raise ImageReadError(
            f"{path}: is a damaged or truncated {kind} file ({_first_line(error)}); "
            "copy it again from its source"
        ) from error
    array = array[..., None] if array.ndim == 2 else array
    n_channels = array.shape[2]
    if kind == "JPEG" and n_channels == 4:
        raise ImageReadError(f"{path}: is a CMYK JPEG; expected grey or RGB, convert it")
    info = ImageInfo(
        path,
        array.shape[0],
        array.shape[1],
        n_channels,
        array.dtype,
        channel_names=_SAMPLE_NAMES[n_channels],
        orientation=orientation_of(data, kind),
    )
    return ArraySource(info, array[None], channel)


def open_npy(path: Path, *, axes: str | None = None, channel: int | None = None) -> ArraySource:
    """Open a ``.npy`` array memory-mapped; pickled objects are refused.

    Without `axes`, 2 dimensions are YX; 3 are YXC when the last is at most 4, else pages (IYX).
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except NPY_FAILURES as error:
        raise ImageReadError(
            f"{path}: is a .npy file that cannot be read ({_first_line(error)}); expected a "
            "complete array of numbers, not of Python objects"
        ) from error
    dtype = check_pixel_dtype(path, array.dtype)
    if array.size == 0 or array.ndim < 2 or (array.ndim > 3 and axes is None):
        raise ImageReadError(
            f"{path}: holds an array of shape {array.shape}; expected (H, W), (H, W, C) or pages, "
            "name the axes of any other (--axes)"
        )
    letters = check_axes(path, axes or _guess_axes(array.shape), array.shape)
    plane_axes, plane_shape = plane_layout(letters, array.shape)
    channel_axis = "C" if "C" in letters else "S"
    order = [i for i, letter in enumerate(letters) if letter not in "YXCS"]
    order += [letters.index(letter) for letter in "YX" + channel_axis if letter in letters]
    planes = array.transpose(order)
    planes = planes if channel_axis in letters else planes[..., None]
    height, width, n_channels = planes.shape[-3:]
    info = ImageInfo(path, height, width, n_channels, dtype, plane_axes, plane_shape)
    return ArraySource(info, _PlaneView(planes), channel)  # type: ignore[arg-type]


class _PlaneView:
    """Leading axes counted as one without copying a memory map."""

    def __init__(self, planes: NDArray[Any]) -> None:
        self._planes = planes

    def __getitem__(self, key: tuple[Any, ...]) -> NDArray[Any]:
        plane, *region = key
        leading = self._planes.shape[:-3]
        where = np.unravel_index(plane, leading) if leading else ()
        region_of: NDArray[Any] = self._planes[(*where, *region)]
        return region_of


def _guess_axes(shape: tuple[int, ...]) -> str:
    if len(shape) == 2:
        return "YX"
    return "YXC" if shape[-1] <= _MOST_CHANNELS_LAST else "IYX"


def _decode(data: bytes, kind: str, keep_indices: bool) -> NDArray[Any]:
    has_palette = (kind == "PNG" and data[25] == _PNG_PALETTE) or (
        kind == "BMP" and int.from_bytes(data[28:30], "little") in _BMP_PALETTE_BITS
    )
    if kind == "PNG" and not (keep_indices and has_palette):
        png: NDArray[Any] = imagecodecs.png_decode(data)
        return png
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's size warning: our own limit is checked
        mode = "P" if keep_indices and has_palette else None
        array: NDArray[Any] = np.asarray(iio.imread(data, plugin="pillow", mode=mode, index=0))
    return array.astype(np.uint8) * 255 if array.dtype == np.bool_ else array


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", data[16:24])
    return _positive(height, width)


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack("<ii", data[18:26])
    return _positive(abs(height), width)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Size from the first start-of-frame segment."""
    at = 2
    while at + 9 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF or length < 2:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return _positive(height, width)
        at += 2 + length
    raise ValueError("it has no frame header")


def _positive(height: int, width: int) -> tuple[int, int]:
    if height < 1 or width < 1:
        raise ValueError(f"its header says {height} x {width} pixels")
    return height, width


_STATED_SIZE = {"PNG": _png_size, "BMP": _bmp_size, "JPEG": _jpeg_size}


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
