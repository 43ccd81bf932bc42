"""How much of each class a mask holds: pixels and connected objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cellenhance.arrays import MaskArray

_EIGHT = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class ClassRegion:
    """Pixels of one class in a mask, and its objects: parts that touch by a side or a corner."""

    area_px: int
    n_objects: int


def measure_classes(mask: MaskArray, n_classes: int) -> tuple[ClassRegion, ...]:
    """Return pixels and objects of each class of a mask (H, W) uint8; 255 (ignore) is no class.

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
