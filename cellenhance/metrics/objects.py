"""Objects found, missed and invented: F1 and AP at several IoUs, and panoptic quality.

An object is a connected component of one class; pixels that touch by a corner belong together
(8-connectivity). Touching cells of one class are therefore ONE object: where the
class map cannot separate them, these scores say nothing about separation. One overlap matrix of all
objects of an image answers everything.

"AP" is TP / (TP + FP + FN), as the 2018 Data Science Bowl and StarDist call it: objects without
scores have no precision-recall curve, so it is not COCO's average precision.

Source: Kirillov et al. (2019), arXiv 1801.00868 (panoptic quality, void pixels); Schmidt et al.
(2018), arXiv 1806.03535 (F1 and AP over IoU 0.5 to 0.9).
"""

from __future__ import annotations

from dataclasses import dataclass

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
    is taken. Where the truth is 255 there is nothing: objects of both masks end there. If more than
    half of a predicted object lies there, what is left of it is not an FP.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 1, 0, 1, 0, 1]], np.uint8)
    >>> prediction = np.array([[1, 1, 0, 0, 1, 0, 0]], np.uint8)
    >>> count_objects(truth, prediction, 2)[1, 0].round(3).tolist()  # at IoU 0.5
    [2.0, 0.0, 1.0, 1.667]
    """
    annotated = truth != IGNORE
    # Label both masks once, class after class, so that one overlap matrix holds all objects and
    # each class is a block of its rows and columns.
    counted = np.where(annotated, prediction, IGNORE).astype(np.uint8)
    first, truth_ends = _label_classes(truth, n_classes)
    second, prediction_ends = _label_classes(counted, n_classes)
    pair = _Overlaps(first, second, annotated)
    if not annotated.all():
        # Judged on whole predicted objects, since ignored regions may cut them into several.
        whole, _ = _label_classes(prediction, n_classes)
        pair.forgive(_mostly_outside(whole, annotated)[whole], second)
    spans = zip(truth_ends, truth_ends[1:], prediction_ends, prediction_ends[1:], strict=False)
    return np.stack([pair.count(slice(a + 1, b + 1), slice(c + 1, d + 1)) for a, b, c, d in spans])


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
    >>> recognition_quality(counts).round(4).tolist()  # background: IoU 1/2, no match
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
    """Sizes and overlaps of the objects of two label maps (0 = none), over the counted pixels."""

    def __init__(
        self, truth: NDArray[np.int64], prediction: NDArray[np.int64], counted: NDArray[np.bool_]
    ) -> None:
        shape = (int(truth.max(initial=0)) + 1, int(prediction.max(initial=0)) + 1)
        pairs = (truth[counted], prediction[counted])
        ones = np.ones(pairs[0].size, np.int64)
        self._overlaps = sparse.coo_array((ones, pairs), shape=shape).tocsr()
        self._truth_px = self._overlaps.sum(axis=1)
        self._prediction_px = self._overlaps.sum(axis=0)
        self._forgiven = np.zeros(shape[1], bool)

    def forgive(self, where: NDArray[np.bool_], prediction: NDArray[np.int64]) -> None:
        """Do not count a predicted object as false if it has a pixel where this is True."""
        self._forgiven[prediction[where]] = True

    def count(self, rows: slice, columns: slice) -> NDArray[np.float64]:
        """Return the counts of these true and these predicted objects, (10, 4)."""
        part = self._overlaps[rows, columns].tocoo()
        first, second = self._truth_px[rows], self._prediction_px[columns]
        ious = part.data / (first[part.row] + second[part.col] - part.data)
        counts = np.zeros((len(THRESHOLDS) + 1, 4))
        for row, chosen in enumerate([*(ious >= each for each in THRESHOLDS), ious > 0.5]):
            candidates = sparse.csr_array(
                (ious[chosen], (part.row[chosen], part.col[chosen])), shape=part.shape
            )
            matched, total = _match(candidates)
            false = np.count_nonzero(~matched & ~self._forgiven[columns])
            n_matched = np.count_nonzero(matched)
            counts[row] = n_matched, false, np.count_nonzero(first) - n_matched, total
        return counts


def _mostly_outside(labels: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return by number which objects have more than half of their pixels where nothing counts."""
    n_px = np.bincount(labels.ravel())
    n_outside = np.bincount(labels[~counted], minlength=n_px.size)
    return np.asarray(2 * n_outside > n_px, np.bool_)


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
    """Return which predictions have a partner in a largest matching, and the sum of its IoUs."""
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


@dataclass(frozen=True, slots=True)
class ClassRegion:
    """Pixels of one class in a mask, and its objects: parts that touch by a side or a corner."""

    area_px: int
    n_objects: int


def measure_classes(mask: MaskArray, n_classes: int) -> tuple[ClassRegion, ...]:
    """Return pixels and objects of each class of a mask (H, W) uint8; 255 is ignored.

    Examples
    --------
    >>> import numpy as np
    >>> [first, second] = measure_classes(np.array([[1, 0, 1], [0, 1, 255]], np.uint8), 2)
    >>> (first.area_px, first.n_objects), (second.area_px, second.n_objects)
    ((2, 1), (3, 1))
    """
    counts = np.bincount(mask.ravel(), minlength=n_classes)
    return tuple(
        ClassRegion(
            int(counts[index]),
            int(ndimage.label(mask == index, _EIGHT)[1]) if counts[index] else 0,
        )
        for index in range(n_classes)
    )
