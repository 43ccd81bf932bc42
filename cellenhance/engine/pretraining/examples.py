"""From a clean picture to one example: a noisy crop, what is behind the noise, what is what.

The crop is resized, turned, given another contrast and perhaps inverted; then photons are counted.
Limits come from the noisy crop itself, as normalisation takes them from noisy images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from cellenhance.arrays import IGNORE, FloatImage, MaskArray
from cellenhance.engine.pretraining.settings import PretrainSettings
from cellenhance.engine.tiling import reflect_indices

N_DETAILS = 4
"""The clean picture blurred by 1 px, and the differences of blurs by 1, 2, 4 and 8 px."""
_DETAIL_GAIN = 4.0
"""Differences of blurs are some four times smaller than pictures."""
_LIMITS = (0.5, 99.5)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what is known of it.

    Attributes
    ----------
    clean : (H, W) float32 in [0, 1]
    regions : (H, W) uint8: 0 background, 1 interior, 2 boundary of objects, 255 not known; None
        where nothing is known
    """

    clean: FloatImage
    regions: MaskArray | None


@dataclass(frozen=True, slots=True)
class Example:
    """One crop.

    Attributes
    ----------
    image : (S, S) float32 in [0, 1], noisy
    details : (N_DETAILS, S, S) float32, of the picture without noise in the same units
    regions : (S, S) uint8, 255 = not known
    """

    image: FloatImage
    details: NDArray[np.float32]
    regions: MaskArray


def draw_example(picture: Picture, settings: PretrainSettings, rng: np.random.Generator) -> Example:
    """Return a crop of a picture with everything random about it drawn from `rng`."""
    clean, regions = _cut(picture, settings, rng)
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    clean, regions = _turn(clean, turns, mirrored), _turn(regions, turns, mirrored)
    light = _draw_light(clean, settings, rng)
    n = _draw_log(settings.photons, rng)
    noise = rng.uniform(*settings.read_noise) * rng.standard_normal(light.shape)
    counts = (rng.poisson(light * n) + noise) / n
    low, high = np.percentile(counts, _LIMITS)
    span = max(high - low, 1e-6) * (1 + rng.uniform(*settings.headroom))
    image = np.clip((counts - low) / span, 0, 1).astype(np.float32)
    return Example(image, _details((light - low) / span), regions)


def _cut(
    picture: Picture, settings: PretrainSettings, rng: np.random.Generator
) -> tuple[FloatImage, MaskArray]:
    """Return a square region resized to the crop; what overhangs the picture is its mirror."""
    side = round(settings.crop_px / _draw_log(settings.scale, rng))
    height, width = picture.clean.shape
    row, col = (int(rng.integers(0, max(0, length - side) + 1)) for length in (height, width))
    rows = reflect_indices(row, row + side, height)
    cols = reflect_indices(col, col + side, width)
    clean = np.ascontiguousarray(picture.clean[rows][:, cols], np.float32)
    known = picture.regions
    regions = np.full((side, side), IGNORE, np.uint8) if known is None else known[rows][:, cols]
    size = (settings.crop_px, settings.crop_px)
    resized = functional.interpolate(
        torch.from_numpy(clean)[None, None], size, mode="bilinear", antialias=True
    )
    nearest = functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(regions))[None, None], size, mode="nearest-exact"
    )
    return resized[0, 0].numpy(), nearest[0, 0].numpy()


def _turn(pixels: NDArray[Any], turns: int, mirrored: bool) -> NDArray[Any]:
    turned = np.rot90(pixels, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)


def _draw_light(
    clean: FloatImage, settings: PretrainSettings, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the expected light, in [0, 1]: the picture with another gamma, sign and contrast."""
    shown = np.clip(clean.astype(np.float64), 0, 1) ** _draw_log(settings.gamma, rng)
    if rng.random() < settings.inversion:
        shown = 1 - shown
    contrast = rng.uniform(*settings.contrast)
    light: NDArray[np.float64] = rng.uniform(0, 1 - contrast) + contrast * shown
    return light


def _details(clean: NDArray[np.float64]) -> NDArray[np.float32]:
    blurred = [ndimage.gaussian_filter(clean.astype(np.float32), s) for s in (1, 2, 4, 8)]
    differences = [_DETAIL_GAIN * (fine - coarse) for fine, coarse in pairwise(blurred)]
    return np.stack([blurred[0], *differences])


def _draw_log(limits: tuple[float, float], rng: np.random.Generator) -> float:
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))
