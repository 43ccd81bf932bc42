"""Percentiles of many images without holding them: exact for 8- and 16-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray

_SAMPLED_PIXELS = 65_536
"""Pixels kept of each image and channel when a histogram cannot be exact (floats, 32-bit)."""


class IntensityStatistics:
    """Minimum, maximum and percentiles per channel over all images that were added.

    8- and 16-bit integers are counted exactly; of other types every n-th pixel is kept, the same
    ones each time. Percentiles are values that occur ("inverted_cdf" of NumPy).
    """

    def __init__(self) -> None:
        self._counts: list[dict[float, int]] = []
        self.minimum: list[float] = []
        self.maximum: list[float] = []
        self.dtypes: set[np.dtype[Any]] = set()

    @property
    def n_channels(self) -> int:
        """Number of channels; 0 before the first image."""
        return len(self._counts)

    def add(self, image: ImageArray) -> None:
        """Count a (H, W, C) image; ValueError when C differs from the images before."""
        if not self._counts:
            self._counts = [{} for _ in range(image.shape[2])]
            self.minimum = [np.inf] * image.shape[2]
            self.maximum = [-np.inf] * image.shape[2]
        if image.shape[2] != self.n_channels:
            raise ValueError(f"{image.shape[2]} channels after images of {self.n_channels}")
        self.dtypes.add(image.dtype)
        for channel, counts in enumerate(self._counts):
            pixels = image[..., channel].ravel()
            self.minimum[channel] = min(self.minimum[channel], float(pixels.min()))
            self.maximum[channel] = max(self.maximum[channel], float(pixels.max()))
            values, numbers = _count(pixels)
            for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
                counts[value] = counts.get(value, 0) + number

    def percentile(self, percent: float) -> tuple[float, ...]:
        """Return the percentile of each channel (0 to 100)."""
        return tuple(self._of_channel(counts, percent) for counts in self._counts)

    @staticmethod
    def _of_channel(counts: dict[float, int], percent: float) -> float:
        values = np.array(sorted(counts))
        running = np.cumsum([counts[value] for value in values.tolist()])
        rank = percent / 100.0 * float(running[-1])
        return float(values[min(int(np.searchsorted(running, rank)), len(values) - 1)])


def _count(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    if pixels.dtype.itemsize <= 2 and pixels.dtype.kind in "iu":
        lowest = int(np.iinfo(pixels.dtype).min)
        numbers = np.bincount(pixels.astype(np.int64) - lowest)
        present = np.flatnonzero(numbers)
        return present + lowest, numbers[present]
    step = max(1, pixels.size // _SAMPLED_PIXELS)
    values, numbers = np.unique(pixels[::step].astype(np.float64), return_counts=True)
    return values, numbers


def image_percentiles(image: ImageArray, percents: Sequence[float]) -> list[tuple[float, ...]]:
    """Return, for each percentile, its value in each channel of one (H, W, C) image."""
    statistics = IntensityStatistics()
    statistics.add(image)
    return [statistics.percentile(percent) for percent in percents]
