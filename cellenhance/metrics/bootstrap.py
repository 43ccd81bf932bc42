"""Percentile bootstrap over images, whole groups at a time.

Images of one slide, well or donor resemble each other, so they are drawn together: an interval over
images that ignores this is too narrow. Everything of one comparison uses the SAME weights, which
makes differences between models paired. Must not know files or models: counts in, numbers out.

Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile
interval); clusters drawn whole: Davison & Hinkley, Bootstrap Methods (1997), section 3.8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""The default level of the intervals."""

N_RESAMPLES = 2000
"""How many resamples a reported interval is computed from."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of a number; NaN where it is undefined.

    Attributes
    ----------
    n_resamples : the resamples in which the number was defined, which the interval comes from
    """

    low: float
    high: float
    level: float = LEVEL
    n_resamples: int = 0


def draw_weights(
    groups: Sequence[str], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return how often each image is drawn in each resample, whole groups with replacement.

    Parameters
    ----------
    groups : the group of each of N images; images without one need a name of their own (their id)
    n_resamples : number of resamples R
    rng : equal generators give equal weights: draw once for all models that are compared

    Returns
    -------
    (R, N) int64. As many groups are drawn as there are, so the number of images differs between
    resamples when groups differ in size. With fewer than two groups every draw would equal the
    set: the result is (0, N), and intervals made from it are NaN, not of zero width.

    Examples
    --------
    >>> import numpy as np
    >>> draw_weights(["donor 1", "donor 1", "donor 2"], 3, np.random.default_rng(1)).tolist()
    [[1, 1, 1], [2, 2, 0], [0, 0, 2]]
    """
    names, members = np.unique(np.asarray(groups, np.str_), return_inverse=True)
    if names.size < 2:
        return np.zeros((0, len(groups)), np.int64)
    shares = np.full(names.size, 1 / names.size)
    drawn = rng.multinomial(names.size, shares, size=n_resamples)
    weights: NDArray[np.int64] = drawn[:, members].astype(np.int64)
    return weights


def resample_matrices(matrices: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pooled confusion matrix of each resample.

    Parameters
    ----------
    matrices : (N, K, K) int64, the matrix of each image
    weights : (R, N) from `draw_weights`

    Returns
    -------
    (R, K, K) int64; the functions of `overlap` take it as it is

    Examples
    --------
    >>> import numpy as np
    >>> matrices = np.array([[[1, 0], [0, 1]], [[0, 5], [0, 0]]])
    >>> resample_matrices(matrices, np.array([[2, 0], [1, 1]])).tolist()
    [[[2, 0], [0, 2]], [[1, 5], [0, 1]]]
    """
    n_images, *shape = np.shape(matrices)
    # Products of float64 are the fast ones, and exact for counts below 2^53.
    flat = np.asarray(matrices, np.float64).reshape(n_images, math.prod(shape))
    pooled = np.rint(weights.astype(np.float64) @ flat).astype(np.int64)
    return pooled.reshape(len(weights), *shape)


def resample_means(values: NDArray[np.float64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean over images of each resample, (R,), undefined (NaN) images left out.

    Parameters
    ----------
    values : (N,) a score of each image
    weights : (R, N) from `draw_weights`

    Returns
    -------
    (R,) float64; NaN where a resample has no image with a defined score

    Examples
    --------
    >>> import numpy as np
    >>> resample_means(np.array([0.5, 1.0, np.nan]), np.array([[1, 1, 1], [0, 0, 3]])).tolist()
    [0.75, nan]
    """
    defined = ~np.isnan(values)
    counts = weights[:, defined].astype(np.float64)
    total = counts.sum(axis=1)
    # An image that is not drawn must not turn an infinite score into 0 x inf = NaN.
    products = np.zeros_like(counts)
    np.multiply(counts, values[defined], out=products, where=counts > 0)
    means = np.full(len(weights), np.nan)
    np.divide(products.sum(axis=1), total, out=means, where=total > 0)
    return means


def percentile_interval(values: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """Return the middle `level` of resampled values, e.g. their 2.5 and 97.5 percentiles.

    Parameters
    ----------
    values : (R,) the number in each resample; NaN (undefined there) is left out
    level : share of the resamples inside, in (0, 1)

    Notes
    -----
    With few groups the interval is too narrow: of normally distributed group means, a nominal 95 %
    interval covers the truth in 74 % of cases with 3 groups, 83 % with 5, 89 % with 10, 93 % with
    20 (simulated).

    Examples
    --------
    >>> import numpy as np
    >>> percentile_interval(np.append(np.arange(101.0), np.nan), level=0.5)
    Interval(low=25.0, high=75.0, level=0.5, n_resamples=101)
    """
    if not 0 < level < 1:
        raise ValueError(f"expected a level between 0 and 1, not {level}")
    array = np.asarray(values, np.float64)
    defined = array[~np.isnan(array)]
    if not defined.size:
        return Interval(float("nan"), float("nan"), level, 0)
    tail = 50 * (1 - level)
    # Between a finite and an infinite value there is nothing to interpolate.
    between: Literal["nearest", "linear"] = "nearest" if np.isinf(defined).any() else "linear"
    low, high = np.percentile(defined, [tail, 100 - tail], method=between)
    return Interval(float(low), float(high), level, int(defined.size))
