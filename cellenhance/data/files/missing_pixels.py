"""Pixels that are NaN or infinite: refused by default, or filled and not annotated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray


def find_missing(image: ImageArray) -> NDArray[np.bool_] | None:
    """Return where a (H, W, C) image has a channel that is NaN or infinite, None for nowhere."""
    if image.dtype.kind != "f":
        return None
    missing: NDArray[np.bool_] = np.logical_not(np.isfinite(image).all(axis=2))
    return missing if missing.any() else None


def fill_missing(image: ImageArray, missing: NDArray[np.bool_] | None) -> ImageArray:
    """Return the image with missing pixels set to the median of the others, channel by channel.

    A value from amid the image makes no edge that a network could learn; 0 would.
    """
    if missing is None:
        return image
    filled = image.copy()
    known = image[~missing]
    filled[missing] = np.median(known, axis=0) if len(known) else 0
    return filled
