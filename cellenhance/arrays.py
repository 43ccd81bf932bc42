"""Names and checks for the two arrays that travel through every room: image and mask.

An image is (H, W, C) in its own dtype or float32 in [0, 1] after normalisation; a mask is
(H, W) uint8 class indices in which 255 means "not annotated, ignore".
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""Mask value of pixels that no loss and no metric may look at."""

MAX_CLASSES = 255
"""Class indices are uint8 and 255 is taken by `IGNORE`."""

ImageArray: TypeAlias = NDArray[Any]
FloatImage: TypeAlias = NDArray[np.float32]
MaskArray: TypeAlias = NDArray[np.uint8]


def check_image(image: ImageArray) -> None:
    """Raise ValueError unless `image` is a non-empty (H, W, C) array."""
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"expected a non-empty image (H, W, C), not an array of {image.shape}")


def check_mask(mask: MaskArray, n_classes: int) -> None:
    """Raise ValueError unless `mask` is (H, W) uint8 with values below `n_classes` or 255."""
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"expected a mask (H, W) of uint8, not {mask.shape} of {mask.dtype}")
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    stray = [int(value) for value in present if value >= n_classes and value != IGNORE]
    if stray:
        raise ValueError(
            f"mask values {stray} are not classes: expected 0 to {n_classes - 1}, or {IGNORE} for "
            "pixels that are not annotated"
        )
