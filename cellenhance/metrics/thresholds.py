"""The threshold of a probability that scores best on images given for choosing it.

Give VALIDATION images. A threshold chosen on the test images makes every number from these images
an upper bound; several published tables are of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellenhance.metrics.averages import average_images

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""0.05 to 0.95 in steps of 0.05."""

ImageT = TypeVar("ImageT")


@dataclass(frozen=True, slots=True)
class ThresholdSweep:
    """What each threshold scored, and the best one.

    Attributes
    ----------
    threshold : the best; of equally good ones the nearest to 0.5; NaN if no score is defined
    score : its score
    thresholds, scores : (T,) all of them; a score is the mean over images
    """

    threshold: float
    score: float
    thresholds: NDArray[np.float64]
    scores: NDArray[np.float64]


def best_threshold(
    images: Iterable[ImageT],
    score: Callable[[ImageT, float], float],
    *,
    direction: Literal["higher", "lower"] = "higher",
) -> ThresholdSweep:
    """Return which of `THRESHOLDS` has the best mean score over images.

    Parameters
    ----------
    images : validation images, each in whatever form `score` takes; looked at once, one by one
    score : of an image at a threshold; NaN leaves the image out at that threshold
    direction : which scores are better

    Examples
    --------
    >>> import numpy as np
    >>> truth, probability = np.array([0, 1, 1], bool), np.array([0.2, 0.35, 0.9])
    >>> def accuracy(image, threshold):
    ...     return float(((image[1] >= threshold) == image[0]).mean())
    >>> best_threshold([(truth, probability)], accuracy).threshold
    0.35
    """
    candidates = np.asarray(THRESHOLDS, np.float64)
    values = [[score(image, float(each)) for each in candidates] for image in images]
    scores = average_images(np.array(values, np.float64).reshape(-1, candidates.size)).mean
    if np.isnan(scores).all():
        return ThresholdSweep(float("nan"), float("nan"), candidates, scores)
    best = np.nanmax(scores) if direction == "higher" else np.nanmin(scores)
    equal = candidates[scores == best]
    chosen = equal[np.argmin(np.abs(equal - 0.5))]
    return ThresholdSweep(float(chosen), float(best), candidates, scores)
