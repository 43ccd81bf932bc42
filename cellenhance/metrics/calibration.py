"""Expected calibration error: whether pixels given 80 % are right 80 % of the time.

Counts add up over tiles and images. Calibration is not quality: predicting each class's share
everywhere is perfectly calibrated and useless, so it stands beside IoU, never instead.

Source: Naeini et al. (2015), AAAI; Guo et al. (2017), arXiv 1706.04599, equation 3 (top label);
Kull et al. (2019), arXiv 1910.12656, equation 4 (classwise, here kept by class).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray

N_BINS = 15
"""Bins of equal width over [0, 1], each without its lower edge (0 belongs to the first)."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a reliability diagram shows: NaN in bins without a pixel.

    Attributes
    ----------
    confidence : (bins,) mean probability of the pixels of each bin
    accuracy : (bins,) the share of them that is correct
    n_px : (bins,) how many there are
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    n_px: NDArray[np.float64]


def count_confidence(
    truth: MaskArray,
    probabilities: NDArray[np.floating],
    *,
    n_bins: int = N_BINS,
) -> NDArray[np.float64]:
    """Return pixels, right pixels and summed probability in each bin, for top label and classes.

    Parameters
    ----------
    truth : (H, W) uint8 class indices; 255 = ignore
    probabilities : (K, H, W) in [0, 1]

    Returns
    -------
    (1 + K, 3, bins) float64. Row 0 is the top label: the largest probability of each pixel, right
    if its class is the true one. Row 1 + k is class k: its probability, right if the pixel is of
    it. Along the second axis: pixels, right ones, sum of probabilities. Counts add up.

    Raises
    ------
    ValueError
        The shapes differ or a probability is not within [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> counts = count_confidence(
    ...     np.array([[0, 0, 1, 255]], np.uint8),
    ...     np.array([[[0.9, 0.4, 0.2, 1.0]], [[0.1, 0.6, 0.8, 0.0]]]),
    ...     n_bins=2,
    ... )
    >>> counts[0].round(2).tolist()
    [[0.0, 3.0], [0.0, 2.0], [0.0, 2.3]]
    """
    if truth.shape != probabilities.shape[1:]:
        raise ValueError(
            f"the truth has shape {truth.shape}, but the probabilities {probabilities.shape}"
        )
    counted = truth != IGNORE
    classes, chosen = truth[counted], probabilities[:, counted]  # n  K,n
    if not ((chosen >= 0) & (chosen <= 1)).all():
        raise ValueError("a probability is not between 0 and 1")
    top = chosen.argmax(axis=0)
    confidence = chosen.max(axis=0) if len(chosen) else np.zeros(0)
    rows = [_count(confidence, top == classes, n_bins)]
    rows += [_count(each, classes == index, n_bins) for index, each in enumerate(chosen)]
    return np.stack(rows)


def calibration_errors(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sum over bins of n_b / n x |share right - mean probability|, of each row.

    Parameters
    ----------
    counts : (..., 3, bins) as `count_confidence` gives them

    Returns
    -------
    (...,) in [0, 1], 0 is best; NaN without a pixel

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[[0.0, 3.0], [0.0, 2.0], [0.0, 2.3]]])
    >>> calibration_errors(counts).round(4).tolist()  # |2/3 - 2.3/3|
    [0.1]
    """
    n_px, right, confidence = np.moveaxis(counts, -2, 0)
    total = n_px.sum(axis=-1)
    errors = np.full(total.shape, np.nan)
    np.divide(np.abs(right - confidence).sum(axis=-1), total, out=errors, where=total > 0)
    return errors


def reliability(counts: NDArray[np.float64]) -> Reliability:
    """Return mean probability and share of right pixels of each bin, from one row (3, bins).

    Examples
    --------
    >>> import numpy as np
    >>> reliability(np.array([[0.0, 4.0], [0.0, 2.0], [0.0, 3.0]])).accuracy.tolist()
    [nan, 0.5]
    """
    n_px, right, confidence = counts
    empty = np.full(n_px.shape, np.nan)
    return Reliability(
        confidence=np.divide(confidence, n_px, out=empty.copy(), where=n_px > 0),
        accuracy=np.divide(right, n_px, out=empty.copy(), where=n_px > 0),
        n_px=n_px,
    )


def _count(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], n_bins: int
) -> NDArray[np.float64]:
    """Return pixels, right ones and summed confidence in each bin, (3, bins)."""
    inner = np.linspace(0, 1, n_bins + 1)[1:-1]
    values = confidence.astype(np.float64)
    bins = np.searchsorted(inner, values)
    weights = (None, right.astype(np.float64), values)
    return np.stack([np.bincount(bins, each, n_bins).astype(np.float64) for each in weights])
