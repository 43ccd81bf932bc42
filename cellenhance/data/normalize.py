"""Pixels into [0, 1] by limits that are decided once, stored with the model and used unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from pydantic import Field

from cellenhance.arrays import FloatImage, ImageArray
from cellenhance.data.intensity import IntensityStatistics, image_percentiles
from cellenhance.errors import DatasetError
from cellenhance.settings import Settings

Method = Literal["unit", "dataset", "per-image"]

_WORTH_A_WARNING = 0.01
"""Share of pixels outside the training range above which an input is reported."""
_NARROW = 0.02
"""Share of the training range that an input must span to pass without a report."""


class Normalization(Settings):
    """How pixels become [0, 1]: (x - low) / (high - low), clipped.

    Attributes
    ----------
    method : "unit" (uint8 by 255, floats within [0, 1] kept), "dataset" (percentiles over the
        training images) or "per-image" (percentiles of each image itself)
    low, high : limits of each channel, in the units of the files; empty for "per-image"
    observed_low, observed_high : smallest and largest training value of each channel
    """

    method: Method
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    observed_low: tuple[float, ...] = ()
    observed_high: tuple[float, ...] = ()
    low_percentile: float = Field(default=0.1, ge=0, lt=100)
    high_percentile: float = Field(default=99.8, gt=0, le=100)

    def apply(self, image: ImageArray) -> FloatImage:
        """Return (H, W, C) float32 in [0, 1]; ValueError when C is not that of the limits."""
        low, high = self._limits(image)
        if len(low) != image.shape[2]:
            raise ValueError(f"{image.shape[2]} channels, normalisation knows {len(low)}")
        floor = np.asarray(low, dtype=np.float32)
        span = np.asarray(high, dtype=np.float32) - floor
        scaled = image.astype(np.float32)
        scaled -= floor
        scaled /= np.where(span > 0, span, np.float32(1))
        return np.clip(scaled, 0, 1, out=scaled)

    def _limits(self, image: ImageArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if self.method != "per-image":
            return self.low, self.high
        low, high = image_percentiles(image, (self.low_percentile, self.high_percentile))
        return low, high


class RangeWatch:
    """Collects an image region by region and tells whether it looks like the training images."""

    def __init__(self, normalization: Normalization) -> None:
        self._normalization = normalization
        n_channels = len(normalization.observed_low)
        self._lowest = np.full(n_channels, np.inf)
        self._highest = np.full(n_channels, -np.inf)
        self._n_outside = np.zeros(n_channels, np.int64)
        self._n_below = self._n_above = self._n_pixels = 0

    def add(self, region: ImageArray) -> None:
        """Take in (h, w, C); regions must not overlap."""
        pairs = zip(
            self._normalization.observed_low, self._normalization.observed_high, strict=True
        )
        self._n_pixels += region.shape[0] * region.shape[1]
        below, above = (np.zeros(region.shape[:2], np.bool_) for _ in range(2))
        for channel, (low, high) in enumerate(pairs):
            pixels = region[..., channel]
            self._lowest[channel] = min(self._lowest[channel], float(pixels.min()))
            self._highest[channel] = max(self._highest[channel], float(pixels.max()))
            under, over = pixels < low, pixels > high
            self._n_outside[channel] += np.count_nonzero(under) + np.count_nonzero(over)
            below |= under
            above |= over
        self._n_below += int(np.count_nonzero(below))
        self._n_above += int(np.count_nonzero(above))

    def shares_outside(self) -> tuple[float, float] | None:
        """Return the shares of pixels below and above the training range, in any channel.

        None where limits come from each image itself, so that there is no range to be outside of.
        """
        if self._normalization.method == "per-image" or not self._n_pixels:
            return None
        return self._n_below / self._n_pixels, self._n_above / self._n_pixels

    def verdict(self) -> str | None:
        """Return one sentence when an image does not look like the training images, else None.

        Reported: more than 1 % of the pixels of a channel outside the range that training saw, or
        a channel that spans less than 2 % of it.
        """
        normalization = self._normalization
        if normalization.method == "per-image" or not self._n_pixels:
            return None
        pairs = zip(normalization.observed_low, normalization.observed_high, strict=True)
        for channel, (low, high) in enumerate(pairs):
            lowest, highest = self._lowest[channel], self._highest[channel]
            share = self._n_outside[channel] / self._n_pixels
            found = f"channel {channel} has values {lowest:g} to {highest:g}"
            seen = f"training saw {low:g} to {high:g}"
            if share > _WORTH_A_WARNING:
                return f"{found}, {seen}: {100 * share:.1f} % of the pixels lie outside"
            if highest - lowest < _NARROW * (high - low):
                return f"{found}, {seen}: it fills less than {100 * _NARROW:g} % of that range"
        return None


def fit_normalization(
    method: Method,
    images: Iterable[ImageArray],
    *,
    low_percentile: float = 0.1,
    high_percentile: float = 99.8,
) -> Normalization:
    """Return the normalisation for a set of training images, (H, W, C) each.

    "unit" serves uint8 and floats within [0, 1]; for anything else the limits come from the set
    and the record says "dataset".

    Raises
    ------
    DatasetError
        There is no image, or the channel numbers differ.
    """
    statistics = IntensityStatistics()
    try:
        for image in images:
            statistics.add(image)
    except ValueError as error:
        raise DatasetError(f"normalisation: {error}; a set has one number of channels") from error
    if not statistics.n_channels:
        raise DatasetError("normalisation: there is no training image; check the split")
    low, high = statistics.percentile(low_percentile), statistics.percentile(high_percentile)
    top = _unit_top(statistics) if method == "unit" else None
    if top is not None:
        low, high = (0.0,) * statistics.n_channels, (top,) * statistics.n_channels
    elif method == "unit":
        method = "dataset"
    per_image = method == "per-image"
    return Normalization(
        method=method,
        low=() if per_image else low,
        high=() if per_image else high,
        observed_low=tuple(statistics.minimum),
        observed_high=tuple(statistics.maximum),
        low_percentile=low_percentile,
        high_percentile=high_percentile,
    )


def _unit_top(statistics: IntensityStatistics) -> float | None:
    """Return the value that becomes 1 in the published recipes, None where they have none."""
    if statistics.dtypes == {np.dtype(np.uint8)}:
        return 255.0
    is_float = all(dtype.kind == "f" for dtype in statistics.dtypes)
    if is_float and min(statistics.minimum) >= 0 and max(statistics.maximum) <= 1:
        return 1.0
    return None
