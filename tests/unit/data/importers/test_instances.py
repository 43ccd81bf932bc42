"""Label maps as classes, on maps small enough to draw."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from cellenhance.data.classes.found_values import look_like_instances
from cellenhance.data.importers.instances import (
    InstanceCount,
    apply_instance_rule,
    count_instances,
    instance_classes,
)
from cellenhance.data.importers.options import InstanceSettings
from cellenhance.errors import SettingsError
from cellenhance.settings import validate_settings


def draw(*rows: str) -> np.ndarray:
    """Digits as values, a dot as 0."""
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.uint16)


def rule(width_px: int) -> InstanceSettings:
    return InstanceSettings(rule="interior-boundary", boundary_width_px=width_px)


TOUCHING = draw(
    "............",
    ".3333377777.",
    ".3333377777.",
    ".3333377777.",
    ".3333377777.",
    ".3333377777.",
    "............",
)


def test_binary_keeps_every_instance_as_object() -> None:
    codes = apply_instance_rule(TOUCHING, InstanceSettings(rule="binary"))
    np.testing.assert_array_equal(codes, TOUCHING > 0)


def test_touching_instances_are_parted_by_twice_the_width() -> None:
    np.testing.assert_array_equal(
        apply_instance_rule(TOUCHING, rule(1)),
        draw(
            "............",
            ".2222222222.",
            ".2111221112.",
            ".2111221112.",
            ".2111221112.",
            ".2222222222.",
            "............",
        ),
    )
    np.testing.assert_array_equal(
        apply_instance_rule(TOUCHING, rule(2)),
        draw(
            "............",
            ".2222222222.",
            ".2222222222.",
            ".2212222122.",
            ".2222222222.",
            ".2222222222.",
            "............",
        ),
    )


def test_distance_is_euclidean() -> None:
    # The corner is 2.83 px from the only foreign pixel: outside a width of 2, inside one of 3.
    labels = draw("1111", "1111", "1111", "111.")
    np.testing.assert_array_equal(
        apply_instance_rule(labels, rule(2)), draw("1111", "1112", "1122", "122.")
    )
    assert apply_instance_rule(labels, rule(3))[1, 1] == 2
    assert apply_instance_rule(labels, rule(3))[0, 0] == 1


def test_the_image_edge_is_no_boundary() -> None:
    np.testing.assert_array_equal(apply_instance_rule(draw("55", "55"), rule(1)), draw("11", "11"))
    np.testing.assert_array_equal(
        apply_instance_rule(draw("55.", "55."), rule(1)), draw("12.", "12.")
    )


@pytest.mark.parametrize("seed", range(3))
def test_width_1_is_the_inner_boundary_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.integers(0, 4, (9, 8)) * 300, np.ones((3, 4), int))
    inner = find_boundaries(labels, connectivity=1, mode="inner")
    np.testing.assert_array_equal(apply_instance_rule(labels, rule(1)) == 2, inner)


def test_ignored_values_are_no_instances() -> None:
    labels = draw("99....", "9111..", ".111..", ".111..")
    codes = apply_instance_rule(labels, rule(1), ignored=[9])
    np.testing.assert_array_equal(codes, draw("99....", "9222..", ".212..", ".212.."))


def test_instances_too_thin_for_an_interior_are_counted() -> None:
    labels = draw("........", ".1.2222.", ".1.2222.", ".1.2222.", "........")
    codes = apply_instance_rule(labels, rule(1))
    assert count_instances(labels, codes) == InstanceCount(n=2, n_without_interior=1)


def test_large_numbers_cost_no_memory() -> None:
    labels = np.zeros((4, 4), np.int64)
    labels[1:3, 1:3] = 2**31
    assert apply_instance_rule(labels, rule(1)).sum() == 8


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (range(40), True),
        ([0, 1, 2, 4, 5, 6], True),
        ([0], False),
        ([0, 255], False),
        ([0, 32, 64, 96, 128, 159, 191, 223, 255], False),
        ([1, 2, 3, 4], False),
        ([-1, 0, 1, 2, 3], False),
    ],
)
def test_numbering_tells_instances_from_classes(values: list[int], expected: bool) -> None:
    assert look_like_instances(dict.fromkeys(values, 7)) is expected


def test_names_of_the_classes_and_limits_of_the_width() -> None:
    assert [each.as_option() for each in instance_classes(rule(2))] == [
        "background=0",
        "interior=1",
        "boundary=2",
    ]
    with pytest.raises(SettingsError, match="--boundary-width 0: expected a whole number"):
        validate_settings(
            InstanceSettings, {"rule": "binary", "boundary_width_px": 0}, where="options"
        )
