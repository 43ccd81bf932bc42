"""One sample of a dataset from disk, checked against its manifest row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray, MaskArray, check_mask
from cellenhance.data.dataset.manifest import Dataset, SampleRow
from cellenhance.data.files.readers import read_image, read_mask
from cellenhance.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Sample:
    """An image with its mask.

    Attributes
    ----------
    image : (H, W, C) in the dtype of the file
    mask : (H, W) uint8 class indices, 255 = not annotated
    """

    id: str
    image: ImageArray
    mask: MaskArray


def load_sample(dataset: Dataset, row: SampleRow) -> Sample:
    """Return the sample of `row`.

    Raises
    ------
    DatasetError
        A file is missing or damaged, or differs from what the manifest says of it.
    """
    image_path = dataset.root / row.image
    image = read_image(image_path)
    stated = ((row.height, row.width, row.channels), row.dtype)
    if (image.shape, str(image.dtype)) != stated:
        raise DatasetError(
            f"{image_path}: is {image.shape} {image.dtype}, samples.csv says {stated[0]} "
            f"{stated[1]}; prepare the dataset again"
        )
    return Sample(row.id, image, load_mask(dataset, row))


def load_mask(dataset: Dataset, row: SampleRow) -> MaskArray:
    """Return the (H, W) uint8 mask of `row`; errors as in `load_sample`."""
    path = dataset.root / row.mask
    mask = read_mask(path)
    if mask.shape != (row.height, row.width):
        raise DatasetError(
            f"{path}: is {mask.shape}, its image is {(row.height, row.width)}; "
            "a mask has the size of its image"
        )
    try:
        check_mask(mask, len(dataset.class_names))
    except ValueError as error:
        raise DatasetError(f"{path}: {error}; prepare the dataset again") from error
    return mask


def pixel_sha256(array: NDArray[Any]) -> str:
    """Return the hash of shape, dtype and values, whatever the byte order or file format."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{array.shape} {array.dtype.name}\n".encode())
    digest.update(little.tobytes())
    return digest.hexdigest()
