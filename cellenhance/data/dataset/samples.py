"""Samples of a dataset from disk, checked against their manifest rows, and kept decoded."""

from __future__ import annotations

import hashlib
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray, MaskArray, check_mask
from cellenhance.data.dataset.manifest import Dataset, SampleRow
from cellenhance.data.files.readers import read_image, read_mask
from cellenhance.errors import DatasetError

Pixels = TypeVar("Pixels", bound=NDArray[Any])


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


class SampleStore:
    """Keeps decoded pixels: in memory up to a limit, past it as read-only maps of temporary files.

    The files go when the store does, so whoever holds pixels of it holds the store too.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._n_bytes = 0
        self._n_files = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def on_disk(self) -> bool:
        """Tell whether a part of what is kept is memory-mapped."""
        return self._folder is not None

    def keep(self, sample: Sample, *, becomes: type[np.generic] | None = None) -> Sample:
        """Return the sample as it is kept.

        Parameters
        ----------
        becomes : the dtype of the image that `swap` will put in its place; it counts as that
        """
        size = 0 if becomes is None else sample.image.size * np.dtype(becomes).itemsize
        image = self._keep(sample.image, max(size, sample.image.nbytes))
        return Sample(sample.id, image, self._keep(sample.mask, sample.mask.nbytes))

    def swap(self, kept: NDArray[Any], pixels: Pixels) -> Pixels:
        """Return `pixels` as kept in the place of `kept`: in memory or on disk, as that was."""
        is_file = isinstance(kept, np.memmap) and self._holds(kept)
        return self._to_disk(pixels) if is_file else pixels

    def _holds(self, mapped: np.memmap[Any, Any]) -> bool:
        folder, path = self._folder, mapped.filename
        return folder is not None and path is not None and Path(path).parent == Path(folder.name)

    def _keep(self, pixels: Pixels, n_bytes: int) -> Pixels:
        self._n_bytes += n_bytes
        return pixels if self._n_bytes <= self._limit_bytes else self._to_disk(pixels)

    def _to_disk(self, pixels: Pixels) -> Pixels:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(
                prefix="cellenhance-", ignore_cleanup_errors=True
            )
            weakref.finalize(self, self._folder.cleanup)
        path = Path(self._folder.name) / f"{self._n_files}.npy"
        self._n_files += 1
        np.save(path, pixels)
        mapped: Pixels = np.load(path, mmap_mode="r")
        return mapped


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
