"""What light does to a scene on its way: uneven lamps, light from out of focus, exposure."""

from __future__ import annotations

import numpy as np
from pydantic import Field as Setting

from cellenhance.arrays import FloatImage
from cellenhance.data.degrade.ranges import PositiveRange, ShareRange
from cellenhance.data.world.draws import between
from cellenhance.data.world.fields import Field, blur, smooth_field
from cellenhance.settings import Settings


class OpticsRanges(Settings):
    """What every kind draws of its light and lenses."""

    light_loss: ShareRange = Setting((0, 0.5), description="light lost at the darkest place")
    blur_px: PositiveRange = Setting((0.6, 1.6), description="sigma of the optics")
    black: ShareRange = Setting((0, 0.15), description="brightness of the darkest pixels")
    white: ShareRange = Setting((0.6, 1.0), description="brightness of the brightest pixels")


def through_optics(signal: Field, r: OpticsRanges, rng: np.random.Generator) -> FloatImage:
    """Return the scene as a perfect camera would see it: blurred, lit unevenly, exposed."""
    blurred = blur(signal, between(r.blur_px, rng))
    lit = blurred * uneven_light(len(signal), between(r.light_loss, rng), rng)
    return expose(lit, between(r.black, rng), between(r.white, rng))


def uneven_light(size_px: int, depth: float, rng: np.random.Generator) -> Field:
    """Return (H, W) in [1 - depth, 1]: a slope and a bright spot anywhere, smooth throughout."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32) / np.float32(size_px) - np.float32(0.5)
    turn, bend = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1)
    centre = rng.uniform(-0.5, 0.5, 2)
    light = np.cos(turn) * x + np.sin(turn) * y
    light -= bend * ((y - centre[0]) ** 2 + (x - centre[1]) ** 2)
    light += rng.uniform(0, 0.15) * smooth_field(size_px, size_px / 6, rng)
    low, high = float(light.min()), float(light.max())
    scaled: Field = 1 - np.float32(depth) * (high - light) / np.float32(high - low)
    return scaled.astype(np.float32)


def partly_defocused(
    image: Field, sigma_px: float, share: float, rng: np.random.Generator
) -> Field:
    """Return the image blurred by `sigma_px` in places that make up about `share` of it."""
    if share <= 0 or sigma_px <= 0:
        return image
    size_px = image.shape[0]
    place = smooth_field(size_px, size_px / 5, rng)
    threshold = float(np.quantile(place, 1 - share))
    weight = np.clip((place - np.float32(threshold)) / np.float32(1.4) + np.float32(0.5), 0, 1)
    mixed: Field = image + weight * (blur(image, sigma_px) - image)
    return mixed


def expose(signal: Field, black: float, white: float) -> FloatImage:
    """Return the signal in [0, 1], its darkest 0.1 % at `black` and its brightest at `white`."""
    low, high = (float(each) for each in np.percentile(signal, (0.1, 99.9)))
    span = high - low if high > low else 1.0
    exposed: FloatImage = np.clip(
        np.float32(black) + (signal - np.float32(low)) * np.float32((white - black) / span), 0, 1
    ).astype(np.float32)
    return exposed
