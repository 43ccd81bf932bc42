"""Whatever the groups: splits are complete, disjoint, group-whole and seed-stable."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cellenhance.data.dataset.balancing import balance
from cellenhance.data.dataset.dealing import build_units, unit_amounts
from cellenhance.data.dataset.fixed_split import read_split_table
from cellenhance.data.dataset.folds import kfold_split, make_split
from cellenhance.data.dataset.manifest import (
    Dataset,
    DatasetDescription,
    SampleRow,
    SegmentationClass,
)
from cellenhance.data.dataset.splits import (
    SUBSETS,
    SplitSettings,
    SplitTable,
    fraction_split,
    load_split,
    save_split,
)


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


@settings(max_examples=40, deadline=None)
@given(sample_tables(least_groups=7), st.integers(2, 3), st.integers(0, 2**31))
def test_each_sample_is_held_out_in_exactly_one_fold(
    rows: list[SampleRow], folds: int, seed: int
) -> None:
    table = kfold_split(
        rows, SplitSettings(folds=folds, seed=seed, val_from="test", val_fraction=0.3)
    )
    for fold in range(1, folds + 1):
        check_fold(rows, table, fold)
        assert all(table.subset(fold, subset) for subset in SUBSETS)
    held = [
        each
        for fold in range(1, folds + 1)
        for s in ("val", "test")
        for each in table.subset(fold, s)
    ]
    assert sorted(held) == sorted(row.id for row in rows)


@settings(max_examples=40, deadline=None)
@given(sample_tables(least_groups=3), st.integers(0, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_counts_keep_groups_whole_and_come_close(
    rows: list[SampleRow], n_val: int, n_test: int, seed: int
) -> None:
    if n_val + n_test >= len(rows):
        return
    table = fraction_split(rows, SplitSettings(seed=seed, val_count=n_val, test_count=n_test))
    check_fold(rows, table, 1)
    assert table.subset(1, "train")
    largest = max(map(len, build_units(rows, "column")))
    if largest == 1:
        assert len(table.subset(1, "val")) == n_val
        assert len(table.subset(1, "test")) == n_test


@settings(max_examples=25, deadline=None)
@given(sample_tables(least_groups=4), st.integers(2, 4), st.integers(0, 2**31))
def test_a_split_replays_from_its_csv(rows: list[SampleRow], folds: int, seed: int) -> None:
    cell = SegmentationClass(index=0, name="cell", color="#000000")
    description = DatasetDescription(name="t", classes=(cell,), channels=1)
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(Path(folder), description, tuple(rows))
        for table in (
            fraction_split(rows, SplitSettings(seed=seed, name="one")),
            kfold_split(rows, SplitSettings(seed=seed, folds=folds, val_fraction=0, name="many")),
        ):
            path = save_split(dataset, table)
            assert load_split(dataset, table.name) == table
            assert read_split_table(dataset, path, table.name) == table


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 200), st.integers(0, 1000))
def test_without_groups_every_subset_is_within_one_image_of_its_share(n: int, seed: int) -> None:
    rows = [SampleRow(f"s{i}", "a", "b", f"s{i}", 1, 1, 1, "uint8", str(i)) for i in range(n)]
    table = fraction_split(rows, SplitSettings(seed=seed))
    for subset, share in zip(SUBSETS, (0.7, 0.1, 0.2), strict=True):
        assert abs(len(table.subset(1, subset)) - share * n) <= 1.2


@settings(max_examples=60, deadline=None)
@given(sample_tables(least_groups=4), st.integers(0, 3), st.sampled_from([None, 2]))
def test_balanced_parts_keep_their_sizes_groups_and_samples(
    rows: list[SampleRow], seed: int, folds: int | None
) -> None:
    drawn = np.random.default_rng(seed).gamma(0.3, 1, (len(rows), 3))
    amounts = {row.id: tuple(values) for row, values in zip(rows, drawn, strict=True)}
    wanted = SplitSettings(seed=seed, folds=folds)
    table = make_split(rows, wanted, amounts)
    assert table == make_split(rows, wanted, amounts)
    for fold in range(1, table.n_folds + 1):
        check_fold(rows, table, fold)
    parts = [[unit] for unit in build_units(rows, "column")]
    before = [sum(map(len, part)) for part in parts]
    balance(parts, unit_amounts([unit for [unit] in parts], amounts), np.random.default_rng(seed))
    assert [sum(map(len, part)) for part in parts] == before
