"""Random fields (textures, uneven light) and blurs that cost little at any width.

Fields are periodic, since they are drawn as a spectrum; blurs reflect at the edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Field = NDArray[np.float32]

_WIDE_PX = 6.0
"""From this sigma on a blur works on means of blocks, which it cannot resolve anyway."""


def smooth_field(size_px: int, sigma_px: float, rng: np.random.Generator) -> Field:
    """Return (size, size) noise blurred with `sigma_px`, of mean 0 and standard deviation 1."""
    squared = _squared_frequency(size_px)
    return _field_of_spectrum(np.exp(-2 * (np.pi * sigma_px) ** 2 * squared), size_px, rng)


def grainy_field(size_px: int, coarse_px: float, fine_px: float, rng: np.random.Generator) -> Field:
    """Return (size, size) noise with structure of all sizes from fine to coarse, as chromatin has.

    Its power falls with the square of the frequency above 1 / coarse; mean 0, deviation 1.
    """
    squared = _squared_frequency(size_px)
    decay = 1 / (1 + (2 * np.pi * coarse_px) ** 2 * squared)
    return _field_of_spectrum(
        decay**0.5 * np.exp(-2 * (np.pi * fine_px) ** 2 * squared), size_px, rng
    )


def blur(image: NDArray[np.floating], sigma_px: float) -> Field:
    """Return the image blurred by a Gaussian of `sigma_px`; 0 leaves it as it is."""
    if sigma_px <= 0:
        return image.astype(np.float32)
    step = int(sigma_px / _WIDE_PX * 2) if sigma_px >= _WIDE_PX else 1
    if step <= 1:
        near: Field = ndimage.gaussian_filter(image.astype(np.float32), sigma_px, truncate=3.0)
        return near
    height, width = image.shape
    pad = [(0, -side % step) for side in (height, width)]
    padded = np.pad(image.astype(np.float32), pad, mode="edge")
    rows, columns = padded.shape[0] // step, padded.shape[1] // step
    small = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    small = ndimage.gaussian_filter(small, sigma_px / step, truncate=3.0)
    large = ndimage.zoom(small, step, order=1, mode="nearest", grid_mode=True)
    result: Field = large[:height, :width]
    return result


def _squared_frequency(size_px: int) -> Field:
    vertical = fft.fftfreq(size_px).astype(np.float32)
    horizontal = fft.rfftfreq(size_px).astype(np.float32)
    squared: Field = vertical[:, None] ** 2 + horizontal**2
    return squared


def _field_of_spectrum(amplitude: Field, size_px: int, rng: np.random.Generator) -> Field:
    parts = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
    spectrum = amplitude * (parts[0] + 1j * parts[1])
    spectrum[0, 0] = 0  # the mean
    field: Field = fft.irfft2(spectrum, s=(size_px, size_px))
    deviation = float(field.std())
    return field / np.float32(deviation if deviation > 0 else 1)
