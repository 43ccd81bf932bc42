"""Where several masks of one image differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray


@dataclass(frozen=True, slots=True)
class Window:
    """A square part of an image, and how many of its pixels the masks give different classes."""

    top: int
    left: int
    side: int
    n_different: int

    def cut(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return this part of an array (H, W, ...)."""
        return array[self.top : self.top + self.side, self.left : self.left + self.side]


def find_disagreements(
    masks: Sequence[MaskArray], *, n_windows: int, side: int
) -> tuple[Window, ...]:
    """Return up to `n_windows` squares that do not overlap, where the masks differ most.

    Parameters
    ----------
    masks : (H, W) uint8 each; pixels that are 255 (ignore) in any of them do not count
    side : of the squares in pixels; there are none if it does not fit into the image

    Examples
    --------
    >>> import numpy as np
    >>> first, second = np.zeros((2, 8, 8), np.uint8)
    >>> second[5:7, 1] = 1
    >>> find_disagreements([first, second], n_windows=3, side=4)
    (Window(top=3, left=0, side=4, n_different=2),)
    """
    different = np.zeros(masks[0].shape, bool)
    for mask in masks[1:]:
        different |= mask != masks[0]
    for mask in masks:
        different &= mask != IGNORE
    if min(different.shape) < side:
        return ()
    sums = _window_sums(different, side)
    # Take the best square, bar all squares that would overlap it, and look again.
    found = []
    for _ in range(n_windows):
        top, left = (int(each) for each in np.unravel_index(np.argmax(sums), sums.shape))
        count = int(sums[top, left])
        if count <= 0:
            break
        top, left = _middle_of_best(sums, top, left, side)
        found.append(Window(top, left, side, count))
        sums[max(0, top - side + 1) : top + side, max(0, left - side + 1) : left + side] = -1
    return tuple(found)


def _window_sums(different: NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    """Return the number of True pixels in the square that begins at each pixel."""
    # Summed-area table: four of its values give the sum of any rectangle.
    total = np.pad(different.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    upper = total[side:, side:] - total[side:, :-side]
    sums: NDArray[np.int64] = upper - total[:-side, side:] + total[:-side, :-side]
    return sums


def _middle_of_best(sums: NDArray[np.int64], top: int, left: int, side: int) -> tuple[int, int]:
    """Return the middle of the equally good squares to the right of and below the first one.

    This puts a small difference in the middle of its square, not in its corner.
    """
    best = sums[top, left]
    below = sums[top : top + side, left] == best
    down = (below.argmin() if not below.all() else below.size) - 1
    row = top + int(down) // 2
    beside = sums[row, left : left + side] == best
    right = (beside.argmin() if not beside.all() else beside.size) - 1
    return row, left + int(right) // 2
