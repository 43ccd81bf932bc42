"""Splits keep quotas, groups and equal images, and are checked when loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cellenhance.data.dataset.folds import kfold_split
from cellenhance.data.dataset.manifest import (
    Dataset,
    DatasetDescription,
    SampleRow,
    SegmentationClass,
)
from cellenhance.data.dataset.splits import (
    SplitSettings,
    fraction_split,
    load_split,
    save_split,
)
from cellenhance.errors import DatasetError, OutputExistsError, SettingsError
from cellenhance.settings import validate_settings


def make_rows(n: int, groups: dict[int, str] | None = None) -> list[SampleRow]:
    return [
        SampleRow(
            f"s{i}",
            f"images/s{i}.tif",
            f"masks/s{i}.tif",
            (groups or {}).get(i, f"s{i}"),
            4,
            4,
            1,
            "uint8",
            f"hash{i}",
        )
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (3, (1, 1, 1)),
        (10, (7, 1, 2)),
        (100, (70, 10, 20)),
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
    ],
)
def test_fractions_become_counts(n: int, expected: tuple[int, int, int]) -> None:
    table = fraction_split(make_rows(n), SplitSettings())
    assert tuple(len(table.subset(1, s)) for s in ("train", "val", "test")) == expected


def test_folds_of_the_paper() -> None:
    """50 images in 5 folds are 35 train, 5 val, 10 test."""
    table = kfold_split(make_rows(50), SplitSettings(folds=5))
    for fold in range(1, 6):
        sizes = tuple(len(table.subset(fold, s)) for s in ("train", "val", "test"))
        assert sizes == (35, 5, 10)


def test_the_folds_of_1032_tiles() -> None:
    """Each held-out third of 344 is divided into 44 that validate and 300 that test."""
    rows = make_rows(1032)
    settings = SplitSettings(folds=3, val_count=44, val_from="test")
    table = kfold_split(rows, settings)
    for fold in (1, 2, 3):
        sizes = tuple(len(table.subset(fold, s)) for s in ("train", "val", "test"))
        assert sizes == (688, 44, 300)
    held_out = [
        each for fold in (1, 2, 3) for s in ("val", "test") for each in table.subset(fold, s)
    ]
    assert sorted(held_out) == sorted(row.id for row in rows)
    assert table == kfold_split(rows, settings)


@pytest.mark.parametrize(
    ("n", "counts", "expected"),
    [
        (50, {"val_count": 5, "test_count": 10}, (35, 5, 10)),
        (10, {"test_count": 1}, (8, 1, 1)),
        (10, {"val_count": 0}, (8, 0, 2)),
        (1000, {"val_count": 333, "test_count": 1}, (666, 333, 1)),
    ],
)
def test_counts_come_out_exactly(n: int, counts: dict[str, Any], expected: tuple[int, ...]) -> None:
    for seed in range(5):
        table = fraction_split(make_rows(n), SplitSettings(seed=seed, **counts))
        assert tuple(len(table.subset(1, s)) for s in ("train", "val", "test")) == expected


def test_counts_come_as_close_as_whole_groups_allow() -> None:
    """Groups of 4, 4, 4, 3, 1: five images are a group of 4 and the single one."""
    groups = dict(enumerate(["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 3 + ["e"]))
    for seed in range(10):
        settings = SplitSettings(seed=seed, val_count=0, test_count=5)
        table = fraction_split(make_rows(16, groups), settings)
        names = {groups[int(each[1:])] for each in table.subset(1, "test")}
        assert sum(list(groups.values()).count(name) for name in names) == len(
            table.subset(1, "test")
        )
        assert abs(len(table.subset(1, "test")) - 5) <= 1


def test_counts_that_leave_nothing_to_train_are_refused() -> None:
    with pytest.raises(DatasetError, match="10 of 10 images are asked for validation and test"):
        fraction_split(make_rows(10), SplitSettings(val_count=5, test_count=5))
    with pytest.raises(DatasetError, match=r"fold 1 leaves 3 images in 3 groups to test"):
        kfold_split(make_rows(9), SplitSettings(folds=3, val_count=3, val_from="test"))


def test_equal_images_stay_together_even_without_groups() -> None:
    rows = make_rows(12)
    rows[7] = SampleRow(
        **{**{f: getattr(rows[7], f) for f in rows[7].__slots__}, "sha256": rows[2].sha256}
    )
    for seed in range(20):
        table = fraction_split(rows, SplitSettings(group_by="none", seed=seed))
        subset = {row.id: row.subset for row in table.rows}
        assert subset["s2"] == subset["s7"]


def test_groups_by_regular_expression() -> None:
    table = fraction_split(make_rows(20), SplitSettings(group_by=r"^s(\d)"))
    subset = {row.id: row.subset for row in table.rows}
    assert len({subset[f"s{i}"] for i in (1, *range(10, 20))}) == 1
    with pytest.raises(SettingsError, match="has 0 groups"):
        fraction_split(make_rows(4), SplitSettings(group_by="s."))
    with pytest.raises(SettingsError, match="does not match the id 's0'"):
        fraction_split(make_rows(4), SplitSettings(group_by="x(.)"))


def test_stratified_subsets_share_the_rare_class_evenly() -> None:
    """Half of the images hold the rare class: it is in each subset at about half the images."""
    rows = make_rows(40)
    shares = {row.id: (0.9, 0.1) if i % 2 else (1.0, 0.0) for i, row in enumerate(rows)}
    for seed in range(10):
        table = fraction_split(rows, SplitSettings(seed=seed), shares)
        subsets = [table.subset(1, "train"), table.subset(1, "val"), table.subset(1, "test")]
        for ids, n_rare in zip(subsets, (14, 2, 4), strict=True):
            found = sum(shares[each][1] > 0 for each in ids)
            assert abs(found - n_rare) <= 1


def test_seeds_differ() -> None:
    tables = {fraction_split(make_rows(20), SplitSettings(seed=seed)).rows for seed in range(5)}
    assert len(tables) == 5


def test_too_few_groups_for_the_folds_is_an_error() -> None:
    with pytest.raises(DatasetError, match=r"5 folds of 4 independent group"):
        kfold_split(make_rows(4), SplitSettings(folds=5))
    with pytest.raises(DatasetError, match=r"leaves 1 image in 1 group"):
        kfold_split(make_rows(2), SplitSettings(folds=2))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fractions": (0.7, 0.1, 0.3)}, "sum to 1"),
        ({"fractions": (0.0, 0.5, 0.5)}, "training part"),
        ({"name": "../evil"}, "name"),
        ({"folds": 1}, "folds"),
        ({"folds": 2, "test_count": 3}, "leave out the count of test images"),
        ({"val_from": "test"}, "is for folds"),
    ],
)
def test_settings_that_make_no_split_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        validate_settings(SplitSettings, values, where="test")


def make_dataset(root: Path) -> Dataset:
    cell = SegmentationClass(index=0, name="cell", color="#000000")
    description = DatasetDescription(name="t", classes=(cell,), channels=1)
    return Dataset(root, description, tuple(make_rows(10)))


def test_a_split_survives_the_disk_and_is_not_replaced_by_accident(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    table = kfold_split(dataset.samples, SplitSettings(folds=3, name="three"))
    save_split(dataset, table)
    assert load_split(dataset, "three") == table
    with pytest.raises(OutputExistsError, match="split 'three' exists"):
        save_split(dataset, table)
    with pytest.raises(DatasetError, match=r"no split 'default' \(splits here: three\)"):
        load_split(dataset)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s0,1,tset", "subset 'tset'"),
        ("s0,0,train", "fold '0'"),
        ("ghost,1,train", "'ghost' is not in samples.csv"),
        ("s9,1,test\ns9,1,train", "'s9' is listed twice in fold"),
        ("s0,2,train", "folds must count"),
    ],
)
def test_damaged_splits_are_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "default.csv").write_text(f"id,fold,subset\n{line}\n")
    with pytest.raises(DatasetError, match=message):
        load_split(make_dataset(tmp_path))
