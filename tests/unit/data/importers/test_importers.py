"""Class maps, channel decisions and pairing of files, on folders made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.classes.class_map import (
    ClassMap,
    ClassRule,
    count_codes,
    encode_mask,
    parse_class,
    row_blocks,
)
from cellenhance.data.files.channels import ChannelFacts, channel_facts, plan_channels
from cellenhance.data.files.sources import RGB_NAMES
from cellenhance.data.files.writers import write_image, write_mask
from cellenhance.data.importers.contract import ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError, SettingsError

IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8, 1)
MASK = (IMAGE[..., 0] > 20).astype(np.uint8)


def put(root: Path, *names: str) -> None:
    """Write images and, where the name says so, masks."""
    for name in names:
        if "mask" in name or "label" in name or "gt" in name:
            write_mask(root / name, MASK)
        else:
            write_image(root / name, IMAGE)


def found(root: Path, **options: Any) -> list[tuple[str, str, str]]:
    source = find_source(root, "auto", ImportOptions(**options))
    return [(pair.id, pair.image_label, pair.mask_label) for pair in source.pairs]


def test_rules_are_read_as_written() -> None:
    assert parse_class("a=b=0,255") == ClassRule("a=b", (0, 255))
    assert parse_class("nucleus=#00ff0A") == ClassRule("nucleus", (0x00FF0A,), True)
    assert parse_class("cell=1-3,7,-2-0") == ClassRule("cell", (1, 2, 3, 7, -2, -1, 0))
    assert parse_class("cell=9,1-40").as_option() == "cell=9,1-40"
    assert ClassRule("cell", (0, 1, 2, 5, 6, 7, 8)).as_option() == "cell=0,1,2,5-8"
    assert ClassRule("cell", tuple(range(5)), True).as_option().endswith("#000003,#000004")
    for text in ("cell=5-1", "cell=0-65536"):
        with pytest.raises(SettingsError, match="is not a range of 1 to 65536 values"):
            parse_class(text)
    for text in ("nucleus", "=3", "a=", "a=red", "a=1,#000000", "a=1.5"):
        with pytest.raises(SettingsError, match="expected"):
            parse_class(text)


def test_values_and_colours_become_indices() -> None:
    grey = ClassMap([ClassRule("in", (0, 255)), ClassRule("rim", (127,))], ["9"])
    codes = encode_mask(np.array([[0, 127, 255, 9]], np.uint8), is_color=False)
    np.testing.assert_array_equal(grey.apply(codes), [[0, 1, 0, 255]])
    color = ClassMap([parse_class("soil=#000000"), parse_class("cell=#ff0000")])
    red = np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8)
    np.testing.assert_array_equal(color.apply(encode_mask(red, is_color=True)), [[0, 1]])


@pytest.mark.parametrize("values", [(0, 7, 255, 9), (-3, 2**31, 255, 9), (0, 70_000, 65_535, 9)])
def test_codes_of_any_size_are_counted_and_mapped(values: tuple[int, ...]) -> None:
    codes = np.array([values, values[:1] * 4], np.int64)
    expected = dict.fromkeys(values, 1) | {values[0]: 5}
    assert count_codes(codes) == expected
    rules = [ClassRule(f"class{i}", (value,)) for i, value in enumerate(values[:3])]
    mapped = ClassMap(rules, ["9"]).apply(codes)
    assert mapped.dtype == np.uint8
    np.testing.assert_array_equal(mapped, [[0, 1, 2, 255], [0] * 4])
    with pytest.raises(KeyError):
        ClassMap(rules).apply(codes)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3_000_000), (9_000_001, 1), (0, 7)])
def test_blocks_of_rows_cover_an_image_once(shape: tuple[int, int]) -> None:
    blocks = list(row_blocks(shape))
    assert [row for block in blocks for row in range(shape[0])[block]] == list(range(shape[0]))
    assert all((block.stop - block.start) * shape[1] <= 4_000_000 for block in blocks)


@pytest.mark.parametrize(
    ("rules", "ignore", "message"),
    [
        (["a=1", "b=1"], [], "given to two classes"),
        (["a=1"], ["1"], "given to two classes"),
        (["a=1", "a=2"], [], "given twice"),
        (["a=1", "b=#000000"], [], "mix grey values and colours"),
    ],
)
def test_contradicting_rules_are_refused(rules: list[str], ignore: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        ClassMap([parse_class(text) for text in rules], ignore)


def test_unmapped_values_are_counted() -> None:
    assert ClassMap([ClassRule("a", (1,))]).unmapped({0: 5, 1: 7, 9: 1}) == {0: 5, 9: 1}


def facts(*layers: int, names: tuple[str, ...] = ()) -> ChannelFacts:
    """A 2x2 image with one constant a channel."""
    image = np.broadcast_to(np.array(layers, np.uint8), (2, 2, len(layers)))
    return channel_facts("a.png", image, names)


ALPHA = (*RGB_NAMES, "alpha")


def test_channels_that_are_kept() -> None:
    assert plan_channels([facts(1), facts(2)]).n_channels == 1
    assert plan_channels([facts(1, 1, 1, names=RGB_NAMES), facts(4)]).n_channels == 1
    real = plan_channels([facts(1, 2, 3, names=RGB_NAMES), facts(1, 1, 1, names=RGB_NAMES)])
    assert (real.n_channels, real.names) == (3, RGB_NAMES)
    [note] = real.notes
    assert note.startswith("images are RGB: kept as three channels (red, green, blue); --channel N")
    assert real.decision.startswith("3: red, green, blue (contrast: ")
    opaque = plan_channels([facts(1, 2, 3, 255, names=ALPHA), facts(1, 2, 3, names=RGB_NAMES)])
    assert (opaque.n_channels, opaque.names) == (3, RGB_NAMES)
    assert opaque.notes[0] == "opaque alpha channel of 1 image dropped"


def test_the_mean_of_colours_keeps_the_dtype_and_leaves_alpha_out() -> None:
    dark = facts(10, 11, 11, 255, names=ALPHA)
    plan = plan_channels([dark, facts(7)], grey=True)
    assert (plan.n_channels, plan.is_mean) == (1, True)
    assert plan.decision == "1: the mean of all channels (--grey mean), in 1 of 2 images"
    image = np.array([[[10, 11, 11, 255]]], np.uint8)
    np.testing.assert_array_equal(plan.apply(image, dark), [[[11]]])  # 10.67 to the nearest
    assert plan.apply(image, dark).dtype == np.uint8
    np.testing.assert_allclose(
        plan.apply(image / np.float32(16), dark), np.array([[[2 / 3]]]), rtol=1e-6
    )


def test_a_channel_that_carries_most_of_the_contrast_is_pointed_out() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 2] = np.arange(16).reshape(4, 4) * 10  # blue varies 10 times as much as green
    image[..., 1] = np.arange(16).reshape(4, 4)
    [warning] = plan_channels([channel_facts("a.png", image, RGB_NAMES)]).warnings
    assert warning == (
        "most of the contrast is in blue (red 0 %, green 1 %, blue 99 % of the variance); "
        "--channel 2 keeps blue alone"
    )
    image[..., 1] = image[..., 2]
    assert plan_channels([channel_facts("a.png", image, RGB_NAMES)]).warnings == ()


def test_transparent_and_mixed_images_are_refused() -> None:
    with pytest.raises(DatasetError, match="not opaque"):
        plan_channels([facts(1, 2, 3, 9, names=ALPHA)])
    with pytest.raises(DatasetError, match=r"a\.png has 1, a\.png has 3.*--grey mean"):
        plan_channels([facts(1, 2, 3, names=RGB_NAMES), facts(1)])


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/{}.tif", "masks/{}.tif"),
        ("Images/{}.tif", "Masks/{}_mask.png"),
        ("org/{}.tif", "gt/{}.tif"),
        ("deep/er/train_img/{}.tif", "deep/er/train_label/{}_label.tif"),
        ("train/{}.tif", "train_masks/{}_masks.tif"),
        ("images/plate 1/{}.tif", "masks/plate 1/{}_gt.tif"),
        ("{}.tif", "{}_mask.tif"),
        ("all/{}.tif", "all/{}_mask.png"),
        ("all/{}.bmp", "all/{}.png"),
    ],
)
def test_layouts_are_found(tmp_path: Path, images: str, masks: str) -> None:
    for stem in ("a", "b.v1", "zelle ü (2)"):
        (tmp_path / images.format(stem)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / masks.format(stem)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / images.format(stem)).touch()
        (tmp_path / masks.format(stem)).touch()
    assert found(tmp_path) == [
        (stem, images.format(stem), masks.format(stem)) for stem in ("a", "b.v1", "zelle ü (2)")
    ]


def test_repeated_stems_become_paths(tmp_path: Path) -> None:
    put(tmp_path, "images/p1/a.tif", "images/p2/a.tif", "images/p2/b.tif")
    put(tmp_path, "masks/p1/a.tif", "masks/p2/a.tif", "masks/p2/b.tif")
    assert [pair[0] for pair in found(tmp_path)] == ["p1__a", "p2__a", "b"]


def test_several_sets_are_one(tmp_path: Path) -> None:
    put(tmp_path, "s1/images/a.tif", "s1/masks/a.tif", "s2/images/a.tif", "s2/masks/a.tif")
    assert [pair[0] for pair in found(tmp_path)] == ["s1__images__a", "s2__images__a"]


def test_folders_by_name_and_valid_mask(tmp_path: Path) -> None:
    put(tmp_path, "x/a.tif", "y/a_mask.tif", "z/a.tif")
    options = ImportOptions(images=Path("x"), masks=Path("y"), valid_mask=Path("z"))
    source = find_source(tmp_path, "auto", options)
    assert [role for role, _ in source.folders][-1] == "valid mask (ignore outside)"
    assert source.pairs[0].load_valid() is not None


def test_other_files_are_counted_and_hidden_ones_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "images/a.tif", "masks/a.tif", "images/._a.tif")
    (tmp_path / "images" / "notes.csv").write_text("x")
    source = find_source(tmp_path, "auto", ImportOptions())
    assert len(source.pairs) == 1
    assert source.notes == ("2 non-image files ignored: images/._a.tif, images/notes.csv",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["images/a.tif", "masks/a.tif", "labels/a.tif"], "several folders could pair up"),
        (["images/a.tif", "images/a.png", "masks/a.tif"], "same stem"),
        (["images/a.tif", "masks/a.tif", "masks/a_mask.tif"], "has two masks"),
        (["images/a-b.tif", "pictures/a.tif"], "no known layout"),
    ],
)
def test_ambiguous_folders_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    put(tmp_path, *names)
    with pytest.raises(DatasetError, match=message):
        found(tmp_path)


def test_unknown_layouts_offer_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'paired'"):
        find_source(tmp_path, "pared", ImportOptions())


def save_fold(root: Path, name: str, values: list[int]) -> None:
    images = np.stack([np.full((1, 4, 4), v / 100, np.float32) for v in values])
    labels = np.zeros((len(values), 1, 4, 4), np.uint8)
    labels[:, 0, 0] = 255
    np.save(root / name.format("images"), images)
    np.save(root / name.format("labels"), labels)


def test_folds_keep_each_image_once_and_bring_the_split(tmp_path: Path) -> None:
    save_fold(tmp_path, "train_{}_1.npy", [1, 2])
    save_fold(tmp_path, "test_{}_1.npy", [3])
    save_fold(tmp_path, "train_{}_2.npy", [2, 3])
    save_fold(tmp_path, "test_{}_2.npy", [1])
    source = find_source(tmp_path, "auto", ImportOptions())
    assert [pair.id for pair in source.pairs] == ["train_1_0000", "train_1_0001", "test_1_0000"]
    assert [(row.id, row.fold, row.subset) for row in source.split] == [
        ("train_1_0000", 1, "train"),
        ("train_1_0001", 1, "train"),
        ("test_1_0000", 1, "test"),
        ("train_1_0001", 2, "train"),
        ("test_1_0000", 2, "train"),
        ("train_1_0000", 2, "test"),
    ]
    assert source.notes == ("3 images repeated in several folds kept once",)


def test_a_leaking_fold_keeps_the_image_in_the_test_part(tmp_path: Path) -> None:
    save_fold(tmp_path, "train_{}_1.npy", [1, 2])
    save_fold(tmp_path, "test_{}_1.npy", [2])
    source = find_source(tmp_path, "npy-folds", ImportOptions())
    assert [(row.id, row.subset) for row in source.split] == [
        ("train_1_0000", "train"),
        ("train_1_0001", "test"),
    ]
    assert any(note.startswith("leakage in the source: 1 image") for note in source.warnings)


def test_folds_that_are_incomplete_or_of_unequal_length(tmp_path: Path) -> None:
    save_fold(tmp_path, "test_{}_3.npy", [5])
    source = find_source(tmp_path, "auto", ImportOptions())
    assert [(row.fold, row.subset) for row in source.split] == [(1, "test")]
    assert source.notes == ("folds of the source are renumbered: 3 is 1 here",)
    np.save(tmp_path / "val_images_3.npy", np.zeros((2, 1, 4, 4), np.float32))
    source = find_source(tmp_path, "auto", ImportOptions())
    assert source.unmatched == (str(tmp_path / "val_images_3.npy"),)
    np.save(tmp_path / "val_labels_3.npy", np.zeros((3, 1, 4, 4), np.uint8))
    with pytest.raises(DatasetError, match=r"has 2 images, val_labels_3\.npy has 3 labels"):
        find_source(tmp_path, "auto", ImportOptions())
