"""Swaps bring the class shares of all parts together and leave their sizes alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cellenhance.data.dataset.balancing import balance
from cellenhance.data.dataset.dealing import Unit
from cellenhance.data.dataset.folds import make_split
from cellenhance.data.dataset.splits import SUBSETS, SplitSettings, fraction_split
from tests.unit.data.dataset.test_splits import make_rows


def units_of(values: list[float]) -> dict[Unit, np.ndarray]:
    """Return units of one image with this percentage of cell."""
    return {(f"s{i}",): np.array([100 - value, value]) for i, value in enumerate(values)}


def test_one_swap_by_hand() -> None:
    """10, 20 | 30, 40 hold 15 % and 35 % of 25 %; swapping 10 with 30, or 20 with 40, mends it."""
    amounts = units_of([10, 20, 30, 40])
    parts: list[list[Unit]] = [[("s0",), ("s1",)], [("s2",), ("s3",)]]
    balance(parts, amounts, np.random.default_rng(0))
    assert [sorted(part) for part in parts] in (
        [[("s1",), ("s2",)], [("s0",), ("s3",)]],
        [[("s0",), ("s3",)], [("s1",), ("s2",)]],
    )


def test_shares_that_are_close_are_left_to_chance() -> None:
    amounts = units_of([24.5, 25.5, 25, 25])
    parts: list[list[Unit]] = [[("s0",), ("s2",)], [("s1",), ("s3",)]]
    before = [list(part) for part in parts]
    balance(parts, amounts, np.random.default_rng(0))
    assert parts == before
    balance(parts, None, np.random.default_rng(0))
    assert parts == before


def test_the_best_of_all_divisions_is_found_or_nearly() -> None:
    """Twelve images in 8, 1 and 3: compared with all 1980 divisions."""
    values = [0.4, 1, 2, 3, 5, 8, 11, 14, 17, 24, 27, 31]
    amounts = {f"s{i}": (100 - v, v) for i, v in enumerate(values)}
    mean = np.mean(values)
    best = min(
        max(
            abs(values[val] - mean),
            abs(np.mean([values[i] for i in test]) - mean),
            abs(np.mean([v for i, v in enumerate(values) if i != val and i not in test]) - mean),
        )
        for val in range(12)
        for test in itertools.combinations(set(range(12)) - {val}, 3)
    )
    for seed in range(5):
        table = fraction_split(make_rows(12), SplitSettings(seed=seed), amounts)
        parts = [[amounts[each][1] for each in table.subset(1, subset)] for subset in SUBSETS]
        assert tuple(map(len, parts)) == (8, 1, 3)
        assert max(abs(np.mean(part) - mean) for part in parts) <= 2 * best


def test_groups_of_equal_size_change_places_whole() -> None:
    groups = {i: f"slide{i // 2}" for i in range(12)}
    amounts = {f"s{i}": (90.0, float(i // 2)) for i in range(12)}
    for seed in range(5):
        table = fraction_split(make_rows(12, groups), SplitSettings(seed=seed), amounts)
        subset_of = {row.id: row.subset for row in table.rows}
        assert all(subset_of[f"s{i}"] == subset_of[f"s{i + 1}"] for i in range(0, 12, 2))


@pytest.mark.parametrize(("n", "k", "expected"), [(50, 5, (35, 5, 10)), (1032, 3, (688, 44, 300))])
def test_the_counts_of_the_papers_hold_with_classes(
    n: int, k: int, expected: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(0)
    amounts = {f"s{i}": rng.gamma(0.5, 1, 3).tolist() for i in range(n)}
    more = {"val_count": 44, "val_from": "test"} if n == 1032 else {}
    settings = SplitSettings.model_validate({"folds": k, **more})
    table = make_split(make_rows(n), settings, amounts)
    for fold in range(1, k + 1):
        assert tuple(len(table.subset(fold, s)) for s in SUBSETS) == expected
        total = np.sum(list(amounts.values()), axis=0)
        for subset in SUBSETS:
            part = np.sum([amounts[each] for each in table.subset(fold, subset)], axis=0)
            assert part / part.sum() == pytest.approx(total / total.sum(), rel=0.15)


def test_images_without_any_class_are_no_obstacle() -> None:
    amounts = {f"s{i}": (0.0, 0.0) for i in range(10)}
    table = fraction_split(make_rows(10), SplitSettings(), amounts)
    assert [len(table.subset(1, s)) for s in SUBSETS] == [7, 1, 2]
