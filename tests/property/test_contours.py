"""Outlines enclose exactly the pixels of their class, whatever the mask."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellenhance.arrays import MaskArray
from cellenhance.render.contours import Ring, class_rings, mask_outlines

COLORS = ["#000000", "#e69f00", "#56b4e9"]
MASKS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 255]))
)


def rasterise(rings: tuple[Ring, ...], shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centre an odd number of rings encloses, by ray casting."""
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(float)
    rows += 1e-7  # no ray through a corner
    inside = np.zeros(shape, bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in itertools.pairwise(ring):
            crosses = (y0 > rows) != (y1 > rows)
            if y0 != y1:
                inside ^= crosses & (cols < x0 + (rows - y0) * (x1 - x0) / (y1 - y0))
    return inside


@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_outlines_enclose_exactly_the_pixels_of_the_class(mask: MaskArray) -> None:
    for index in (0, 1, 2):
        rings = class_rings(mask == index)
        np.testing.assert_array_equal(rasterise(rings, mask.shape), mask == index)
        for ring in rings:
            assert (ring[0] == ring[-1]).all()
            assert ring.min() >= -0.5
            assert (ring.max(axis=0) <= np.array(mask.shape[::-1]) - 0.5).all()


@given(MASKS)
@settings(max_examples=50, deadline=None)
def test_every_class_that_occurs_has_one_outline_the_largest_first(mask: MaskArray) -> None:
    outlines = mask_outlines(mask, COLORS, without={0})
    areas = {color: int((mask == index).sum()) for index, color in enumerate(COLORS)}
    assert sorted(each.color for each in outlines) == sorted(
        color for color in COLORS[1:] if areas[color]
    )
    sizes = [areas[each.color] for each in outlines]
    assert sizes == sorted(sizes, reverse=True)


@given(MASKS)
@settings(max_examples=50, deadline=None)
def test_drawn_outlines_enclose_the_same_pixels_and_have_no_line_on_the_border(
    mask: MaskArray,
) -> None:
    for outline in mask_outlines(mask, COLORS):
        index = COLORS.index(outline.color)
        np.testing.assert_array_equal(rasterise(outline.rings, mask.shape), mask == index)
        for ring in outline.rings:
            for (x0, y0), (x1, y1) in itertools.pairwise(ring):
                for a, b, last in ((x0, x1, mask.shape[1]), (y0, y1, mask.shape[0])):
                    assert not (a == b and (a == -0.5 or a == last - 0.5))
