"""Percentiles of many images without holding them: exact for 8- and 16-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray

_MOST_KEPT = 4_000_000
"""Values kept of a channel that has no exact histogram; beyond it every second one is dropped."""
_OFFSET, _N_BINS = 32_768, 98_304  # int16 and uint16 side by side: -32768 to 65535


class IntensityStatistics:
    """Minimum, maximum and percentiles per channel over all images that were added.

    8- and 16-bit integers are counted exactly. Of other types all values are kept up to four
    million a channel, then every second, fourth ... pixel, the same ones each time. Percentiles
    are values that occur ("inverted_cdf" of NumPy).
    """

    def __init__(self) -> None:
        self._channels: list[_ChannelValues] = []
        self.dtypes: set[np.dtype[Any]] = set()

    @property
    def n_channels(self) -> int:
        """Number of channels; 0 before the first image."""
        return len(self._channels)

    @property
    def minimum(self) -> tuple[float, ...]:
        """Smallest value of each channel."""
        return tuple(each.minimum for each in self._channels)

    @property
    def maximum(self) -> tuple[float, ...]:
        """Largest value of each channel."""
        return tuple(each.maximum for each in self._channels)

    def add(self, image: ImageArray) -> None:
        """Count a (H, W, C) image; ValueError when C differs from the images before."""
        if not self._channels:
            self._channels = [_ChannelValues() for _ in range(image.shape[2])]
        if image.shape[2] != self.n_channels:
            raise ValueError(f"{image.shape[2]} channels after images of {self.n_channels}")
        self.dtypes.add(image.dtype)
        for index, channel in enumerate(self._channels):
            channel.add(image[..., index].ravel())

    def percentile(self, percent: float) -> tuple[float, ...]:
        """Return the percentile of each channel (0 to 100)."""
        return tuple(channel.percentile(percent) for channel in self._channels)


class _ChannelValues:
    """The values of one channel: a histogram, and a thinned list where none can be exact."""

    def __init__(self) -> None:
        self.minimum, self.maximum = np.inf, -np.inf
        self._counts = np.zeros(_N_BINS, dtype=np.int64)
        self._kept: list[NDArray[np.float32]] = []
        self._step = 1

    def add(self, pixels: NDArray[Any]) -> None:
        self.minimum = min(self.minimum, float(pixels.min()))
        self.maximum = max(self.maximum, float(pixels.max()))
        if pixels.dtype.itemsize <= 2 and pixels.dtype.kind in "iu":
            self._counts += np.bincount(pixels.astype(np.int64) + _OFFSET, minlength=_N_BINS)
            return
        self._kept.append(pixels[:: self._step].astype(np.float32))
        while sum(map(len, self._kept)) > _MOST_KEPT:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._step *= 2

    def percentile(self, percent: float) -> float:
        bins = np.flatnonzero(self._counts)
        kept = np.concatenate([*self._kept, np.zeros(0, np.float32)])
        values = np.concatenate([bins - _OFFSET, kept.astype(np.float64)])
        weights = np.concatenate([self._counts[bins], np.full(len(kept), self._step)])
        order = np.argsort(values, kind="stable")
        running = np.cumsum(weights[order])
        rank = percent / 100.0 * float(running[-1])
        return float(values[order][min(int(np.searchsorted(running, rank)), len(values) - 1)])


def image_percentiles(image: ImageArray, percents: Sequence[float]) -> list[tuple[float, ...]]:
    """Return, for each percentile, its value in each channel of one (H, W, C) image."""
    statistics = IntensityStatistics()
    statistics.add(image)
    return [statistics.percentile(percent) for percent in percents]
