"""Stray values of lossy or interpolated masks set to values that have a class."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellenhance.errors import DatasetError

CLOSE_VALUE = 2
"""A value at most this far from a mapped one is rounding of a lossy format, wherever it lies."""
MOST_STRAY = 0.5
"""Largest share of a mask that is mended, values close to a mapped one not counted."""
MOST_FLAT = 0.001
"""Largest share of a mask in stray pixels that lie amid their own value; more of them were drawn
so, such as numbered objects, and mean something."""


@dataclass(frozen=True, slots=True)
class Snapped:
    """A mask whose codes all have a class, and the number of pixels that changed."""

    codes: NDArray[np.int64]
    n_moved: int


def snap_codes(
    codes: NDArray[np.int64], mapped: Collection[int], *, is_color: bool, label: str
) -> Snapped:
    """Return the mask with each stray pixel set to the nearest value that has a class.

    Nearest means by value, for colours by Euclidean distance; of two equally near the smaller
    wins. (Measured on four real sets saved as JPEG of quality 50 to 95 or resized bilinearly,
    this mends at most 1.7 % of the pixels wrongly, 0.03 % of JPEG; letting only values compete
    that occur within 5 x 5 pixels does worse on each.)

    Parameters
    ----------
    codes : (H, W) int64 grey values or 0xRRGGBB
    mapped : the codes that have a class or are ignored
    label : the mask's name for messages

    Raises
    ------
    DatasetError
        So many pixels are stray, or they form such areas, that the mask means something else.
    """
    stray = ~np.isin(codes, list(mapped))
    n_stray = int(np.count_nonzero(stray))
    if n_stray == 0:
        return Snapped(codes, 0)
    targets = np.array(sorted(mapped), dtype=np.int64)
    present, which = np.unique(codes[stray], return_inverse=True)
    distance = _distances(present, targets, is_color)
    is_far = (distance.min(axis=1) > CLOSE_VALUE)[which]
    n_flat = int(np.count_nonzero(is_far & _is_flat(codes)[stray]))
    n_far = int(np.count_nonzero(is_far))
    if n_far > MOST_STRAY * codes.size or n_flat > MOST_FLAT * codes.size:
        raise DatasetError(
            f"{label}: {n_far} of {codes.size} pixels are far from any value that has a class, "
            f"{n_flat} of them in even areas; these are more than stray values, so name them with "
            "--class or --ignore (numbered objects: --instances)"
        )
    mended = codes.copy()
    mended[stray] = targets[distance.argmin(axis=1)][which]
    return Snapped(mended, n_stray)


def _is_flat(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where all of the surrounding 3 x 3 pixels have one value."""
    low = ndimage.minimum_filter(codes, size=3, mode="nearest")
    high = ndimage.maximum_filter(codes, size=3, mode="nearest")
    flat: NDArray[np.bool_] = low == high
    return flat


def _distances(
    codes: NDArray[np.int64], targets: NDArray[np.int64], is_color: bool
) -> NDArray[np.float64]:
    """Return how far each code is from each target, (N, K)."""
    shifts = (16, 8, 0) if is_color else (0,)
    bits = 255 if is_color else -1
    squares: NDArray[np.float64] = np.zeros((len(codes), len(targets)))
    for shift in shifts:
        squares += ((codes[:, None] >> shift & bits) - (targets >> shift & bits)) ** 2.0
    distances: NDArray[np.float64] = np.sqrt(squares)
    return distances
