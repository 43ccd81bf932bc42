"""Images of an export: PNG where that keeps every value and everybody reads it, else TIFF."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.dataset.manifest import DatasetDescription
from cellenhance.data.files.writers import write_image, write_png

_LOW, _HIGH = 0.1, 99.8
"""Percentiles that become black and white in a picture to look at."""


def is_simple(image: ImageArray) -> bool:
    """Tell whether an image is 8-bit grey or RGB, as PNG has it."""
    return image.dtype == np.uint8 and image.shape[2] in (1, 3)


def write_simple_image(
    folder: Path, stem: str, image: ImageArray, description: DatasetDescription
) -> str:
    """Write 8-bit grey or RGB as PNG, all else as TIFF; return the file name."""
    if not is_simple(image):
        return write_tiff(folder, stem, image, description)
    name = f"{stem}.png"
    write_png(folder / name, image[..., 0] if image.shape[2] == 1 else image)
    return name


def write_tiff(folder: Path, stem: str, image: ImageArray, description: DatasetDescription) -> str:
    """Write a TIFF with pixel size and channel names; return the file name."""
    name = f"{stem}.tif"
    write_image(
        folder / name,
        image,
        pixel_size_um=description.pixel_size_um,
        channel_names=description.channel_names,
    )
    return name


def viewing_png(image: ImageArray) -> bytes:
    """Return an 8-bit PNG to look at, of the first channel stretched between percentiles."""
    values = image[..., 0].astype(np.float64)
    low, high = np.percentile(values, [_LOW, _HIGH])
    scaled = (values - low) / (high - low if high > low else 1.0)
    pixels: NDArray[np.uint8] = np.rint(scaled.clip(0, 1) * 255).astype(np.uint8)
    return bytes(imagecodecs.png_encode(pixels))
