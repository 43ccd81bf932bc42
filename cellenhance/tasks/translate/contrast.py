"""How well classes stand out before and after enhancement, with the controls beside each number.

The enhanced image is made by a network that was trained to separate the classes, from the image
itself: that its contrast is higher is no independent finding. Two controls stand beside it: the
same picture with the filters muted, and with the filters of another image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.engine.tiling import reflect_indices
from cellenhance.engine.translation import Translations
from cellenhance.metrics.contrast import Interval, bootstrap_mean, contrast_to_noise

ImageContrast: TypeAlias = Mapping[str, Mapping[str, float]]
"""Contrast-to-noise ratio by class and picture."""

ContrastTable: TypeAlias = Mapping[str, Mapping[str, Interval]]
"""Mean over images with its interval, by class and picture."""

INPUT, MUTED = "input", "filters muted"


def measure_contrast(
    translated: Translations,
    truth: MaskArray,
    other_filters: NDArray[np.float32] | None,
    classes: Sequence[str],
) -> ImageContrast:
    """Return the contrast of every class in the input, each enhanced image and the controls.

    Parameters
    ----------
    truth : (h, w) uint8, thinned like `translated`
    other_filters : (N, h', w') of another image; mirrored or cut to the size of this one; None
        where there is only one image
    classes : names in index order; several channels are averaged
    """
    pictures = {INPUT: translated.image, MUTED: expit(translated.image)}
    for k, enhanced in enumerate(translated.enhanced, start=1):
        pictures[f"enhanced {k}"] = enhanced
    if other_filters is not None:
        height, width = truth.shape
        rows = reflect_indices(0, height, other_filters.shape[1])
        cols = reflect_indices(0, width, other_filters.shape[2])
        for k, values in enumerate(other_filters[:, rows][:, :, cols], start=1):
            pictures[other_name(k)] = expit(translated.image + values[..., None])
    grey = {name: _mean_channel(picture) for name, picture in pictures.items()}
    return {
        each: {name: contrast_to_noise(picture, truth, index) for name, picture in grey.items()}
        for index, each in enumerate(classes)
    }


def other_name(number: int) -> str:
    """Return the name of the control with the filters of another image."""
    return f"filter {number} of another image"


def _mean_channel(picture: FloatImage) -> FloatImage:
    mean: FloatImage = picture.mean(axis=-1, dtype=np.float32)
    return mean


def summarize(contrasts: Sequence[ImageContrast]) -> ContrastTable | None:
    """Return the mean over images with 95 % bootstrap intervals; None without any image."""
    if not contrasts:
        return None
    names = list(dict.fromkeys(n for each in contrasts for row in each.values() for n in row))
    return {
        each: {
            name: bootstrap_mean([row[each].get(name, float("nan")) for row in contrasts])
            for name in names
        }
        for each in contrasts[0]
    }
