"""What is odd about the parts of a split, in words."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.data.dataset.options import Subset
from cellenhance.tasks.datasets.split_parts import SubsetSummary, small_parts, uneven_parts


def parts(
    *sizes: int, cell: tuple[float, float, float] = (0.2, 0.2, 0.2), fold: int = 1
) -> list[SubsetSummary]:
    names: tuple[Subset, ...] = ("train", "val", "test")
    return [
        SubsetSummary(fold, name, n, n, {"background": 1 - share, "cell": share})
        for name, n, share in zip(names, sizes, cell, strict=True)
    ]


COUNTS = {"all": np.array([8000, 2000])}


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ((5, 3, 3), []),
        ((5, 0, 3), []),
        ((5, 2, 3), ["the val part has 2 images, too few to choose the best epoch reliably"]),
        ((9, 3, 1), ["the test part has 1 image, too few for scores to be reliable"]),
        ((2, 0, 0), ["the train part has 2 images, too few to teach much"]),
    ],
)
def test_parts_of_fewer_than_three_images(sizes: tuple[int, int, int], said: list[str]) -> None:
    assert small_parts(parts(*sizes)) == said


def test_test_parts_of_folds_are_scored_together() -> None:
    folds = [*parts(9, 2, 1), *parts(9, 2, 1, fold=2), *parts(9, 3, 1, fold=3)]
    assert small_parts(folds) == [
        "folds 1, 2: the val part has 2 images, too few to choose the best epoch reliably"
    ]
    uneven = [*parts(9, 3, 1, cell=(0.2, 0.2, 0.6)), *parts(9, 3, 1, fold=2)]
    assert uneven_parts(uneven, COUNTS) == []


def test_shares_that_differ_by_a_third_are_named_the_worst_first() -> None:
    """Of 20 % in all: 26 % is within a third, 27 % and 14 % are not; background hardly moves."""
    assert uneven_parts(parts(5, 3, 3, cell=(0.2, 0.26, 0.16)), COUNTS) == []
    assert uneven_parts(parts(5, 3, 3, cell=(0.2, 0.27, 0.14)), COUNTS) == [
        "class shares differ between parts (cell 14 % of test, 20 % of all; "
        "cell 27 % of val, 20 % of all)"
    ]


def test_empty_parts_and_absent_classes_are_no_difference() -> None:
    assert uneven_parts(parts(5, 0, 0, cell=(0.2, 0, 0)), COUNTS) == []
    nothing = {"all": np.array([10, 0])}
    assert uneven_parts(parts(5, 3, 3, cell=(0, 0, 0)), nothing) == []
