"""Overlap scores of each class, from a confusion matrix M with the true classes as rows.

With TP_k = M_kk, t_k the pixels that are of class k (row sum) and p_k the pixels predicted as k
(column sum). A score whose denominator is 0 is NaN: undefined, not zero and not one. All take one
matrix (K, K) or many at once (..., K, K), such as one per resample.

Source: methods.md 1.6 and 10 (Jaccard index, F1 score); the published program swaps the names
precision and recall, this module does not.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def iou(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return TP / (t + p - TP) of each class, the Jaccard index: (K,) in [0, 1] or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> iou(np.array([[4, 1], [2, 3]])).round(4).tolist()
    [0.5714, 0.5]
    """
    hits, truth, predicted = _totals(matrix)
    return _divide(hits, truth + predicted - hits)


def dice(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 2 TP / (t + p) of each class, the F1 score: (K,) in [0, 1] or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> dice(np.array([[4, 1], [2, 3]])).round(4).tolist()
    [0.7273, 0.6667]
    """
    hits, truth, predicted = _totals(matrix)
    return _divide(2 * hits, truth + predicted)


def precision(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return TP / p of each class: (K,) in [0, 1], NaN where the class was never predicted.

    Examples
    --------
    >>> import numpy as np
    >>> precision(np.array([[4, 1], [2, 3]])).round(4).tolist()
    [0.6667, 0.75]
    """
    hits, _, predicted = _totals(matrix)
    return _divide(hits, predicted)


def recall(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return TP / t of each class: (K,) in [0, 1], NaN where the truth lacks the class.

    Examples
    --------
    >>> import numpy as np
    >>> recall(np.array([[4, 1], [2, 3]])).tolist()
    [0.8, 0.6]
    """
    hits, truth, _ = _totals(matrix)
    return _divide(hits, truth)


def specificity(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return TN / (TN + FP) of each class: (K,) in [0, 1], NaN where all pixels are of the class.

    The share of the pixels of other classes that were not predicted as this one. It is near 1 for
    every rare class whatever the network does, so a model should not be chosen by it.

    Examples
    --------
    >>> import numpy as np
    >>> specificity(np.array([[4, 1], [2, 3]])).tolist()
    [0.6, 0.8]
    """
    hits, truth, predicted = _totals(matrix)
    others = np.asarray(truth.sum(axis=-1, keepdims=True) - truth)
    return _divide(others - (predicted - hits), others)


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the share of correct pixels, in [0, 1], or NaN without any pixel.

    Takes one matrix (K, K) only.

    Examples
    --------
    >>> import numpy as np
    >>> accuracy(np.array([[4, 1], [2, 3]]))
    0.7
    """
    total = int(matrix.sum())
    return int(np.trace(matrix)) / total if total else float("nan")


def mean_defined(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN, or NaN if none is left.

    Examples
    --------
    >>> mean_defined([0.5, float("nan"), 1.0])
    0.75
    """
    array = np.array(list(values), np.float64)
    defined = array[~np.isnan(array)]
    return float(defined.mean()) if defined.size else float("nan")


def mean_over_classes(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last axis, undefined classes left out: (..., K) to (...,).

    Examples
    --------
    >>> import numpy as np
    >>> mean_over_classes(np.array([[0.5, 1.0], [0.5, np.nan], [np.nan, np.nan]])).tolist()
    [0.75, 0.5, nan]
    """
    defined = ~np.isnan(scores)
    total = np.where(defined, scores, 0).sum(axis=-1)
    means = np.full(total.shape, np.nan)
    np.divide(total, defined.sum(axis=-1), out=means, where=defined.any(axis=-1))
    return means


def absent(matrix: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which classes are in neither the truth nor the prediction: (K,) bool."""
    _, truth, predicted = _totals(matrix)
    return np.asarray(truth + predicted == 0, np.bool_)


def _totals(
    matrix: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return TP, t and p, each (..., K)."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return hits, matrix.sum(axis=-1), matrix.sum(axis=-2)


def _divide(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.float64]:
    scores = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=scores, where=denominator > 0)
    return scores
