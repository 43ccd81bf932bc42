"""How noisy an image is, what it reads without signal, how far its classes stand above that.

Estimates from single images, without dark or flat frames: good for comparing images of a set, not a
camera calibration (``dataset camera`` is).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.arrays import ImageArray, MaskArray

_LAPLACIANS = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], np.float32)
_LAPLACIANS_GAIN = 6.0
"""Root of the kernel's sum of squares: white noise of sigma 1 comes out with sigma 6."""
_MAD_TO_SIGMA = 0.6744897501960817
_LEAST_PIXELS = 100
_OFFSET_BLOCK_PX = 8
_OFFSET_PERCENTILE = 1.0
_PERCENTILES = (1, 50, 99)
_MOST_SORTED = 4_000_000


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Noise, background and signal of one image, in the units of the file; NaN = not measurable.

    Attributes
    ----------
    offset : (C,) what the darkest places of each channel read, see `background_offset`
    low, median, high : (C,) 1st, 50th and 99th percentile of each channel
    noise : (C,) sigma of the noise of each channel, see `measure_quality`
    class_mean : (K, C) mean of the pixels of each class
    class_noise : (K, C) sigma of the noise within each class
    """

    offset: NDArray[np.float64]
    low: NDArray[np.float64]
    median: NDArray[np.float64]
    high: NDArray[np.float64]
    noise: NDArray[np.float64]
    class_mean: NDArray[np.float64]
    class_noise: NDArray[np.float64]

    @property
    def snr(self) -> NDArray[np.float64]:
        """(K, C) signal-to-noise ratio, (class mean - offset) / sigma within the class.

        Infinite where a class has signal and no noise can be seen. Of transmitted light and
        electron microscopy, where dark is signal, it tells the level above the darkest places only.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: NDArray[np.float64] = (self.class_mean - self.offset) / self.class_noise
        return ratio


def measure_quality(image: ImageArray, mask: MaskArray, n_classes: int) -> ImageQuality:
    """Return noise, background and signal of a (H, W, C) image with its (H, W) mask.

    Notes
    -----
    Of the noise: the image is convolved with the difference of two Laplacians,
    [[1 -2 1], [-2 4 -2], [1 -2 1]], which removes everything that is linear along rows or columns
    and lets white noise through with 6 times its sigma; sigma = median(abs(response)) /
    (0.6745 * 6), NaN with fewer than 100 usable pixels. The median keeps edges, unless they cover
    half of the image, from being taken for noise. 3 x 3 windows that touch the smallest or largest
    value are left out where more than 0.1 % of the pixels have it: counts are cut off there, and
    their noise with them.

    Limits: noise that grows with the signal (photons) gives the value of a typical pixel; noise
    that is correlated between neighbours (JPEG, interpolation, denoising, resizing) is
    underestimated; texture of one or two pixels counts as noise; below about 0.4 grey values of an
    integer image rounding, not noise, decides.

    Source: J. Immerkaer, Fast noise variance estimation, CVIU 64 (1996) 300, the kernel; D. Donoho
    and I. Johnstone, Biometrika 81 (1994) 425, the median in place of the mean.
    """
    n_channels = image.shape[2]
    offset, noise = np.full((2, n_channels), np.nan)
    mean, within = np.full((2, n_classes, n_channels), np.nan)
    step = 1 + int(np.sqrt(mask.size / _MOST_SORTED))  # of a large image every n-th pixel will do
    low, median, high = np.percentile(image[::step, ::step], _PERCENTILES, axis=(0, 1))
    present = [index for index in range(n_classes) if (mask == index).any()]
    for channel in range(n_channels):
        pixels = image[..., channel].astype(np.float32)
        offset[channel] = background_offset(pixels)
        response, usable = _noise_response(pixels)
        noise[channel] = _sigma(response[usable])
        for index in present:
            inside = mask == index
            mean[index, channel] = pixels[inside].mean(dtype=np.float64)
            within[index, channel] = _sigma(response[inside & usable])
    return ImageQuality(offset, low, median, high, noise, mean, within)


def background_offset(image: NDArray[np.floating]) -> float:
    """Return what the darkest places of one channel read: camera offset plus stray light.

    Parameters
    ----------
    image : (H, W) in any unit

    Notes
    -----
    The 1st percentile of the means of blocks of 8 x 8 pixels (smaller in images below 64 pixels):
    the means bring noise down by 8, so that it does not decide. No mask is needed. Where cells fill
    the whole frame it is an upper bound of the offset; of transmitted light it says how dark the
    darkest structures are.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((64, 64), 100.0)
    >>> image[:48] = 900.0
    >>> background_offset(image)
    100.0
    """
    block = max(1, min(_OFFSET_BLOCK_PX, min(image.shape) // 8))
    rows, columns = (side // block for side in image.shape)
    blocks = image[: rows * block, : columns * block].reshape(rows, block, columns, block)
    means = blocks.mean(axis=(1, 3), dtype=np.float64)
    return float(np.percentile(means, _OFFSET_PERCENTILE))


def _noise_response(
    image: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the filtered image and where it shows noise: off the edge, counts not cut off."""
    response = ndimage.convolve(image, _LAPLACIANS, mode="nearest")
    # The smallest and largest value cut counts off only where many pixels share them.
    cut = (image == image.min()) | (image == image.max())
    usable = np.ones(image.shape, bool)
    if np.mean(cut) > 0.001:
        usable = ~ndimage.binary_dilation(cut, np.ones((3, 3), bool))
    for edge in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        usable[edge] = False
    return response, usable


def _sigma(response: NDArray[np.float32]) -> float:
    if response.size < _LEAST_PIXELS:
        return float("nan")
    size = np.abs(response)
    middle = float(np.median(size))
    ties = int(np.count_nonzero(size == middle))
    if ties > 1 and middle == round(middle):
        # Grey values are whole numbers: the median moves in steps, so it is taken as if each whole
        # number stood for the unit interval around it.
        low = max(0.0, middle - 0.5)
        share = (size.size / 2 - int(np.count_nonzero(size < middle))) / ties
        middle = low + share * (middle + 0.5 - low)
    return middle / (_MAD_TO_SIGMA * _LAPLACIANS_GAIN)
