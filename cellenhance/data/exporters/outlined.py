"""A mask as outlines that read back as the same mask, but for what simplifying may change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.data.annotations.labels import is_background
from cellenhance.data.annotations.outlines import Region, trace_regions
from cellenhance.data.annotations.rasterize import paint_shapes
from cellenhance.data.annotations.shapes import Area, Shape
from cellenhance.data.dataset.manifest import DatasetDescription
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.exporters.contract import Change, ExportTarget

MOST_CHANGED = 0.005
"""Share of the pixels of an image that simplified outlines may change."""
MOST_OF_A_CLASS = 0.1
"""Share of the pixels of a class that they may add or take away."""

AsRead: TypeAlias = Callable[[Region], tuple[Area, ...]]
"""What the importer of a format makes of the outlines that are written for a region."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """The regions of a mask that are written, in painting order, and what they change."""

    regions: tuple[Region, ...]
    change: Change


def background_index(description: DatasetDescription) -> int | None:
    """Return the class that pixels under no shape get when files come back, None for none."""
    names = [each.name for each in description.classes]
    return next((index for index, name in enumerate(names) if is_background(name)), None)


def labels_of(description: DatasetDescription, ignore: str) -> dict[int, str]:
    """Return the label of each mask value."""
    return {each.index: each.name for each in description.classes} | {IGNORE: ignore}


def outline_sample(
    sample: Sample, target: ExportTarget, as_read: AsRead, *, has_holes: bool
) -> Outlines:
    """Return the outlines of a sample's mask, as simple as the limits on change allow.

    Parameters
    ----------
    as_read : a region as the format's importer will see it
    has_holes : regions keep their holes, so that background need not be painted over anything
    """
    background = background_index(target.description)
    for tolerance in dict.fromkeys((target.tolerance_px, target.tolerance_px / 2, 0.0)):
        regions = [
            region
            for region in trace_regions(sample.mask, tolerance)
            if region.value != background or not (has_holes or region.at_border)
        ]
        after = _read_back(regions, as_read, sample.mask.shape, background)
        if tolerance == 0 or _is_close(sample.mask, after):
            break
    n_changed = int(np.count_nonzero(after != sample.mask))
    return Outlines(tuple(regions), Change(sample.id, tolerance, n_changed, sample.mask.size))


def _read_back(
    regions: Sequence[Region], as_read: AsRead, shape: tuple[int, ...], background: int | None
) -> NDArray[np.int64]:
    canvas = np.full(shape, -1 if background is None else background, dtype=np.int64)
    shapes = [Shape(str(region.value), as_read(region)) for region in regions]
    paint_shapes(canvas, shapes, {shape.label: int(shape.label) for shape in shapes})
    return canvas


def _is_close(mask: MaskArray, after: NDArray[np.int64]) -> bool:
    changed = after != mask
    if np.count_nonzero(changed) > MOST_CHANGED * mask.size or (after < 0).any():
        return False
    before = np.bincount(mask.ravel(), minlength=IGNORE + 1)
    lost = np.bincount(mask[changed], minlength=IGNORE + 1)
    gained = np.bincount(after[changed], minlength=IGNORE + 1)
    return bool((np.maximum(lost, gained) <= MOST_OF_A_CLASS * before).all())
