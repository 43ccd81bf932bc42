"""Objects found, missed and invented: F1 and AP at several IoUs, and panoptic quality.

An object is a connected component of one class; pixels that touch by a corner belong together
(8-connectivity, as in `regions`). Touching cells of one class are therefore ONE object: where the
class map cannot separate them, these scores say nothing about separation. One overlap matrix of all
objects of an image answers everything.

"AP" is TP / (TP + FP + FN), as the 2018 Data Science Bowl and StarDist call it: objects without
scores have no precision-recall curve, so it is not COCO's average precision.

Source: Kirillov et al. (2019), arXiv 1801.00868 (panoptic quality, void pixels); Schmidt et al.
(2018), arXiv 1806.03535 (F1 and AP over IoU 0.5 to 0.9).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from cellenhance.arrays import IGNORE, MaskArray

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
"""IoUs at or above which a pair is a match."""

_EIGHT = np.ones((3, 3), np.uint8)


def count_objects(truth: MaskArray, prediction: MaskArray, n_classes: int) -> NDArray[np.float64]:
    """Return the objects found, invented and missed of each class, at each IoU.

    Parameters
    ----------
    truth, prediction : (H, W) uint8 class indices; where the truth is 255, nothing counts
    n_classes : number of classes K

    Returns
    -------
    (K, 10, 4) float64, counts that add up over images. Row i < 9 is `THRESHOLDS[i]`: a pair of one
    class matches at IoU >= t. Row 9 is the rule of panoptic quality: at IoU > 0.5. Columns: matches
    TP, unmatched predictions FP, unmatched true objects FN, sum of the matches' IoUs.

    Notes
    -----
    Above an IoU of 0.5 every object has at most one partner (Kirillov et al., theorem 1), so greedy
    and optimal matching agree. At exactly 0.5 the two halves of an object both fit, and one of them
    is taken. Where the truth is 255 there is nothing: objects of both masks end
    there. What is left of a predicted object more than half of which lies there is no FP.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 1, 0, 1, 0, 1]], np.uint8)
    >>> prediction = np.array([[1, 1, 0, 0, 1, 0, 0]], np.uint8)
    >>> count_objects(truth, prediction, 2)[1, 0].round(3).tolist()  # at IoU 0.5
    [2.0, 0.0, 1.0, 1.667]
    """
    pair = _Overlaps(truth, prediction, n_classes)
    return np.stack([pair.count(index) for index in range(n_classes)])


def object_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2 TP / (2 TP + FP + FN) of counts (..., 4), in [0, 1]; NaN without any object.

    Examples
    --------
    >>> import numpy as np
    >>> object_f1(np.array([2.0, 0.0, 1.0, 1.667])).item()
    0.8
    """
    true, false, missed, _ = np.moveaxis(counts, -1, 0)
    return _divide(2 * true, 2 * true + false + missed)


def object_ap(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return TP / (TP + FP + FN) of counts (..., 4), in [0, 1]; NaN without any object.

    Examples
    --------
    >>> import numpy as np
    >>> object_ap(np.array([2.0, 1.0, 1.0, 1.667])).item()
    0.5
    """
    true, false, missed, _ = np.moveaxis(counts, -1, 0)
    return _divide(true, true + false + missed)


def recognition_quality(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return RQ, the F1 at IoU > 0.5, of counts (..., 10, 4): (...,); NaN without any object.

    Examples
    --------
    >>> import numpy as np
    >>> counts = count_objects(*np.array([[[1, 0, 1]], [[1, 0, 0]]], np.uint8), n_classes=2)
    >>> recognition_quality(counts).round(4).tolist()  # of the background 1/2 is right: no match
    [0.0, 0.6667]
    """
    return object_f1(counts[..., -1, :])


def segmentation_quality(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return SQ, the mean IoU of the matches at IoU > 0.5, of counts (..., 10, 4): (...,).

    In (0.5, 1]; NaN without any match. It leaves misses out, so it never stands alone.

    Examples
    --------
    >>> import numpy as np
    >>> counts = count_objects(*np.array([[[1, 1, 1]], [[1, 1, 0]]], np.uint8), n_classes=2)
    >>> segmentation_quality(counts).round(4).tolist()
    [nan, 0.6667]
    """
    return _divide(counts[..., -1, 3], counts[..., -1, 0])


def panoptic_quality(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return PQ = SQ x RQ = sum of IoUs / (TP + FP / 2 + FN / 2) of counts (..., 10, 4): (...,).

    In [0, 1]; NaN without any object.

    Examples
    --------
    >>> import numpy as np
    >>> counts = count_objects(*np.array([[[1, 1, 1]], [[1, 1, 0]]], np.uint8), n_classes=2)
    >>> panoptic_quality(counts).round(4).tolist()
    [0.0, 0.6667]
    """
    true, false, missed, ious = np.moveaxis(counts[..., -1, :], -1, 0)
    return _divide(ious, true + (false + missed) / 2)


class _Overlaps:
    """The objects of both masks, their areas and every overlap, of all classes at once."""

    def __init__(self, truth: MaskArray, prediction: MaskArray, n_classes: int) -> None:
        annotated = truth != IGNORE
        counted = np.where(annotated, prediction, IGNORE).astype(np.uint8)
        first, self.truth_ends = _label_classes(truth, n_classes)
        second, self.prediction_ends = _label_classes(counted, n_classes)
        shape = (self.truth_ends[-1] + 1, self.prediction_ends[-1] + 1)
        pairs = (first[annotated], second[annotated])
        ones = np.ones(pairs[0].size, np.int64)
        self.overlaps = sparse.coo_array((ones, pairs), shape=shape).tocsr()
        self.truth_px = self.overlaps.sum(axis=1)
        self.prediction_px = self.overlaps.sum(axis=0)
        self.mostly_ignored = np.zeros(shape[1], bool)
        if not annotated.all():
            whole, ends = _label_classes(prediction, n_classes)
            n_px = np.bincount(whole.ravel(), minlength=ends[-1] + 1)
            n_ignored = np.bincount(whole[~annotated], minlength=ends[-1] + 1)
            self.mostly_ignored[second] = (2 * n_ignored > n_px)[whole]

    def count(self, index: int) -> NDArray[np.float64]:
        """Return the counts of one class, (10, 4)."""
        rows = slice(self.truth_ends[index] + 1, self.truth_ends[index + 1] + 1)
        columns = slice(self.prediction_ends[index] + 1, self.prediction_ends[index + 1] + 1)
        part = self.overlaps[rows, columns].tocoo()
        first, second = self.truth_px[rows], self.prediction_px[columns]
        ious = part.data / (first[part.row] + second[part.col] - part.data)
        counts = np.zeros((len(THRESHOLDS) + 1, 4))
        for row, chosen in enumerate([*(ious >= each for each in THRESHOLDS), ious > 0.5]):
            candidates = sparse.csr_array(
                (ious[chosen], (part.row[chosen], part.col[chosen])), shape=part.shape
            )
            matched, total = _match(candidates)
            false = np.count_nonzero(~matched & ~self.mostly_ignored[columns])
            n_matched = np.count_nonzero(matched)
            counts[row] = n_matched, false, first.size - n_matched, total
        return counts


def _label_classes(mask: MaskArray, n_classes: int) -> tuple[NDArray[np.int64], list[int]]:
    """Return objects numbered from 1 class after class, and the last number before each class."""
    labels = np.zeros(mask.shape, np.int64)
    ends = [0]
    for index in range(n_classes):
        region = mask == index
        part, n_parts = ndimage.label(region, _EIGHT) if region.any() else (labels, 0)
        labels[region] = part[region] + ends[-1]
        ends.append(ends[-1] + n_parts)
    return labels, ends


def _match(candidates: sparse.csr_array) -> tuple[NDArray[np.bool_], float]:
    """Return which predictions get a partner when most pairs are made, and their summed IoU."""
    partners = csgraph.maximum_bipartite_matching(candidates, perm_type="row")
    columns = np.flatnonzero(partners >= 0)
    total = candidates[partners[columns], columns].sum() if columns.size else 0.0
    return partners >= 0, float(total)


def _divide(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64]
) -> NDArray[np.float64]:
    scores = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=scores, where=denominator > 0)
    return scores
