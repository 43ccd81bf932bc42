"""CSV tables of pairs: columns, groups and subsets, and every way in which a table can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import image, make_csv, put

TRUTH = "files/a-truth.tif"


def find(source: Path, layout: str = "csv") -> FoundSource:
    return find_source(source, layout, ImportOptions())


def test_groups_and_subsets_come_from_their_columns(tmp_path: Path) -> None:
    make_csv(tmp_path)
    found = find(tmp_path)
    assert [(pair.id, pair.group) for pair in found.pairs] == [
        ("a", "donor 1"),
        ("b", "donor 1"),
        ("c", "donor 2"),
    ]
    assert [(row.id, row.subset) for row in found.split] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "test"),
    ]
    assert "columns not used: microscope" in found.notes


def test_images_without_a_subset_are_named(tmp_path: Path) -> None:
    make_csv(tmp_path)
    rows = [f"files/{s}.tif,files/{s}-truth.tif" for s in "abc"]
    lines = [f"{row},{each}" for row, each in zip(rows, ("train", "", "test"), strict=True)]
    (tmp_path / "pairs.csv").write_text("image,mask,subset\n" + "\n".join(lines))
    found = find(tmp_path)
    assert found.notes == (
        "the source brings a split: 1 train, 1 test",
        "in no part of the split: b",
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_capitals_and_marks_of_spreadsheets(tmp_path: Path, delimiter: str) -> None:
    make_csv(tmp_path)
    (tmp_path / "pairs.csv").unlink()
    rows = [("Image", " MASK "), ("files/a.tif", TRUTH), ("files\\b.tif", "files\\b-truth.tif")]
    text = "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows) + "\r\n\r\n"
    (tmp_path / "table.tsv").write_text(text, encoding="utf-8")
    found = find(tmp_path, "auto")
    assert [(pair.id, pair.group) for pair in found.pairs] == [("a", None), ("b", None)]


def test_folds_count_from_one(tmp_path: Path) -> None:
    make_csv(tmp_path)
    rows = [f"files/{s}.tif,files/{s}-truth.tif" for s in "abc"]
    subsets = (("train", "train", "test"), ("test", "train", "train"))
    lines = [
        f"{row},{subset},{fold}"
        for fold, each in zip((3, 7), subsets, strict=True)
        for row, subset in zip(rows, each, strict=True)
    ]
    (tmp_path / "pairs.csv").write_text("image,mask,subset,fold\n" + "\n".join(lines))
    found = find(tmp_path)
    assert [(r.id, r.fold, r.subset) for r in found.split if r.subset == "test"] == [
        ("c", 1, "test"),
        ("a", 2, "test"),
    ]
    assert len(found.pairs) == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["files/gone.tif,files/a-truth.tif,,"], r"line 2: image 'files/gone\.tif' is not a file"),
        (["files/a.tif,,,"], "line 2: mask '' is not a file"),
        (["files/a.tif,../../x.tif,,"], "line 2: mask: path .* leaves the source folder"),
        (["files/a.tif,files/a-truth.tif,,dev"], "line 2: subset is 'dev'"),
        (["files/a.tif,files/a-truth.tif"], "line 2: has 2 values, the header 4 columns"),
        ([], "has no row"),
        (
            ["files/a.tif,files/a-truth.tif,x,", "files/a.tif,files/a-truth.tif,y,"],
            r"line 3: a\.tif is listed in pairs.csv, line 2 too, with another mask or group",
        ),
    ],
)
def test_tables_that_are_wrong_name_the_line(tmp_path: Path, rows: list[str], message: str) -> None:
    make_csv(tmp_path)
    (tmp_path / "pairs.csv").write_text("\n".join(["image,mask,group,subset", *rows]))
    with pytest.raises(DatasetError, match=message):
        find(tmp_path, "auto")


def test_two_tables_need_a_choice_which_may_be_the_source(tmp_path: Path) -> None:
    make_csv(tmp_path)
    (tmp_path / "other.csv").write_text(f"image,mask\nfiles/a.tif,{TRUTH}\n")
    with pytest.raises(DatasetError, match=r"several tables .*other\.csv, pairs\.csv.*as SOURCE"):
        find(tmp_path)
    assert [pair.id for pair in find(tmp_path / "other.csv", "auto").pairs] == ["a"]


def test_other_tables_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("image,n_cells\na,3\n")
    put(tmp_path / "images" / "a.tif", image())
    put(tmp_path / "masks" / "a.tif", image())
    assert find(tmp_path, "auto").layout == "paired"
    with pytest.raises(DatasetError, match="has the columns image, n_cells; expected image and"):
        find(tmp_path / "counts.csv")
