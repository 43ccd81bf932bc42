"""A dataset folder is read like a foreign file: checked, and never out of its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.dataset.build import DatasetBuilder
from cellenhance.data.dataset.manifest import (
    Dataset,
    DatasetDescription,
    SegmentationClass,
    class_color,
    load_dataset,
)
from cellenhance.data.dataset.samples import load_sample, pixel_sha256
from cellenhance.errors import DatasetError


def make_dataset(root: Path, n: int = 3) -> Dataset:
    classes = tuple(
        SegmentationClass(index=i, name=name, color=class_color(i))
        for i, name in enumerate(("background", "cell"))
    )
    builder = DatasetBuilder(root, DatasetDescription(name="t", classes=classes, channels=1))
    for index in range(n):
        mask = np.zeros((4, 6), np.uint8)
        mask[0] = 1
        mask[3] = 255
        builder.add(f"s{index}", np.full((4, 6, 1), index * 10 + 1, np.uint16), mask)
    return builder.finish()


def test_what_was_built_is_loaded(tmp_path: Path) -> None:
    built = make_dataset(tmp_path)
    loaded = load_dataset(tmp_path)
    assert loaded == built
    assert loaded.class_names == ("background", "cell")
    sample = load_sample(loaded, loaded.row("s2"))
    assert sample.image.shape == (4, 6, 1)
    assert sample.image[0, 0, 0] == 21


def test_fingerprint_counts_labelled_pixels(tmp_path: Path) -> None:
    fingerprint = make_dataset(tmp_path).description.fingerprint
    assert fingerprint is not None
    # 24 pixels: 6 cell, 6 ignored, 12 background.
    assert fingerprint.class_shares == {"background": 12 / 18, "cell": 6 / 18}
    assert fingerprint.ignored_share == 0.25
    assert fingerprint.intensity[0].maximum == 21


def test_equal_images_share_a_group(tmp_path: Path) -> None:
    description = make_dataset(tmp_path / "a").description
    builder = DatasetBuilder(tmp_path / "b", description)
    mask = np.zeros((2, 2), np.uint8)
    for name, value in (("x", 1), ("y", 2), ("z", 1)):
        builder.add(name, np.array([[[value], [0]], [[0], [0]]], np.uint8), mask)
    assert [row.group for row in builder.finish().samples] == ["x", "y", "x"]
    assert builder.equal_images() == [("x", "z")]


def test_images_of_one_value_are_no_copies_of_each_other(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path / "b", make_dataset(tmp_path / "a").description)
    for name in ("x", "y"):
        builder.add(name, np.full((2, 2, 1), 7, np.uint8), np.zeros((2, 2), np.uint8))
    assert [row.group for row in builder.finish().samples] == ["x", "y"]


def test_the_hash_sees_shape_and_dtype_but_not_byte_order() -> None:
    array = np.arange(6, dtype=np.uint16).reshape(2, 3, 1)
    assert pixel_sha256(array) == pixel_sha256(array.astype(">u2"))
    assert pixel_sha256(array) != pixel_sha256(array.reshape(3, 2, 1))
    assert pixel_sha256(array) != pixel_sha256(array.astype(np.uint32))


@pytest.mark.parametrize(
    "path", ["../secret.tif", "/etc/passwd", "images/../../x.tif", "C:\\x.tif", "\\\\host\\x", ""]
)
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    make_dataset(tmp_path)
    table = tmp_path / "samples.csv"
    table.write_text(table.read_text().replace("images/s1.tif", path))
    with pytest.raises(DatasetError, match=r"line 3: image .* leaves the dataset folder"):
        load_dataset(tmp_path)


def test_links_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    make_dataset(tmp_path / "set")
    (tmp_path / "outside.tif").write_bytes(b"")
    target = tmp_path / "set" / "images" / "s1.tif"
    target.unlink()
    target.symlink_to(tmp_path / "outside.tif")
    with pytest.raises(DatasetError, match="leaves the dataset folder"):
        load_dataset(tmp_path / "set")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: t", "name: !!python/object/apply:os.system ['false']", "not plain YAML"),
        ("name: t", "name: t\nsurprise: 1", "unknown key 'surprise'"),
        ("index: 1", "index: 5", "must count 0, 1, 2"),
        ("name: cell", "name: background", "same name"),
        ("background: null", "background: soil", "not one of the classes"),
        ("channels: 1", "channels: 3", "has 1 channel,"),
        ("'#e69f00'", "'javascript:'", "color"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    make_dataset(tmp_path)
    path = tmp_path / "dataset.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("s1,", "s0,", "'s0' is listed twice"),
        (",4,6,", ",four,6,", "height is 'four'"),
        ("sha256", "hash", "expected the columns"),
        ("s1,", "a/b,", "not a file stem"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    make_dataset(tmp_path)
    path = tmp_path / "samples.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        load_dataset(tmp_path)


def test_samples_that_differ_from_the_manifest_are_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    table = tmp_path / "samples.csv"
    table.write_text(table.read_text().replace("uint16", "uint8"))
    with pytest.raises(DatasetError, match=r"samples\.csv says"):
        load_sample(load_dataset(tmp_path), load_dataset(tmp_path).row("s0"))
    with pytest.raises(DatasetError, match="no sample 'nobody'"):
        dataset.row("nobody")


def test_a_folder_without_dataset_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"is not a dataset folder.*dataset prepare"):
        load_dataset(tmp_path)


def test_the_first_22_classes_have_colours_of_their_own() -> None:
    colors = [class_color(index) for index in range(22)]
    assert len(set(colors)) == 22
    assert colors[:3] == ["#000000", "#e69f00", "#56b4e9"]
