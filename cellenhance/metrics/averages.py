"""The mean of a score over images, with how many images it leaves out, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ImageAverages:
    """Means over images, and the images that are not in them.

    A distance is infinite where a class was missed or invented as a whole. Leaving that out of the
    mean silently would reward the model that misses most, so the count belongs beside it.

    Attributes
    ----------
    mean : (...,) over the finite values; NaN where there is none
    n_images : (...,) how many values are in the mean
    n_undefined : (...,) NaN: the class is in neither mask, or nothing can be compared
    n_infinite : (...,) infinite: the class is in one of the masks only
    """

    mean: NDArray[np.float64]
    n_images: NDArray[np.int64]
    n_undefined: NDArray[np.int64]
    n_infinite: NDArray[np.int64]


def average_images(values: NDArray[np.float64]) -> ImageAverages:
    """Return the means over the first axis of scores (N, ...), one row per image.

    Examples
    --------
    >>> import numpy as np
    >>> averages = average_images(np.array([[1.0, np.nan], [3.0, 0.5], [np.inf, np.nan]]))
    >>> averages.mean.tolist(), averages.n_undefined.tolist(), averages.n_infinite.tolist()
    ([2.0, 0.5], [0, 2], [1, 0])
    """
    finite = np.isfinite(values)
    n_images = finite.sum(axis=0)
    total = np.where(finite, values, 0).sum(axis=0)
    means = np.full(np.shape(total), np.nan)
    np.divide(total, n_images, out=means, where=n_images > 0)
    return ImageAverages(means, n_images, np.isnan(values).sum(0), np.isinf(values).sum(0))
