"""What every kind of the synthetic world hands out: a clean picture and its exact truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as label_regions

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.settings import Settings

LabelMap = NDArray[np.int32]

REGION_NAMES = ("background", "interior", "boundary")
BACKGROUND, INTERIOR, BOUNDARY = range(3)


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture without noise and what is in it.

    Attributes
    ----------
    clean : (H, W) float32 in [0, 1], after the optics and before any camera
    mask : (H, W) uint8, index into `class_names`
    labels : (H, W) int32, 0 where there is no object, else 1, 2 ... n; each label is one
        4-connected region, and the pixels above 0 are those of the kind's object classes
    class_names : what the indices of the mask mean
    border_class : the class that does nothing but part objects (a membrane), None without one
    """

    kind: str
    clean: FloatImage
    mask: MaskArray
    labels: LabelMap
    class_names: tuple[str, ...]
    border_class: str | None = None

    def regions(self) -> MaskArray:
        """Return (H, W) uint8: 0 background, 1 interior and 2 boundary of objects.

        A pixel belongs to the boundary if one of its 8 neighbours has another label, or if it
        belongs to the class that parts objects. So objects that touch are told apart.
        """
        regions = regions_of_labels(self.labels)
        if self.border_class is not None:
            regions[self.mask == self.class_names.index(self.border_class)] = BOUNDARY
        return regions


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of scene.

    Attributes
    ----------
    summary : what it looks like, in a line
    class_names : of its masks, in the order of the indices
    object_classes : the classes whose pixels carry a label
    ranges : what is drawn anew for every scene, with its limits
    draw : makes a scene of a side in px; every draw comes from the generator
    """

    name: str
    summary: str
    class_names: tuple[str, ...]
    object_classes: tuple[str, ...]
    ranges: Settings
    draw: Callable[[int, np.random.Generator], Scene]


def regions_of_labels(labels: LabelMap) -> MaskArray:
    """Return (H, W) uint8 of a (H, W) label map: 0 background, 1 interior, 2 boundary.

    Examples
    --------
    >>> regions_of_labels(np.array([[0, 0, 1, 1, 1, 2, 2, 2]], dtype=np.int32)).tolist()
    [[0, 2, 2, 1, 2, 2, 1, 1]]
    """
    is_boundary = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    regions = np.where(labels > 0, INTERIOR, BACKGROUND).astype(np.uint8)
    regions[is_boundary] = BOUNDARY
    return regions


def connected_labels(owner: NDArray[np.integer]) -> LabelMap:
    """Return labels 1 ... n of the 4-connected regions of equal `owner` above 0.

    An object that another one or the edge of the image cuts in two becomes two.

    Examples
    --------
    >>> connected_labels(np.array([[7, 0, 7], [7, 0, 3]])).tolist()
    [[1, 0, 2], [1, 0, 3]]
    """
    labels: LabelMap = label_regions(owner, background=0, connectivity=1).astype(np.int32)
    return labels
