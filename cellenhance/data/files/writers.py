"""The kinds of files that the program writes; images are lossless deflate TIFF.

Each is complete or absent: see `cellenhance/data/files/storage.py`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray, MaskArray, check_image
from cellenhance.data.files.storage import replacing
from cellenhance.pixel_size import PixelSize, pixel_sides, write_pixel_size
from cellenhance.texts import csv_cell, escape_surrogates

LARGEST_CLASSIC_TIFF = 2**32 - 2**25
_RGB_PHOTOMETRIC_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16))


def write_image(
    path: Path,
    image: ImageArray,
    *,
    pixel_size_um: PixelSize | None = None,
    channel_names: Sequence[str] = (),
) -> None:
    """Write a (H, W, C) image of any dtype as deflate TIFF; `read_image` returns it unchanged."""
    check_image(image)
    n_channels = image.shape[2]
    is_rgb = n_channels == 3 and image.dtype in _RGB_PHOTOMETRIC_DTYPES
    options: dict[str, Any] = {"photometric": "rgb" if is_rgb else "minisblack"}
    if n_channels > 1:
        options["planarconfig"] = "contig"
    if n_channels > 1 and not is_rgb:
        options["extrasamples"] = ["unspecified"] * (n_channels - 1)
    metadata: dict[str, Any] = {"channel_names": list(channel_names)} if channel_names else {}
    pixels = image if n_channels > 1 else image[..., 0]
    _write_plain(path, pixels, pixel_size_um, metadata, options)


def write_mask(path: Path, mask: MaskArray, *, pixel_size_um: PixelSize | None = None) -> None:
    """Write (H, W) uint8 class indices as deflate TIFF without a colour table."""
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"a mask is (H, W) uint8, not {mask.shape} {mask.dtype}")
    _write_plain(path, mask, pixel_size_um, {}, {"photometric": "minisblack"})


def _write_plain(
    path: Path,
    pixels: NDArray[Any],
    pixel_size_um: PixelSize | None,
    metadata: dict[str, Any],
    options: dict[str, Any],
) -> None:
    with (
        replacing(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=pixels.nbytes > LARGEST_CLASSIC_TIFF) as tiff,
    ):
        tiff.write(
            np.ascontiguousarray(pixels),
            compression="zlib",
            metadata={**metadata, **_size_metadata(pixel_size_um)},
            **resolution_tags(pixel_size_um),
            **options,
        )


def write_mask_tiles(  # noqa: PLR0913 - the facts of a stack, all by name
    path: Path,
    tiles: Iterator[MaskArray],
    *,
    plane_axes: str,
    plane_shape: Sequence[int],
    height: int,
    width: int,
    tile_px: int,
    pixel_size_um: PixelSize | None = None,
) -> None:
    """Write masks tile by tile; memory holds one tile.

    Parameters
    ----------
    tiles : uint8 class indices, plane after plane, row-major within a plane; tiles at the right
        and bottom edge may be cropped to the image or padded to the full side
    plane_axes, plane_shape : as in `ImageInfo`; T and Z become OME metadata, "I" plain pages
    tile_px : side of a tile, a multiple of 16

    Raises
    ------
    ValueError
        `tile_px` is no multiple of 16 or a tile has another dtype or size.
    """
    if tile_px < 16 or tile_px % 16:
        raise ValueError(f"tiles of {tile_px} px: TIFF needs a multiple of 16")
    shape = (*plane_shape, height, width)
    is_ome = bool(plane_axes) and set(plane_axes) <= {"T", "Z"}
    metadata: dict[str, Any] = {"axes": plane_axes + "YX"} if is_ome else {}
    if is_ome and pixel_size_um:
        high_um, wide_um = pixel_sides(pixel_size_um)
        metadata |= {"PhysicalSizeX": wide_um, "PhysicalSizeY": high_um}
        metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    elif not is_ome:
        metadata |= _size_metadata(pixel_size_um)
    large = int(np.prod(shape, dtype=np.int64)) > LARGEST_CLASSIC_TIFF
    with (
        replacing(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=large, ome=is_ome) as tiff,
    ):
        tiff.write(
            (_padded_tile(tile, tile_px) for tile in tiles),
            shape=shape,
            dtype=np.uint8,
            tile=(tile_px, tile_px),
            photometric="minisblack",
            compression="zlib",
            metadata=metadata,
            maxworkers=1,
            **resolution_tags(pixel_size_um),
        )


def _padded_tile(tile: MaskArray, tile_px: int) -> MaskArray:
    if tile.dtype != np.uint8 or tile.ndim != 2 or max(tile.shape) > tile_px:
        raise ValueError(f"expected uint8 tiles of up to {tile_px} px, not {tile.shape}")
    down, right = (tile_px - side for side in tile.shape)
    return np.pad(tile, ((0, down), (0, right))) if down or right else tile


def _size_metadata(pixel_size_um: PixelSize | None) -> dict[str, Any]:
    return {} if pixel_size_um is None else {"pixel_size_um": write_pixel_size(pixel_size_um)}


def resolution_tags(pixel_size_um: PixelSize | None) -> dict[str, Any]:
    """Return the resolution tags that Fiji and others read: pixels a centimetre, x before y."""
    if pixel_size_um is None:
        return {}
    height, width = pixel_sides(pixel_size_um)
    return {"resolution": (10_000.0 / width, 10_000.0 / height), "resolutionunit": "CENTIMETER"}


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends; bytes of file names that are not UTF-8 as they are."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


def write_json(path: Path, value: Any, *, indent: int | None = 2) -> None:
    """Write `value` as JSON; NaN must be None already (ValueError otherwise)."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    write_text(path, escape_surrogates(text) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a comma-separated table; a text that looks like a formula gets an apostrophe.

    Cells with commas, quotes or line ends are quoted.
    """
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows([csv_cell(cell) for cell in row] for row in rows)


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) or (H, W) uint8 as PNG."""
    with replacing(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(rgb)))
