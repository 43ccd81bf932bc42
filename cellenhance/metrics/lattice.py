"""How strong a lattice of 2, 4 or 8 px lies over an image, as strided upsampling leaves it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

PERIOD_PX = 8
"""Lattices of 8 px and their overtones of 4, 2.67 and 2 px are looked for."""
_NEAR, _FAR = 2, 6
"""Surroundings of a peak: frequencies this many bins away from it, in either direction."""


def lattice_peak(image: NDArray[np.floating]) -> float:
    """Return the highest spectral peak at lattice frequencies over its surroundings.

    Parameters
    ----------
    image : (H, W) intensities; the largest part whose sides are multiples of 8 is used

    Returns
    -------
    The largest ratio of power at a frequency (i / 8, j / 8) per px, not both 0, to the median power
    around it. Noise gives about 10 (the largest of 34 exponentially distributed ratios), a smooth
    image without a lattice the same or less. NaN for sides below 64 px and for a constant image.

    Notes
    -----
    The image is windowed (Hann), so that what is cut off at its edges does not leak. A lattice of
    amplitude a, +a and -a in turn, on noise of variance s^2 has a^2 (sum w)^2 / (s^2 ln 2 sum w^2),
    w being the window.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((128, 128))
    >>> lattice = np.indices((128, 128)).sum(axis=0) % 2
    >>> bool(lattice_peak(noise) < 20), bool(lattice_peak(noise + lattice) > 500)
    (True, True)
    """
    height, width = (side // PERIOD_PX * PERIOD_PX for side in image.shape)
    if min(height, width) < 8 * PERIOD_PX:
        return math.nan
    part = image[:height, :width].astype(np.float64)
    part = part - part.mean()
    if not part.any():
        return math.nan
    window = np.hanning(height + 1)[:-1, None] * np.hanning(width + 1)[None, :-1]
    power = np.abs(np.fft.fft2(part * window)) ** 2
    return max(_ratios(power))


def _ratios(power: NDArray[np.float64]) -> Iterator[float]:
    """Yield power over surroundings at each lattice frequency; one of each conjugate pair."""
    # At sides that are multiples of 8 every lattice frequency falls exactly on a bin.
    height, width = power.shape
    offsets = np.arange(-_FAR, _FAR + 1)
    apart = np.maximum(np.abs(offsets)[:, None], np.abs(offsets)[None])
    ring = apart >= _NEAR
    for i in range(PERIOD_PX):
        for j in range(PERIOD_PX // 2 + 1):
            if (i, j) == (0, 0):
                continue
            row, col = i * height // PERIOD_PX, j * width // PERIOD_PX
            around = power[(row + offsets)[:, None] % height, (col + offsets)[None] % width]
            level = float(np.median(around[ring]))
            yield float(power[row, col]) / level if level else math.inf
