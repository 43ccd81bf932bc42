"""Contrast-to-noise ratio of a class against its neighbourhood, with an interval over images.

A measure of how well a class stands out in a picture, not of how well it is segmented: a picture
made by a network from the same image says nothing new, so controls belong beside every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.arrays import IGNORE, MaskArray

NEIGHBOURHOOD_PX = 8
"""How far from a class its neighbours may lie."""
_MIN_PIXELS = 20
_N_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over images with its 95 % bootstrap interval; NaN without any image."""

    mean: float
    low: float
    high: float
    n_images: int


def contrast_to_noise(
    image: NDArray[np.floating], mask: MaskArray, index: int, radius_px: int = NEIGHBOURHOOD_PX
) -> float:
    """Return |mean(class) - mean(neighbours)| / sqrt((var(class) + var(neighbours)) / 2).

    Parameters
    ----------
    image : (H, W) intensities
    mask : (H, W) uint8 true classes, 255 = ignore
    index : the class
    radius_px : neighbours are annotated pixels of other classes within this distance

    Returns
    -------
    The ratio, >= 0; NaN where class or neighbours have fewer than 20 pixels; infinity where both
    are constant and differ

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.repeat([[0, 1]], 6, axis=1).repeat(4, axis=0).astype(np.uint8)
    >>> checkerboard = np.tile([[1.0, -1.0], [-1.0, 1.0]], (2, 6))  # mean 0, variance 1
    >>> contrast_to_noise(mask * 3 + checkerboard, mask, 1)
    3.0
    """
    inside = mask == index
    others = (mask != index) & (mask != IGNORE)
    if inside.sum() < _MIN_PIXELS:
        return float("nan")
    near = others & (ndimage.distance_transform_edt(~inside) <= radius_px)
    if near.sum() < _MIN_PIXELS:
        return float("nan")
    first, second = image[inside].astype(np.float64), image[near].astype(np.float64)
    difference = abs(float(first.mean() - second.mean()))
    noise = float(np.sqrt((first.var() + second.var()) / 2))
    if noise == 0:
        return float("inf") if difference else 0.0
    return difference / noise


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Interval:
    """Return the mean over images and the 2.5 and 97.5 percentiles of resampled means.

    Undefined and infinite values are left out; with a single image the interval is undefined.
    """
    finite = np.array([value for value in values if np.isfinite(value)], np.float64)
    if not finite.size:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    if finite.size == 1:
        return Interval(float(finite[0]), float("nan"), float("nan"), 1)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, finite.size, (_N_RESAMPLES, finite.size))
    low, high = np.percentile(finite[draws].mean(axis=1), [2.5, 97.5])
    return Interval(float(finite.mean()), float(low), float(high), int(finite.size))
