"""Classical filters on normalised images, before a network sees them; NumPy alone.

A recipe names a list of steps. They act on a whole plane, channel by channel, after normalisation
and before tiling, in training, evaluation and prediction alike; the list is stored with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cellenhance.arrays import FloatImage
from cellenhance.settings import Settings

_Channel: TypeAlias = NDArray[np.float32]

_OPTIONS: Mapping[str, Mapping[str, float]] = {
    "gaussian": {"sigma_px": 1},
    "bilateral": {"sigma_px": 2, "sigma_intensity": 0.1},
    "median": {"radius_px": 1},
    "clahe": {"clip": 2, "tiles": 8},
    "invert": {},
    "edge_enhance": {},
    "equalize": {"bins": 256},
    "gamma": {"exponent": 1},
    "nl_means": {"strength": 0.08, "patch_px": 5, "distance_px": 6},
    "z_score": {},
}
"""The options of each step with their defaults."""
_POINTWISE = ("invert", "gamma")


class PreprocessStep(Settings):
    """One filter with its options; an option of another filter is refused.

    Attributes
    ----------
    name : gaussian, bilateral, median and nl_means smooth; clahe and equalize spread the
        histogram; edge_enhance is (x + S / max S) / 2 with S = |dx| / 2 + |dy| / 2 by Sobel;
        invert is 1 - x; gamma x^exponent; z_score (x - mean) / (std + 1e-8) of the plane
    """

    name: Literal[
        "gaussian",
        "bilateral",
        "median",
        "clahe",
        "invert",
        "edge_enhance",
        "equalize",
        "gamma",
        "nl_means",
        "z_score",
    ]
    sigma_px: float | None = Field(None, gt=0, le=50, description="of gaussian, bilateral; px")
    sigma_intensity: float | None = Field(
        None, gt=0, le=1, description="of bilateral: intensities this far apart do not mix"
    )
    radius_px: int | None = Field(None, ge=1, le=25, description="of median: a square around; px")
    clip: float | None = Field(
        None, ge=1, description="of clahe: highest bin, in multiples of the mean bin"
    )
    tiles: int | None = Field(None, ge=1, le=64, description="of clahe: tiles along each side")
    bins: int | None = Field(None, ge=2, le=65536, description="of equalize")
    exponent: float | None = Field(None, gt=0, le=10, description="of gamma")
    strength: float | None = Field(
        None, gt=0, le=1, description="of nl_means: difference of patches that counts as noise"
    )
    patch_px: int | None = Field(None, ge=3, le=15, description="of nl_means: side of a patch")
    distance_px: int | None = Field(None, ge=1, le=30, description="of nl_means: search radius")

    @model_validator(mode="after")
    def _fitting(self) -> PreprocessStep:
        given = {key for key, value in self if key != "name" and value is not None}
        strange = sorted(given - set(_OPTIONS[self.name]))
        if strange:
            owners = [name for name, options in _OPTIONS.items() if strange[0] in options]
            raise ValueError(f"{strange[0]} belongs to {' and '.join(owners)}, not to {self.name}")
        return self

    def option(self, key: str) -> float:
        """Return an option as set, or its default."""
        value: float | None = getattr(self, key)
        return _OPTIONS[self.name][key] if value is None else value


def _as_list(value: Any) -> Any:
    values = value if isinstance(value, list | tuple) else [value]
    values = [{"name": each} if isinstance(each, str) else each for each in values]
    return [each for each in values if each not in ({"name": "none"}, None)]


def _z_score_last(steps: tuple[PreprocessStep, ...]) -> tuple[PreprocessStep, ...]:
    if any(step.name == "z_score" for step in steps[:-1]):
        raise ValueError("z_score leaves [0, 1], which the other filters need: put it last")
    return steps


Preprocessing = Annotated[
    tuple[PreprocessStep, ...],
    BeforeValidator(_as_list),
    AfterValidator(_z_score_last),
]
"""``none``, a name, one step, or a list of steps in order."""


def is_pointwise(steps: Sequence[PreprocessStep]) -> bool:
    """Tell whether every step looks at one pixel at a time, so that windows need no context."""
    return all(step.name in _POINTWISE for step in steps)


def is_z_scored(steps: Sequence[PreprocessStep]) -> bool:
    """Tell whether the result leaves [0, 1]."""
    return any(step.name == "z_score" for step in steps)


def preprocess(image: FloatImage, steps: Sequence[PreprocessStep]) -> FloatImage:
    """Return (H, W, C) float32 in [0, 1], after z_score unbounded.

    Parameters
    ----------
    image : (H, W, C) float32 in [0, 1]; a whole plane unless every step is pointwise
    """
    for step in steps:
        channels = [_FILTERS[step.name](image[..., c], step) for c in range(image.shape[2])]
        image = np.stack(channels, axis=-1).astype(np.float32, copy=False)
        if step.name != "z_score":
            image = np.clip(image, 0, 1)
    return image


def _gaussian(channel: _Channel, step: PreprocessStep) -> _Channel:
    from scipy.ndimage import gaussian_filter

    smooth: _Channel = gaussian_filter(channel, step.option("sigma_px"), mode="reflect")
    return smooth


def _bilateral(channel: _Channel, step: PreprocessStep) -> _Channel:
    from skimage.restoration import denoise_bilateral

    smooth: _Channel = denoise_bilateral(
        channel,
        sigma_color=step.option("sigma_intensity"),
        sigma_spatial=step.option("sigma_px"),
        mode="reflect",
    )
    return smooth


def _median(channel: _Channel, step: PreprocessStep) -> _Channel:
    from scipy.ndimage import median_filter

    side = 2 * int(step.option("radius_px")) + 1
    smooth: _Channel = median_filter(channel, side, mode="reflect")
    return smooth


def _clahe(channel: _Channel, step: PreprocessStep) -> _Channel:
    """Contrast-limited adaptive equalisation, 256 bins; a flat plane stays as it is."""
    from skimage.exposure import equalize_adapthist

    if channel.min() == channel.max():
        return channel
    tiles = int(step.option("tiles"))
    kernel = [max(1, -(-side // tiles)) for side in channel.shape]
    # scikit-image counts the limit in shares of a tile, OpenCV in multiples of the mean bin.
    limit = min(1.0, step.option("clip") / 256)
    spread: _Channel = equalize_adapthist(channel, kernel, clip_limit=limit, nbins=256)
    return spread


def _invert(channel: _Channel, _: PreprocessStep) -> _Channel:
    return np.float32(1) - channel


def _edge_enhance(channel: _Channel, _: PreprocessStep) -> _Channel:
    from scipy.ndimage import sobel

    edges = 0.5 * np.abs(sobel(channel, 1)) + 0.5 * np.abs(sobel(channel, 0))
    top = edges.max()
    enhanced: _Channel = (channel + edges / (top if top > 0 else 1)) / 2
    return enhanced


def _equalize(channel: _Channel, step: PreprocessStep) -> _Channel:
    from skimage.exposure import equalize_hist

    spread: _Channel = equalize_hist(channel, nbins=int(step.option("bins")))
    return spread


def _gamma(channel: _Channel, step: PreprocessStep) -> _Channel:
    return channel ** np.float32(step.option("exponent"))


def _nl_means(channel: _Channel, step: PreprocessStep) -> _Channel:
    from skimage.restoration import denoise_nl_means

    smooth: _Channel = denoise_nl_means(
        channel,
        patch_size=int(step.option("patch_px")),
        patch_distance=int(step.option("distance_px")),
        h=step.option("strength"),
        fast_mode=True,
    )
    return smooth


def _z_score(channel: _Channel, _: PreprocessStep) -> _Channel:
    mean, deviation = channel.mean(dtype=np.float64), channel.std(dtype=np.float64)
    scaled: _Channel = ((channel - mean) / (deviation + 1e-8)).astype(np.float32)
    return scaled


_FILTERS: Mapping[str, Callable[[_Channel, PreprocessStep], _Channel]] = {
    "gaussian": _gaussian,
    "bilateral": _bilateral,
    "median": _median,
    "clahe": _clahe,
    "invert": _invert,
    "edge_enhance": _edge_enhance,
    "equalize": _equalize,
    "gamma": _gamma,
    "nl_means": _nl_means,
    "z_score": _z_score,
}
