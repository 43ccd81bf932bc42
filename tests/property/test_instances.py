"""What a rule does to any label map: nothing is lost but by the width, and objects part."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from cellenhance.data.importers.instances import apply_instance_rule
from cellenhance.data.importers.options import InstanceSettings

LABELS = st_numpy.arrays(
    np.int64,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0, 0, 1, 2, 2, 7, 2**31]),
)
WIDTHS = st.integers(1, 4)


def codes_of(labels: np.ndarray, width_px: int) -> np.ndarray:
    settings = InstanceSettings(rule="interior-boundary", boundary_width_px=width_px)
    return apply_instance_rule(labels, settings)


@given(LABELS, WIDTHS)
def test_objects_keep_their_pixels_and_the_background_its_own(
    labels: np.ndarray, width_px: int
) -> None:
    binary = apply_instance_rule(labels, InstanceSettings(rule="binary"))
    np.testing.assert_array_equal(binary, labels != 0)
    np.testing.assert_array_equal(codes_of(labels, width_px) != 0, labels != 0)


@given(LABELS, WIDTHS)
def test_interiors_of_two_objects_never_touch_not_even_by_a_corner(
    labels: np.ndarray, width_px: int
) -> None:
    inner = np.where(codes_of(labels, width_px) == 1, labels, 0)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = inner[: inner.shape[0] - down, max(0, -right) : inner.shape[1] - max(0, right)]
        there = inner[down:, max(0, right) : inner.shape[1] + min(0, right)]
        assert not ((here != there) & (here != 0) & (there != 0)).any()


@given(LABELS, WIDTHS)
def test_a_wider_boundary_holds_the_narrower_and_numbers_do_not_matter(
    labels: np.ndarray, width_px: int
) -> None:
    codes = codes_of(labels, width_px)
    assert (codes_of(labels, width_px + 1)[codes == 2] == 2).all()
    _, order = np.unique(np.append(labels, 0), return_inverse=True)
    renamed = np.where(labels == 0, 0, 100 - order[:-1].reshape(labels.shape))
    np.testing.assert_array_equal(codes_of(renamed, width_px), codes)
