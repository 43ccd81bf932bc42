"""Small round things: puncta, vesicles, granules, debris."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.world.fields import Field, blur
from cellenhance.data.world.placing import Points


def gaussian_spots(
    size_px: int,
    centres: Points,
    sigmas_px: NDArray[np.float64],
    heights: NDArray[np.float64],
) -> Field:
    """Return (H, W) float32, the sum of round Gaussian spots."""
    spots = np.zeros((size_px, size_px), np.float32)
    for centre, sigma, height in zip(centres, sigmas_px, heights, strict=True):
        reach = 3 * sigma + 1
        top, left = (max(0, int(at - reach)) for at in centre)
        bottom, right = (min(size_px, int(at + reach) + 2) for at in centre)
        if top >= bottom or left >= right:
            continue
        y = np.exp(-((np.arange(top, bottom) - centre[0]) ** 2) / (2 * sigma**2))
        x = np.exp(-((np.arange(left, right) - centre[1]) ** 2) / (2 * sigma**2))
        spots[top:bottom, left:right] += np.float32(height) * np.outer(y, x).astype(np.float32)
    return spots


def equal_spots(
    size_px: int, centres: Points, heights: NDArray[np.float64], sigma_px: float
) -> Field:
    """Return (H, W) float32, the sum of round Gaussian spots of one width; fast for thousands."""
    at = np.rint(centres).astype(np.intp)
    inside = ((at >= 0) & (at < size_px)).all(axis=1)
    flat = at[inside, 0] * size_px + at[inside, 1]
    points = np.bincount(flat, heights[inside], minlength=size_px**2).astype(np.float32)
    blurred = blur(points.reshape(size_px, size_px), sigma_px)
    spots: Field = np.float32(2 * np.pi * sigma_px**2) * blurred
    return spots


def debris(size_px: int, mean_number: float, rng: np.random.Generator) -> Field:
    """Return (H, W) float32: specks of a height up to 1 at random places, some in small heaps.

    Parameters
    ----------
    mean_number : in an area of 256 x 256 px
    """
    n = int(rng.poisson(mean_number * (size_px / 256) ** 2))
    n_parts = rng.integers(1, 5, n)
    sigmas = np.repeat(rng.uniform(0.6, 2.5, n), n_parts)
    centres = np.repeat(rng.uniform(0, size_px, (n, 2)), n_parts, axis=0)
    centres += 1.6 * sigmas[:, None] * rng.standard_normal(centres.shape)
    heights = np.repeat(rng.uniform(0.1, 1, n), n_parts) * rng.uniform(0.4, 1, len(centres))
    return gaussian_spots(size_px, centres, sigmas * rng.uniform(0.6, 1.2, len(centres)), heights)
