"""How far apart the outlines of a class lie in truth and prediction, in pixels or in um.

Distances and matched shares of one class all follow from `measure_outlines`; multiplied by the side
of a square pixel, distances are in um, and pixels of unequal sides are measured in um from the
start. Where the class is in only one of the masks, distances are infinite; where it is in neither,
NaN. A mean over images must state how many there were of each: leaving misses out rewards the model
that misses most.

Source: methods.md 10; Huttenlocher et al. (1993), IEEE TPAMI 15 (Hausdorff); 95th percentile and
mean over both directions as MONAI computes them; boundary F1: Csurka et al. (2013), BMVC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from cellenhance.arrays import IGNORE, MaskArray

IN_PIXELS = (1.0, 1.0)
"""Sides of a pixel for distances in pixels."""

TOLERANCE_PX = 2.0
"""How far from an outline its counterpart may lie to count as found, in the boundary F1."""


@dataclass(frozen=True, slots=True)
class OutlineDistances:
    """From every outline pixel the distance to the nearest one of the other outline, in pixels.

    Infinite where the other outline has no pixel.

    Attributes
    ----------
    from_truth : (n,) float64, of each outline pixel of the truth
    from_prediction : (m,) float64, of each outline pixel of the prediction
    """

    from_truth: NDArray[np.float64]
    from_prediction: NDArray[np.float64]

    def hausdorff(self) -> float:
        """Return the largest distance of either direction, in pixels.

        Examples
        --------
        >>> import numpy as np
        >>> OutlineDistances(np.array([0.0, 1.0]), np.array([0.0, 4.0])).hausdorff()
        4.0
        """
        return self.percentile(100)

    def percentile(self, percent: float) -> float:
        """Return the larger of the two directions' percentiles, linearly interpolated, in pixels.

        Examples
        --------
        >>> import numpy as np
        >>> distances = np.r_[np.zeros(19), 9.0]
        >>> round(OutlineDistances(distances, np.zeros(3)).percentile(95), 2)
        0.45
        """
        sides = [each for each in (self.from_truth, self.from_prediction) if each.size]
        if not sides:
            return float("nan")
        if any(np.isinf(each).any() for each in sides):
            return float("inf")
        return float(max(np.percentile(each, percent) for each in sides))

    def mean(self) -> float:
        """Return the mean over the pixels of both outlines, the average symmetric distance, in px.

        Examples
        --------
        >>> import numpy as np
        >>> OutlineDistances(np.array([0.0, 1.0]), np.array([0.0, 4.0])).mean()
        1.25
        """
        both = np.concatenate([self.from_truth, self.from_prediction])
        return float(both.mean()) if both.size else float("nan")

    def count_matches(self, tolerance_px: float = TOLERANCE_PX) -> NDArray[np.int64]:
        """Return outline pixels: found and all of the truth, right and all of the prediction, (4,).

        Counts of images add up.
        """
        found = [
            count
            for each in (self.from_truth, self.from_prediction)
            for count in (np.count_nonzero(each <= tolerance_px), each.size)
        ]
        return np.array(found, np.int64)


def measure_outlines(
    truth: MaskArray,
    prediction: MaskArray,
    index: int,
    *,
    frame: bool = False,
    sides: tuple[float, float] = IN_PIXELS,
) -> OutlineDistances:
    """Return the distances between the outlines of one class.

    Parameters
    ----------
    truth, prediction : (H, W) uint8 class indices; where the truth is 255, neither has an outline
    index : the class
    frame : whether pixels at the image border are outline, as MONAI has it. By default they are
        not: a cell that the image cuts does not end there, and the frame of the background would
        be found by every model.
    sides : height and width of a pixel; distances have their unit

    Notes
    -----
    An outline pixel is an annotated pixel of the class of which one of the 4 neighbours is an
    annotated pixel of another class: the outline lies inside the class, one pixel wide.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[0, 1, 1, 0, 0, 0]], np.uint8)
    >>> prediction = np.array([[0, 1, 1, 1, 1, 0]], np.uint8)
    >>> measure_outlines(truth, prediction, 1).hausdorff()
    2.0
    """
    annotated = truth != IGNORE
    first = np.argwhere(outline(truth == index, annotated, frame=frame)) * sides
    second = np.argwhere(outline(prediction == index, annotated, frame=frame)) * sides
    return OutlineDistances(_nearest(first, second), _nearest(second, first))


def outline(
    region: NDArray[np.bool_], annotated: NDArray[np.bool_], *, frame: bool = False
) -> NDArray[np.bool_]:
    """Return the annotated pixels of a region with an annotated 4-neighbour outside it, (H, W).

    Examples
    --------
    >>> import numpy as np
    >>> region = np.array([[1, 1, 1, 0]], bool)
    >>> outline(region, np.ones_like(region)).astype(int).tolist()
    [[0, 0, 1, 0]]
    """
    # With a border of one pixel around the image, each of the four neighbours is a shifted view.
    outside = np.pad(annotated & ~region, 1, constant_values=frame)
    beside = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return np.asarray(region & annotated & beside, np.bool_)


def hausdorff_of_regions(
    truth: MaskArray, prediction: MaskArray, index: int, sides: tuple[float, float] = IN_PIXELS
) -> float:
    """Return the Hausdorff distance between all pixels of one class, not only outlines.

    Parameters
    ----------
    truth, prediction : (H, W) uint8 class indices; where the truth is 255, neither has the class
    index : the class
    sides : height and width of a pixel; the distance has their unit

    Returns
    -------
    The largest distance from a pixel of the class in one mask to the nearest one in the other,
    >= 0; infinite where one mask lacks the class, NaN where both do

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[0, 1, 1, 1, 0, 0]], np.uint8)
    >>> hausdorff_of_regions(truth, np.array([[0, 1, 0, 0, 0, 1]], np.uint8), 1)
    2.0
    """
    annotated = truth != IGNORE
    first, second = (truth == index) & annotated, (prediction == index) & annotated
    if not first.any() or not second.any():
        return float("inf") if first.any() or second.any() else float("nan")
    # The distance transform is paid for only where one of the regions lies.
    box = _box(first | second)
    first, second = first[box], second[box]
    return max(_farthest(first, second, sides), _farthest(second, first, sides))


def boundary_f1(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the harmonic mean of boundary precision and recall from counts (..., 4): (...,).

    Parameters
    ----------
    counts : as `OutlineDistances.count_matches` returns them, or sums of these

    Returns
    -------
    In [0, 1]; 0 where only one of the masks has an outline, NaN where neither has

    Notes
    -----
    Recall = outline pixels of the truth within the tolerance of the predicted outline / all;
    precision the reverse. The result grows with the tolerance, so it must be stated with it.

    Examples
    --------
    >>> import numpy as np
    >>> boundary_f1(np.array([3, 4, 1, 2])).round(4).item()  # recall 3/4, precision 1/2
    0.6
    >>> boundary_f1(np.array([[0, 4, 0, 0], [0, 0, 0, 0]])).tolist()
    [0.0, nan]
    """
    recalled, n_truth, right, n_predicted = np.moveaxis(counts.astype(np.float64), -1, 0)
    # 2 P R / (P + R), written so that an empty outline is never divided by.
    above = 2 * recalled * right
    below = recalled * n_predicted + right * n_truth
    scores = np.where(n_truth + n_predicted > 0, 0.0, np.nan)
    np.divide(above, below, out=scores, where=below > 0)
    return scores


def _nearest(points: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Return the distance of each point (n, 2) to the nearest of the others."""
    if not len(others):
        return np.full(len(points), np.inf)
    distances: NDArray[np.float64] = spatial.cKDTree(others).query(points)[0]
    return distances


def _farthest(
    region: NDArray[np.bool_], other: NDArray[np.bool_], sides: tuple[float, float]
) -> float:
    """Return the largest distance from a pixel of a region to the other region."""
    beyond = region & ~other
    if not beyond.any():
        return 0.0
    return float(ndimage.distance_transform_edt(~other, sampling=sides)[beyond].max())


def _box(region: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns that hold a region."""
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
