"""train_img, train_label and their like: the split is kept, what is not numbered left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import class_mask, image, make_numbered_pairs, put


def find(source: Path) -> FoundSource:
    return find_source(source, "numbered-pairs", ImportOptions())


def test_folders_are_the_split_and_repeated_numbers_become_paths(tmp_path: Path) -> None:
    make_numbered_pairs(tmp_path)
    found = find(tmp_path)
    assert [(pair.id, pair.image_label, pair.mask_label) for pair in found.pairs] == [
        ("train_img__0", "train_img/0.png", "train_label/0.png"),
        ("1", "train_img/1.png", "train_label/1.png"),
        ("test_img__0", "test_img/0.png", "test_label/0.png"),
    ]
    assert [(row.id, row.subset) for row in found.split] == [
        ("train_img__0", "train"),
        ("1", "train"),
        ("test_img__0", "test"),
    ]
    assert "1 file or folder not named by a number left out: train_label/0.png.npy" in found.notes


def test_a_validation_part_is_kept_too(tmp_path: Path) -> None:
    make_numbered_pairs(tmp_path)
    put(tmp_path / "val_img" / "4.png", image(9))
    put(tmp_path / "val_label" / "4.png", class_mask())
    assert [row.subset for row in find(tmp_path).split] == ["train", "train", "val", "test"]


def test_numbers_are_in_order_of_size_and_zeros_do_not_matter(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        put(tmp_path / "deep" / "train_img" / f"{number}.tif", image(number))
        put(tmp_path / "deep" / "train_label" / f"{number:03d}.png", class_mask())
    found = find(tmp_path)
    assert [pair.id for pair in found.pairs] == ["2", "9", "10"]
    assert found.split == ()
    assert "only train is there: the source brings no split" in found.notes


def test_a_part_without_labels_is_said(tmp_path: Path) -> None:
    make_numbered_pairs(tmp_path)
    shutil.rmtree(tmp_path / "test_label")
    assert "test_img/ left out: images and labels are not both there" in find(tmp_path).notes


def test_images_and_labels_without_a_partner_are_named(tmp_path: Path) -> None:
    make_numbered_pairs(tmp_path)
    put(tmp_path / "train_img" / "7.png", image())
    put(tmp_path / "test_label" / "8.png", class_mask())
    assert [Path(path).name for path in find(tmp_path).unmatched] == ["7.png", "8.png"]


def test_two_spellings_of_a_number_are_refused(tmp_path: Path) -> None:
    make_numbered_pairs(tmp_path)
    put(tmp_path / "train_img" / "01.png", image())
    with pytest.raises(DatasetError, match=r"01\.png and 1\.png have the same number"):
        find(tmp_path)
