"""Whatever the groups: splits are complete, disjoint, group-whole and seed-stable."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cellenhance.data.dealing import build_units
from cellenhance.data.manifest import SampleRow
from cellenhance.data.splits import SUBSETS, SplitSettings, SplitTable, fraction_split, kfold_split


@st.composite
def sample_tables(draw: st.DrawFn, least_groups: int = 1) -> list[SampleRow]:
    """Samples with random groups and some equal images."""
    n = draw(st.integers(least_groups, 40))
    groups = draw(st.lists(st.integers(0, 30), min_size=n, max_size=n))
    groups[:least_groups] = range(100, 100 + least_groups)
    hashes = draw(st.lists(st.integers(0, 400), min_size=n, max_size=n))
    hashes[:least_groups] = range(1000, 1000 + least_groups)
    return [
        SampleRow(
            f"s{i}",
            f"images/s{i}.tif",
            f"masks/s{i}.tif",
            f"g{group}",
            4,
            4,
            1,
            "uint8",
            str(digest),
        )
        for i, (group, digest) in enumerate(zip(groups, hashes, strict=True))
    ]


def check_fold(rows: list[SampleRow], table: SplitTable, fold: int) -> None:
    parts = [table.subset(fold, subset) for subset in SUBSETS]
    assert sorted(each for part in parts for each in part) == sorted(row.id for row in rows)
    for attribute in ("group", "sha256"):
        marks = [{getattr(row, attribute) for row in rows if row.id in part} for part in parts]
        assert sum(map(len, marks)) == len(set.union(*marks))


@settings(max_examples=60, deadline=None)
@given(sample_tables(), st.integers(0, 2**31), st.booleans())
def test_fraction_splits_are_complete_disjoint_whole_and_stable(
    rows: list[SampleRow], seed: int, stratified: bool
) -> None:
    shares = {row.id: (1.0, float(i % 3)) for i, row in enumerate(rows)}
    wanted = SplitSettings(seed=seed, stratified=stratified)
    table = fraction_split(rows, wanted, shares)
    check_fold(rows, table, 1)
    assert table == fraction_split(rows, wanted, shares)
    if len(build_units(rows, "column")) >= 3:
        assert all(table.subset(1, subset) for subset in SUBSETS)


@settings(max_examples=40, deadline=None)
@given(sample_tables(least_groups=7), st.integers(2, 5), st.integers(0, 2**31))
def test_each_sample_tests_in_exactly_one_fold(
    rows: list[SampleRow], folds: int, seed: int
) -> None:
    table = kfold_split(rows, SplitSettings(folds=folds, seed=seed))
    for fold in range(1, folds + 1):
        check_fold(rows, table, fold)
        assert all(table.subset(fold, subset) for subset in SUBSETS)
    tested = [each for fold in range(1, folds + 1) for each in table.subset(fold, "test")]
    assert sorted(tested) == sorted(row.id for row in rows)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 200), st.integers(0, 1000))
def test_without_groups_every_subset_is_within_one_image_of_its_share(n: int, seed: int) -> None:
    rows = [SampleRow(f"s{i}", "a", "b", f"s{i}", 1, 1, 1, "uint8", str(i)) for i in range(n)]
    table = fraction_split(rows, SplitSettings(seed=seed))
    for subset, share in zip(SUBSETS, (0.7, 0.1, 0.2), strict=True):
        assert abs(len(table.subset(1, subset)) - share * n) <= 1.2
