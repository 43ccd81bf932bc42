"""ROC-AUC and average precision of a class: how well its probability ranks pixels, at no threshold.

There are two ways to the same numbers. `rank` sorts the scores of one image: exact, like
scikit-learn. The counts of `count_scores` add up over tiles and images, so big images and whole
sets need no memory: scores that fall into one bin count as equal, and `largest_error` bounds the
error that this causes.

Neither score says where to put a threshold, and ROC-AUC flatters rare classes: where 1 % of the
pixels are membrane, 0.95 may still be useless; average precision shows it.

Source: Fawcett (2006), Pattern Recognition Letters 27 (ROC, ties); average precision without
interpolation, as scikit-learn defines it; methods.md 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from cellenhance.arrays import IGNORE, MaskArray

N_BINS = 4096
"""Bins of `count_scores`, of equal width in log(p / (1 - p)), the scale of a network's answers."""

_LOGIT_LIMIT = 17.0  # beyond the nearest float32 to 1; below exp(-17) scores count as equal


@dataclass(frozen=True, slots=True)
class Ranking:
    """Both scores of one class: NaN where the pixels are all of the class, or none is.

    Attributes
    ----------
    roc_auc : area under true positive rate over false positive rate, in [0, 1], 0.5 by chance
    average_precision : sum of precision x gain in recall, in (0, 1]; by chance the class's share
    """

    roc_auc: float
    average_precision: float


def rank(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> Ranking:
    """Return the exact scores of a ranking; equal scores share one threshold.

    Parameters
    ----------
    truth : which pixels are of the class, any shape, without ignored pixels
    scores : of the same shape, larger for the class

    Notes
    -----
    With TP and FP the pixels at or above each of the distinct scores s_1 > s_2 > ..., P and N their
    totals: AUC = sum (FP_i - FP_(i-1)) (TP_i + TP_(i-1)) / (2 P N), the chance that a pixel of the
    class scores above one of the rest, ties half; AP = sum of (TP_i - TP_(i-1)) / P times the
    precision TP_i / (TP_i + FP_i).

    Raises
    ------
    ValueError
        The shapes differ or a score is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> ranking = rank(np.array([1, 0, 1, 0], bool), np.array([0.9, 0.8, 0.7, 0.1]))
    >>> ranking.roc_auc, round(ranking.average_precision, 4)
    (0.75, 0.8333)
    """
    if truth.shape != scores.shape:
        raise ValueError(f"the truth has shape {truth.shape}, but the scores {scores.shape}")
    if not scores.size:
        return Ranking(float("nan"), float("nan"))
    if np.isnan(scores).any():
        raise ValueError("a score is NaN; expected probabilities")
    # Of pixels with equal scores only the last counts as a threshold: they pass it together.
    order = np.argsort(scores, axis=None)[::-1]
    ordered = scores.ravel()[order]
    last_of_equals = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)
    true = np.cumsum(truth.ravel()[order])[last_of_equals]
    false = last_of_equals + 1 - true
    return _score(true, false)


def count_scores(truth: MaskArray, probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return how many pixels of each class and of the rest have a probability in each bin.

    Parameters
    ----------
    truth : (H, W) uint8 class indices; 255 = ignore
    probabilities : (K, H, W) in [0, 1]

    Returns
    -------
    (K, 2, 4096) int64: for class k the pixels not of k, then those of k; lowest probabilities
    first. Counts of tiles and of images add up.

    Raises
    ------
    ValueError
        The shapes differ or a probability is not within [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> counts = count_scores(np.array([[0, 1, 255]], np.uint8), np.array([[[0.9, 0.2, 0.5]]]))
    >>> counts.sum(axis=-1).tolist()
    [[1, 1]]
    """
    if truth.shape != probabilities.shape[1:]:
        raise ValueError(
            f"the truth has shape {truth.shape}, but the probabilities {probabilities.shape}"
        )
    counted = truth != IGNORE
    classes = truth[counted]
    counts = np.zeros((len(probabilities), 2, N_BINS), np.int64)
    for index, each in enumerate(probabilities):
        chosen = each[counted]
        if not ((chosen >= 0) & (chosen <= 1)).all():
            raise ValueError(f"a probability of class {index} is not between 0 and 1")
        scaled = (special.logit(chosen) + _LOGIT_LIMIT) * (N_BINS / (2 * _LOGIT_LIMIT))
        bins = np.clip(scaled, 0, N_BINS - 1).astype(np.int64)
        codes = bins + N_BINS * (classes == index)
        counts[index] = np.bincount(codes, minlength=2 * N_BINS).reshape(2, N_BINS)
    return counts


def rank_counts(counts: NDArray[np.int64]) -> tuple[Ranking, ...]:
    """Return the ranking of each class from counts (K, 2, bins) as `count_scores` gives them.

    Examples
    --------
    >>> import numpy as np
    >>> [ranking] = rank_counts(np.array([[[2, 1, 0], [0, 1, 2]]]))
    >>> round(ranking.roc_auc, 4)  # of 9 pairs 8 are in order, 1 is tied
    0.9444
    """
    from_above = np.cumsum(counts[..., ::-1], axis=-1)
    return tuple(_score(true, false) for false, true in from_above)


def largest_error(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far each ROC-AUC of counts (K, 2, bins) can be from the exact one, (K,).

    Pairs within one bin count as half right: at worst all of them were right, or none was.

    Examples
    --------
    >>> import numpy as np
    >>> largest_error(np.array([[[2, 1, 0], [0, 1, 2]]])).round(4).tolist()
    [0.0556]
    """
    others, members = counts[:, 0].astype(np.float64), counts[:, 1].astype(np.float64)
    pairs = others.sum(axis=-1) * members.sum(axis=-1)
    errors = np.full(len(counts), np.nan)
    np.divide((others * members).sum(axis=-1) / 2, pairs, out=errors, where=pairs > 0)
    return errors


def _score(true: NDArray[np.int64], false: NDArray[np.int64]) -> Ranking:
    """Return both scores from the pixels at or above each threshold, highest threshold first."""
    if not true.size or not true[-1] or not false[-1]:
        return Ranking(float("nan"), float("nan"))
    true, false = true.astype(np.float64), false.astype(np.float64)
    gains = np.diff(true, prepend=0)
    area = (np.diff(false, prepend=0) * (2 * true - gains)).sum() / (2 * true[-1] * false[-1])
    predicted = true + false
    precision = np.divide(true, predicted, out=np.zeros_like(true), where=predicted > 0)
    return Ranking(float(area), float((gains * precision).sum() / true[-1]))
