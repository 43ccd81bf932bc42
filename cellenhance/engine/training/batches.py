"""Samples to tensors: the only door from NumPy to torch in training (but for `degradation`).

The training images live decoded and normalised in memory, or memory-mapped past a limit (see
`SampleStore`); batches are cut from them by index, so that no worker process is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellenhance.arrays import IGNORE, FloatImage, MaskArray
from cellenhance.data.dataset.samples import Sample, SampleStore
from cellenhance.data.normalize import Normalization
from cellenhance.data.preprocess import PreprocessStep, preprocess
from cellenhance.engine.tiling import reflect_indices, round_up

_MAX_REDRAWS = 10
"""How often a crop without any annotated pixel is drawn again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors on the device: image (B, C, H, W) float32 in [0, 1], mask (B, H, W) int64."""

    image: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Crop:
    """A region of a training image; it may overhang, and what overhangs is padded.

    `orientation` counts quarter turns counter-clockwise, 4 to 7 with the image mirrored left-right
    afterwards; the region is one of the turned image.
    """

    index: int
    row: int
    col: int
    height: int
    width: int
    orientation: int = 0


N_ORIENTATIONS = 8


class TrainingImages:
    """Images as the network takes them, (H, W, C) float32, and masks (H, W) uint8.

    Parameters
    ----------
    samples : taken one by one, so that a caller who lets go of each never holds both forms of all
    store : keeps an image where it kept the sample's, in memory or on disk
    """

    def __init__(
        self,
        samples: Iterable[Sample],
        normalization: Normalization,
        store: SampleStore,
        preprocessing: Sequence[PreprocessStep] = (),
    ) -> None:
        self.images: list[FloatImage] = []
        self.masks: list[MaskArray] = []
        self._store = store
        for sample in samples:
            image = preprocess(normalization.apply(sample.image), preprocessing)
            self.images.append(store.swap(sample.image, image))
            self.masks.append(sample.mask)
        areas = np.array([mask.size for mask in self.masks], np.float64)
        self._n_pixels = int(areas.sum())
        self.shares: NDArray[np.float64] = areas / areas.sum()

    @property
    def on_disk(self) -> bool:
        """Tell whether a part of what the store keeps is memory-mapped."""
        return self._store.on_disk

    @property
    def n_pixels(self) -> int:
        """Return the pixels of all images."""
        return self._n_pixels

    def __len__(self) -> int:
        return len(self.images)


def draw_random_crops(
    images: TrainingImages, batch_size: int, crop_px: int, rng: np.random.Generator
) -> list[Crop]:
    """Draw square crops, images by area and places uniformly.

    Images smaller than the crop are taken whole and padded. A crop without any annotated pixel is
    drawn again, ten times at the most.
    """
    return [_draw_crop(images, crop_px, rng) for _ in range(batch_size)]


def _draw_crop(images: TrainingImages, crop_px: int, rng: np.random.Generator) -> Crop:
    for _ in range(_MAX_REDRAWS):
        index = int(rng.choice(len(images), p=images.shares))
        height, width = images.masks[index].shape
        row = int(rng.integers(0, max(0, height - crop_px) + 1))
        col = int(rng.integers(0, max(0, width - crop_px) + 1))
        mask = images.masks[index][row : row + crop_px, col : col + crop_px]
        if (mask != IGNORE).any():
            break
    return Crop(index, row, col, crop_px, crop_px)


def whole_images(
    images: TrainingImages, places: Sequence[tuple[int, int]], stride: int
) -> list[Crop]:
    """Return whole images as crops of one size: the largest side of the batch, on the stride.

    Parameters
    ----------
    places : (index, orientation) of each image
    """
    shapes = [images.masks[i].shape[:: -1 if turns % 2 else 1] for i, turns in places]
    height = round_up(max(shape[0] for shape in shapes), stride)
    width = round_up(max(shape[1] for shape in shapes), stride)
    return [Crop(int(i), 0, 0, height, width, int(turns)) for i, turns in places]


def cut_batch(images: TrainingImages, crops: Sequence[Crop], device: torch.device) -> Batch:
    """Cut the crops; outside an image its mirror is shown and the mask is 255 (ignored)."""
    image = np.stack([_cut_image(_turn(images.images[crop.index], crop), crop) for crop in crops])
    mask = np.stack([_cut_mask(_turn(images.masks[crop.index], crop), crop) for crop in crops])
    return Batch(
        image=torch.from_numpy(image).permute(0, 3, 1, 2).to(device),
        mask=torch.from_numpy(mask).to(device, torch.int64),
    )


def _turn(pixels: NDArray[Any], crop: Crop) -> NDArray[Any]:
    """Return a view of an image or mask in the orientation of the crop."""
    turned = np.rot90(pixels, crop.orientation % 4)
    return turned[:, ::-1] if crop.orientation >= 4 else turned


def _cut_image(image: FloatImage, crop: Crop) -> FloatImage:
    height, width = image.shape[:2]
    bottom, right = crop.row + crop.height, crop.col + crop.width
    if bottom <= height and right <= width:
        return image[crop.row : bottom, crop.col : right]
    rows = reflect_indices(crop.row, bottom, height)
    cols = reflect_indices(crop.col, right, width)
    return image[rows][:, cols]


def _cut_mask(mask: MaskArray, crop: Crop) -> MaskArray:
    part = mask[crop.row : crop.row + crop.height, crop.col : crop.col + crop.width]
    missing = ((0, crop.height - part.shape[0]), (0, crop.width - part.shape[1]))
    return np.pad(part, missing, constant_values=IGNORE)
