"""Pixels of any depth to RGB for viewing, by limits that are decided once and stated.

Nothing here changes data: a display range is a record, and thinning makes a copy to show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.render.preview import parse_color

RgbArray = NDArray[np.uint8]

LOW_PERCENTILE, HIGH_PERCENTILE = 0.1, 99.8
_DARK = 60  # luminance below which a line needs a light halo


@dataclass(frozen=True, slots=True)
class DisplayRange:
    """The values shown as black and white (or as the ends of a colour map).

    Attributes
    ----------
    low, high : in the units of the file, the same for all panels of one quantity
    text : how the figure states it
    """

    low: float
    high: float
    text: str

    def scale(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return `values` as float32 in [0, 1], clipped; NaN becomes 0."""
        span = self.high - self.low
        scaled = (values.astype(np.float32) - np.float32(self.low)) / np.float32(span or 1.0)
        clipped: NDArray[np.float32] = np.clip(np.nan_to_num(scaled, nan=0.0), 0, 1)
        return clipped


def choose_display(images: Iterable[ImageArray]) -> DisplayRange:
    """Return one range for all `images`, (H, W, C) each, from their percentiles.

    8-bit RGB is shown as stored, 0 to 255. For anything else the limits are the 0.1 and 99.8
    percentiles over all images and channels that are shown.

    Raises
    ------
    ValueError
        There are no images.

    Examples
    --------
    >>> import numpy as np
    >>> choose_display([np.zeros((2, 2, 3), np.uint8)]).text
    'display range 0 to 255, as stored'
    """
    statistics, n_images, is_photo = IntensityStatistics(), 0, True
    for image in images:
        shown = shown_channels(image)
        is_photo = is_photo and shown.shape[2] == 3 and image.dtype == np.uint8
        statistics.add(shown.reshape(shown.shape[0], -1, 1))
        n_images += 1
    if not n_images:
        raise ValueError("a display range needs at least one image")
    if is_photo:
        return DisplayRange(0.0, 255.0, "display range 0 to 255, as stored")
    [low], [high] = statistics.percentile(LOW_PERCENTILE), statistics.percentile(HIGH_PERCENTILE)
    if high <= low:
        [low], [high] = statistics.minimum, statistics.maximum
    which = "this image" if n_images == 1 else f"all {n_images} images shown"
    text = f"display range {low:.6g} to {high:.6g}"
    text += f", the {LOW_PERCENTILE} and {HIGH_PERCENTILE} percentiles of {which}"
    if high <= low:
        high, text = low + 1, f"display range: all pixels of {which} are {low:.6g}"
    return DisplayRange(float(low), float(high), text)


def asked_display(limits: tuple[float, float]) -> DisplayRange:
    """Return the range that was requested: (black, white) in the units of the files."""
    low, high = limits
    return DisplayRange(low, high, f"display range {low:.6g} to {high:.6g}, as requested")


def shown_channels(image: ImageArray) -> ImageArray:
    """Return the (H, W, 1) or (H, W, 3) channels that are shown: RGB, else the first."""
    if image.ndim == 2:
        image = image[..., None]
    return image if image.shape[2] == 3 else image[..., :1]


def image_to_rgb(image: ImageArray, display: DisplayRange) -> RgbArray:
    """Return (H, W, 3) uint8 of an image (H, W) or (H, W, C) between the limits."""
    grey = to_bytes(display.scale(shown_channels(image)))
    return np.ascontiguousarray(np.broadcast_to(grey, (*grey.shape[:2], 3)))


def map_to_rgb(values: NDArray[Any], display: DisplayRange, colormap: str) -> RgbArray:
    """Return (H, W, 3) uint8 of a map (H, W) in a colour map of matplotlib."""
    colored = matplotlib.colormaps[colormap](display.scale(values))
    return to_bytes(colored[..., :3])


def to_bytes(fractions: NDArray[Any]) -> RgbArray:
    """Return fractions in [0, 1] as uint8, rounded."""
    pixels: RgbArray = np.rint(np.asarray(fractions) * 255).astype(np.uint8)
    return pixels


def thin(rgb: NDArray[Any], most_px: float) -> NDArray[Any]:
    """Return `rgb` (H, W, ...) by block means, with the smallest whole factor that helps.

    Parameters
    ----------
    most_px : columns that the page can show; at least that many are kept

    Notes
    -----
    The last block of rows or columns may be incomplete; it is averaged over what there is.
    """
    factor = math.floor(rgb.shape[1] / max(1.0, most_px))
    if factor < 2:
        return rgb
    starts = [np.arange(0, side, factor) for side in rgb.shape[:2]]
    sums = np.add.reduceat(rgb.astype(np.float32), starts[0], axis=0)
    sums = np.add.reduceat(sums, starts[1], axis=1)
    rows, cols = (
        np.diff(np.append(start, side)) for start, side in zip(starts, rgb.shape[:2], strict=True)
    )
    # Blocks at the right and lower edge may hold fewer pixels than the others.
    counts = (rows[:, None] * cols).reshape(len(rows), len(cols), *(1,) * (rgb.ndim - 2))
    means = sums / counts
    if rgb.dtype.kind in "iu":
        means = np.rint(means)
    thinned: NDArray[Any] = means.astype(rgb.dtype)
    return thinned


def halo_color(color: str) -> str:
    """Return black, or white around a colour that is too dark to be seen on black."""
    red, green, blue = parse_color(color)
    return "#ffffff" if 0.3 * red + 0.59 * green + 0.11 * blue < _DARK else "#000000"
