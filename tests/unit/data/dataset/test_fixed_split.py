"""Lists and tables of others become splits; what they name wrongly is said with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.data.dataset.fixed_split import (
    SplitLists,
    complete_lists,
    find_shared_groups,
    read_lists,
    read_split_table,
)
from cellenhance.data.dataset.manifest import (
    Dataset,
    DatasetDescription,
    SampleRow,
    SegmentationClass,
)
from cellenhance.data.dataset.splits import SplitSettings, SplitTable, save_split
from cellenhance.errors import DatasetError

IDS = ("a", "b", "c", "slide2__a", "x y", "cell.v2")


def make_dataset(root: Path, **groups: str) -> Dataset:
    cell = SegmentationClass(index=0, name="cell", color="#000000")
    description = DatasetDescription(name="t", classes=(cell,), channels=1)
    rows = [
        SampleRow(i, f"images/{i}.tif", f"masks/{i}.tif", groups.get(i, i), 4, 4, 1, "uint8", i)
        for i in IDS
    ]
    return Dataset(root, description, tuple(rows))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def subsets(table: SplitTable) -> dict[str, tuple[str, ...]]:
    return {s: table.subset(1, s) for s in ("train", "val", "test") if table.subset(1, s)}


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        ("a", "a"),
        ("a.png", "a"),
        ("images/a.tif", "a"),
        ("/data/old/a.ome.tif", "a"),
        ("C:\\data\\a.png", "a"),
        ("slide2/a.png", "slide2__a"),
        ("scans/slide2/a.png", "slide2__a"),
        ("a.png a_mask.png", "a"),
        ("x y", "x y"),
        ("x y.tif", "x y"),
        ("cell.v2", "cell.v2"),
        ("cell.v2.tif", "cell.v2"),
    ],
)
def test_a_line_means_an_image_by_id_file_or_path(tmp_path: Path, line: str, sample: str) -> None:
    lists = SplitLists(test=write(tmp_path / "test.txt", "# a comment", "", f"  {line}  "))
    assert subsets(read_lists(make_dataset(tmp_path), lists, "t")) == {"test": (sample,)}


def test_all_three_lists_are_kept_as_they_are(tmp_path: Path) -> None:
    lists = SplitLists(
        write(tmp_path / "1", "c", "a"), write(tmp_path / "2", "b"), write(tmp_path / "3", "x y")
    )
    dataset = make_dataset(tmp_path)
    table = read_lists(dataset, lists, "published")
    assert subsets(table) == {"train": ("a", "c"), "val": ("b",), "test": ("x y",)}
    assert complete_lists(dataset, table, lists, SplitSettings()) == table


def test_without_a_training_list_the_rest_trains_and_part_of_it_validates(tmp_path: Path) -> None:
    lists = SplitLists(test=write(tmp_path / "t", "a", "b"))
    dataset = make_dataset(tmp_path)
    table = read_lists(dataset, lists, "t")
    completed = subsets(complete_lists(dataset, table, lists, SplitSettings(val_count=1)))
    assert completed["test"] == ("a", "b")
    assert (len(completed["train"]), len(completed["val"])) == (3, 1)
    without = subsets(complete_lists(dataset, table, lists, SplitSettings(val_fraction=0)))
    assert without == {"train": IDS[2:], "test": ("a", "b")}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a", "celll.v2"], r"t.txt, line 2: 'celll.v2' is not a sample.*did you mean 'cell.v2'\?"),
        (["a", "zzz"], r"line 2: 'zzz' is not a sample of the dataset; ids look like 'a'"),
        (["a", "b", "a.png"], r"line 3: 'a' is already listed in .*t.txt, line 1"),
        (["# nothing"], "names no image"),
    ],
)
def test_wrong_lists_name_file_and_line(tmp_path: Path, lines: list[str], message: str) -> None:
    lists = SplitLists(test=write(tmp_path / "t.txt", *lines))
    with pytest.raises(DatasetError, match=message):
        read_lists(make_dataset(tmp_path), lists, "t")


def test_an_image_in_two_lists_is_refused(tmp_path: Path) -> None:
    lists = SplitLists(write(tmp_path / "train.txt", "a"), test=write(tmp_path / "test.txt", "a"))
    with pytest.raises(
        DatasetError, match=r"test.txt, line 1: 'a' is already listed in .*train.txt"
    ):
        read_lists(make_dataset(tmp_path), lists, "t")


def test_lists_that_cannot_be_read_or_leave_nothing_are_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    with pytest.raises(
        DatasetError, match=r"ghost.txt: is not a readable text file \(No such file"
    ):
        read_lists(dataset, SplitLists(tmp_path / "ghost.txt"), "t")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="is not a readable text file"):
        read_lists(dataset, SplitLists(tmp_path / "binary"), "t")
    lists = SplitLists(test=write(tmp_path / "all", *IDS))
    with pytest.raises(DatasetError, match="leave no image to train on"):
        complete_lists(dataset, read_lists(dataset, lists, "t"), lists, SplitSettings())


def test_a_table_of_folds_is_read_with_foreign_columns_and_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv", "site,subset,fold,id", "x,train,1,a.png", "y,test,1,b", "y,train,2,b"
    )
    table = read_split_table(make_dataset(tmp_path), path, "t")
    assert [(row.id, row.fold, row.subset) for row in table.rows] == [
        ("a", 1, "train"),
        ("b", 1, "test"),
        ("b", 2, "train"),
    ]
    path = write(tmp_path / "t.csv", "id,subset", "a,val")
    assert subsets(read_split_table(make_dataset(tmp_path), path, "t")) == {"val": ("a",)}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,subset", "a,train"], "has the columns name,subset; expected id,subset"),
        (["id,subset", "a,tset"], "line 2: fold '1', subset 'tset'"),
        (["id,fold,subset", "a,0,train"], "line 2: fold '0'"),
        (["id,fold,subset", "q,1,train"], "line 2: 'q' is not a sample"),
        (["id,fold,subset", ",1,train"], "line 2: has no id"),
        (["id,fold,subset", "a,1,train", "a,1,test"], "'a' is listed twice in fold 1"),
        (["id,fold,subset", "a,2,train"], "folds must count 1, 2, 3"),
        (["id,subset"], "folds must count 1, 2, 3"),
    ],
)
def test_wrong_tables_name_file_and_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_split_table(make_dataset(tmp_path), write(tmp_path / "t.csv", *lines), "t")


def test_groups_on_both_sides_are_found_in_the_fold_where_they_are(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, a="donor", b="donor")
    lines = ["id,fold,subset", "a,1,train", "b,1,train", "a,2,train", "b,2,test", "c,2,test"]
    table = read_split_table(dataset, write(tmp_path / "t.csv", *lines), "t")
    assert find_shared_groups(dataset, table) == ["fold 2: a in train, b in test"]


def test_a_saved_split_replays_from_its_file(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    lists = SplitLists(test=write(tmp_path / "t", "a"))
    table = complete_lists(dataset, read_lists(dataset, lists, "t"), lists, SplitSettings())
    path = save_split(dataset, table)
    assert read_split_table(dataset, path, "t") == table
