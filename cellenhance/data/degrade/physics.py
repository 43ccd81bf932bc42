"""Simulated quality loss of one image: parameters are drawn first, then applied.

`draw_degradation` only draws, `degrade_image` only applies, so that every change replays. The order
is that of light: scene, blur, contrast, vignetting, background, shot noise, full well, read noise,
gain and offset, bit depth, rounding. The image changes, never the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from cellenhance.arrays import ImageArray, check_image
from cellenhance.data.degrade.ranges import draw_between, draw_log_between
from cellenhance.data.degrade.settings import MOST_BLUR_PX, MOST_PHOTONS, DegradeSettings
from cellenhance.data.intensity import image_percentiles
from cellenhance.settings import Settings

__all__ = [
    "BRIGHT_PERCENTILE",
    "DegradeParameters",
    "DegradeSettings",
    "Levels",
    "degrade_image",
    "draw_degradation",
    "measure_levels",
]

BRIGHT_PERCENTILE = 99.0
"""The photon number is that of this percentile of the image."""

_Plane = NDArray[np.float64]


class DegradeParameters(Settings):
    """What is done to one image; the same parameters give the same image again.

    Attributes
    ----------
    center : (y, x) of the brightest place under vignetting, in fractions of the sides
    dark_adu, bright_adu : counts of each channel without light, and of its 99th percentile
    noise_seed : of everything random that is added to pixels

    The other fields are as in `DegradeSettings`, drawn.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    photons: float | None = Field(None, gt=0, le=MOST_PHOTONS)
    fraction: float | None = Field(None, gt=0, le=1)
    blur_px: float = Field(0, ge=0, le=MOST_BLUR_PX)
    contrast_loss: float = Field(0, ge=0, le=1)
    vignetting: float = Field(0, ge=0, le=1)
    center: tuple[float, float] = (0.5, 0.5)
    background: float = Field(0, ge=0)
    read_noise_e: float = Field(0, ge=0)
    gain_adu: float | None = Field(None, gt=0)
    pedestal_adu: float = Field(0, ge=0)
    full_well_e: float | None = Field(None, gt=0)
    bit_depth: int | None = Field(None, ge=1, le=32)
    dark_adu: tuple[float, ...]
    bright_adu: tuple[float, ...]
    noise_seed: int = Field(0, ge=0)

    @property
    def is_identity(self) -> bool:
        """Tell whether nothing is lost at all."""
        return (
            self.photons is None
            and self.fraction in (None, 1)
            and not (self.blur_px or self.contrast_loss or self.vignetting or self.background)
            and not self.pedestal_adu
            # Thinning restores read noise; where nothing is thinned there is none to restore.
            and (not self.read_noise_e or self.fraction == 1)
            and self.full_well_e is None
            and self.bit_depth is None
        )

    @property
    def has_no_light(self) -> bool:
        """Tell whether shot noise is asked for, but no channel has a signal above dark."""
        is_counting = self.photons is not None or self.fraction is not None
        pairs = zip(self.dark_adu, self.bright_adu, strict=True)
        return is_counting and all(bright <= dark for dark, bright in pairs)


@dataclass(frozen=True, slots=True)
class Levels:
    """Counts of each channel without light (`dark`) and of bright pixels (`bright`)."""

    dark: tuple[float, ...]
    bright: tuple[float, ...]


def measure_levels(image: ImageArray, dark: tuple[float, ...]) -> Levels:
    """Return `dark` with the 99th percentile of each channel of a (H, W, C) image."""
    [bright] = image_percentiles(image, (BRIGHT_PERCENTILE,))
    return Levels(dark, bright)


def draw_degradation(
    settings: DegradeSettings, levels: Levels, rng: np.random.Generator
) -> DegradeParameters:
    """Draw the parameters of one image; the number of draws does not depend on the settings."""
    place = rng.random(9)  # in [0, 1): where in each range
    return DegradeParameters(
        photons=settings.photons and draw_log_between(settings.photons, place[0]),
        fraction=settings.fraction and draw_log_between(settings.fraction, place[1]),
        blur_px=draw_between(settings.blur_px, place[2]),
        contrast_loss=draw_between(settings.contrast_loss, place[3]),
        vignetting=draw_between(settings.vignetting, place[4]),
        center=(0.4 + 0.2 * float(place[5]), 0.4 + 0.2 * float(place[6])),
        background=draw_between(settings.background, place[7]),
        read_noise_e=draw_between(settings.read_noise_e, place[8]),
        gain_adu=settings.gain_adu,
        pedestal_adu=settings.pedestal_adu,
        full_well_e=settings.full_well_e,
        bit_depth=settings.bit_depth,
        dark_adu=levels.dark,
        bright_adu=levels.bright,
        noise_seed=int(rng.integers(2**62)),
    )


def degrade_image(image: ImageArray, parameters: DegradeParameters) -> ImageArray:
    """Return the image as a worse microscope would have recorded it, same shape and dtype.

    Parameters
    ----------
    image : (H, W, C) in the counts of its file, integer or float

    Returns
    -------
    (H, W, C); integers are rounded and clipped to their type, floats are not

    Raises
    ------
    ValueError
        The number of channels is not that of the parameters' levels.

    Notes
    -----
    With signal s = counts - dark, S = bright - dark, light v(x) = 1 - vignetting r^2 (r is 1 half a
    diagonal away from the centre), b = background S and p = fraction:

    - photons N: electrons are Poisson((v s + b) N / S) + read noise. What noise the source has
      counts as scene: the result has both, and blur or contrast loss weaken the source's.
    - fraction: with n = s / gain electrons recorded, Binomial(n, p v) + Poisson(p b / gain). If n
      is Poisson(m) with read noise r, this has mean p v m and variance p v m + (p v r)^2; Gaussian
      noise of variance r^2 (1 - (p v)^2) makes it what the camera would have recorded. (Less
      p v (1 - p v) |n| where read noise made n negative, since it made others too large.) Where
      the source is blurred first, its noise is less than that, and so is the result's.

    Counts are dark + pedestal + gain x electrons; without a gain, S / N, which keeps the
    brightness. Parts of electrons and values below dark are scaled like their mean, so that no
    mean is shifted.
    """
    check_image(image)
    n_channels = image.shape[2]
    if (len(parameters.dark_adu), len(parameters.bright_adu)) != (n_channels, n_channels):
        raise ValueError(f"{n_channels} channels, the levels are of {len(parameters.dark_adu)}")
    if parameters.is_identity:
        return image.copy()
    rng = np.random.default_rng(parameters.noise_seed)
    planes = []
    for channel in range(n_channels):
        levels = parameters.dark_adu[channel], parameters.bright_adu[channel]
        planes.append(
            _degrade_plane(image[..., channel].astype(np.float64), parameters, levels, rng)
        )
    return _as_dtype(np.stack(planes, axis=-1), image.dtype, parameters.bit_depth)


def _degrade_plane(
    counts: _Plane,
    parameters: DegradeParameters,
    levels: tuple[float, float],
    rng: np.random.Generator,
) -> _Plane:
    dark, bright = levels
    span = max(bright - dark, 0.0)
    if parameters.photons is not None and span == 0:
        return (
            counts + parameters.pedestal_adu
        )  # nothing bright: no photon number can be given to it
    gain_in = span / parameters.photons if parameters.photons else parameters.gain_adu or 1.0
    scene = _apply_optics(counts - dark, parameters) / gain_in
    light = _illumination(counts.shape, parameters)
    stray = parameters.background * span / gain_in
    if parameters.fraction is not None:
        kept = parameters.fraction * light
        electrons = _thin(scene, kept, rng)
        electrons += rng.poisson(parameters.fraction * stray, counts.shape) if stray else 0.0
        read_noise = _restored_noise(parameters.read_noise_e, scene, kept)
    else:
        electrons = scene * light + stray
        if parameters.photons is not None:
            below = np.minimum(electrons, 0)
            electrons = below + rng.poisson(np.maximum(electrons, 0))
        read_noise = np.full(counts.shape, parameters.read_noise_e)
    if parameters.full_well_e is not None:
        electrons = np.minimum(electrons, parameters.full_well_e)
    if parameters.read_noise_e:
        electrons = electrons + read_noise * rng.standard_normal(counts.shape)
    gain_out = parameters.gain_adu or gain_in
    result: _Plane = dark + parameters.pedestal_adu + gain_out * electrons
    return result


def _apply_optics(signal: _Plane, parameters: DegradeParameters) -> _Plane:
    """Return the signal blurred and drawn towards its mean."""
    if parameters.blur_px:
        from scipy.ndimage import gaussian_filter

        signal = gaussian_filter(signal, parameters.blur_px, mode="reflect")
    if parameters.contrast_loss:
        signal = signal + parameters.contrast_loss * (signal.mean() - signal)
    return signal


def _illumination(shape: tuple[int, ...], parameters: DegradeParameters) -> _Plane:
    """Return the share of the light that arrives at each pixel, (H, W) in [0, 1]."""
    if not parameters.vignetting:
        return np.ones(shape)
    height, width = shape
    y = (np.arange(height) + 0.5) - parameters.center[0] * height
    x = (np.arange(width) + 0.5) - parameters.center[1] * width
    radius2 = (y[:, None] ** 2 + x**2) / ((height**2 + width**2) / 4)
    light: _Plane = 1 - parameters.vignetting * np.minimum(radius2, 1)
    return light


def _thin(electrons: _Plane, kept: _Plane, rng: np.random.Generator) -> _Plane:
    """Return each electron kept with probability `kept`; what is no whole electron is scaled."""
    whole = np.maximum(np.rint(electrons), 0)
    thinned: _Plane = rng.binomial(whole.astype(np.int64), kept) + kept * (electrons - whole)
    return thinned


def _restored_noise(read_noise_e: float, electrons: _Plane, kept: _Plane) -> _Plane:
    """Return the sigma that fills thinned read noise up again.

    Counts that read noise alone made are thinned like light, which adds kept (1 - kept) a count;
    over the pixels that it pushed below 0 as much is left out again.
    """
    below = np.maximum(-np.rint(electrons), 0)
    variance = read_noise_e**2 * (1 - kept**2) - kept * (1 - kept) * below
    sigma: _Plane = np.sqrt(np.maximum(variance, 0))
    return sigma


def _as_dtype(counts: _Plane, dtype: np.dtype[Any], bit_depth: int | None) -> ImageArray:
    if bit_depth is not None:
        counts = np.clip(counts, 0, 2**bit_depth - 1)
    if dtype.kind in "iu":
        information = np.iinfo(dtype.name)
        counts = np.clip(np.rint(counts), information.min, information.max)
    return counts.astype(dtype)
