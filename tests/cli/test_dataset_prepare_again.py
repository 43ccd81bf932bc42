"""A dataset of ours as the source of `dataset prepare`: what it says of itself goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from tests.layout_twins import make_csv, make_dataset


def test_classes_background_colours_and_warnings_go_on(cli: Any, tmp_path: Path) -> None:
    make_dataset(tmp_path / "former")
    done = cli("dataset", "prepare", tmp_path / "former", "-o", tmp_path / "again")
    assert done.exit_code == 0, done.stderr
    assert "warning: made darker by hand" in done.stderr
    assert "not read" not in done.stderr
    before, after = (load_dataset(tmp_path / name) for name in ("former", "again"))
    old, new = before.description, after.description
    assert (new.classes, new.background) == (old.classes, "soil")
    assert (new.warnings, new.licence, new.pixel_size_um) == (old.warnings, "CC0", 0.5)
    assert new.source == "former (dataset)"
    for row in before.samples:
        assert after.row(row.id).group == "donor 1"
        one, other = load_sample(before, row), load_sample(after, after.row(row.id))
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.mask, other.mask)


def test_its_split_holds_and_other_splits_are_named(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    done = cli("dataset", "prepare", tiny_dataset, "-o", tmp_path / "again", "--tile", 32)
    assert done.exit_code == 0, done.stderr
    assert "the source brings a split: 4 train, 2 val, 2 test" in done.stderr
    assert "splits left out: folds" in done.stderr
    again = load_dataset(tmp_path / "again")
    assert len(again.samples) == 8 * 4
    subset_of = {row.id: row.subset for row in load_split(load_dataset(tiny_dataset)).rows}
    for row in load_split(again).rows:
        assert row.subset == subset_of[row.id.rsplit("_", 2)[0]]


def test_its_classes_are_merged_by_name(cli: Any, tmp_path: Path) -> None:
    make_dataset(tmp_path / "former")
    words = ("dataset", "prepare", tmp_path / "former", "-o", tmp_path / "again")
    done = cli(*words, "--class", "tissue=soil,cell")
    assert done.exit_code == 0, done.stderr
    again = load_dataset(tmp_path / "again")
    assert (again.class_names, again.description.background) == (("tissue",), None)


def test_a_split_of_the_source_that_divides_a_group_is_said(cli: Any, tmp_path: Path) -> None:
    make_csv(tmp_path / "lab")
    rows = [f"files/{s}.tif,files/{s}-truth.tif,donor" for s in "abc"]
    lines = [f"{row},{each}" for row, each in zip(rows, ("train", "train", "test"), strict=True)]
    table = "image,mask,group,subset\n" + "\n".join(lines)
    (tmp_path / "lab" / "pairs.csv").write_text(table)
    words = ("--class", "background=0", "--class", "cell=255")
    done = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", *words)
    assert done.exit_code == 0, done.stderr
    assert "warning: the split of the source divides 1 group," in done.stderr
    assert "fold 1: a, b in train, c in test" in " ".join(done.stderr.split())


def test_a_damaged_dataset_is_one_line(cli: Any, tmp_path: Path) -> None:
    make_dataset(tmp_path / "former")
    (tmp_path / "former" / "dataset.yaml").write_text("classes: 3")
    done = cli("dataset", "prepare", tmp_path / "former", "-o", tmp_path / "again")
    assert done.exit_code == 3
    [line] = done.stderr.splitlines()
    assert "dataset.yaml" in line
