"""Paired folders beyond equal names: numbers, splits by folder, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.pairing import match_numbers
from cellenhance.data.importers.places import subset_of_folder
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import class_mask, image, put


def find(source: Path, **options: object) -> FoundSource:
    return find_source(source, "auto", ImportOptions(**options))  # type: ignore[arg-type]


def files(*names: str) -> dict[str, Path]:
    return {name: Path(name) for name in names}


@pytest.mark.parametrize(
    ("images", "masks", "pairs"),
    [
        # The names of published sets whose images and masks are called differently.
        (["00", "01"], ["labels00000000", "labels00000001"], {"00": 0, "01": 1}),
        (["t01", "t13"], ["man_seg13", "man_seg01"], {"t01": 1, "t13": 0}),
        (
            ["Hela_Data_Slice_100_Sample_1", "Hela_Data_Slice_108_Sample_1"],
            ["Hela_Label_Slice100_Sample_1", "Hela_Label_Slice108_Sample_1"],
            {"Hela_Data_Slice_100_Sample_1": 0, "Hela_Data_Slice_108_Sample_1": 1},
        ),
        # A date that stands on one side only is the same in all names.
        (["2024_img_1", "2024_img_2"], ["gt1", "gt2"], {"2024_img_1": 0, "2024_img_2": 1}),
        # One side may have more: those are without a partner.
        (["t01", "t02", "t03"], ["m2"], {"t02": 0}),
        # In doubt nothing is paired.
        (["a1", "b1"], ["m1", "m2"], {}),
        (["a1", "a2"], ["m2", "m3"], {}),
        (["cell", "nucleus"], ["x", "y"], {}),
        (["a_1_2", "a_2_1"], ["m_12", "m_21"], {}),
    ],
)
def test_numbers_pair_only_without_doubt(
    images: list[str], masks: list[str], pairs: dict[str, int]
) -> None:
    found = match_numbers(files(*images), files(*masks))
    assert found == {name: Path(masks[index]) for name, index in pairs.items()}


def test_pairing_by_number_is_said(tmp_path: Path) -> None:
    for number in (1, 2):
        put(tmp_path / "raw" / f"{number:02d}.tif", image(number))
        put(tmp_path / "labels" / f"labels{number:08d}.png", class_mask())
    found = find(tmp_path)
    assert [(p.id, p.mask_label) for p in found.pairs] == [
        ("01", "labels/labels00000001.png"),
        ("02", "labels/labels00000002.png"),
    ]
    assert found.notes == (
        "names of images and masks differ: paired by their numbers, 01.tif with "
        "labels00000001.png; see the pairing",
    )


def test_equal_names_win_over_numbers(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a1.tif", image())
    put(tmp_path / "images" / "b1.tif", image(1))
    put(tmp_path / "masks" / "a1.tif", class_mask())
    found = find(tmp_path)
    assert [pair.id for pair in found.pairs] == ["a1"]
    assert [Path(path).name for path in found.unmatched] == ["b1.tif"]


def test_names_that_do_not_pair_say_which_options_help(tmp_path: Path) -> None:
    put(tmp_path / "images" / "first.tif", image())
    put(tmp_path / "masks" / "erste.tif", class_mask())
    with pytest.raises(DatasetError, match=r"none of 2 files has a partner.*--images DIR --masks"):
        find(tmp_path)


@pytest.mark.parametrize(
    "name", ["{s}/images/{n}.tif {s}/masks/{n}.tif", "images/{s}/{n}.tif masks/{s}/{n}.tif"]
)
def test_folders_named_like_subsets_are_the_split(tmp_path: Path, name: str) -> None:
    for number, subset in enumerate(("train", "train", "Validation", "test")):
        picture, mask = name.format(s=subset, n=f"c{number}").split()
        put(tmp_path / picture, image(number))
        put(tmp_path / mask, class_mask())
    found = find(tmp_path)
    assert [(row.id, row.subset) for row in found.split] == [
        ("c0", "train"),
        ("c1", "train"),
        ("c2", "val"),
        ("c3", "test"),
    ]


def test_one_subset_alone_is_no_split(tmp_path: Path) -> None:
    put(tmp_path / "trainingImages" / "a.tif", image())
    put(tmp_path / "trainingLabels" / "a.tif", class_mask())
    found = find(tmp_path)
    assert (len(found.pairs), found.split) == (1, ())


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("train", "train"),
        ("Testing", "test"),
        ("val_images", "val"),
        ("trainImages", "train"),
        ("stage1_train", None),
        ("training data", None),
        ("images", None),
    ],
)
def test_folder_names_that_mean_a_subset(name: str, subset: str | None) -> None:
    assert subset_of_folder(name) == subset


def test_images_beside_the_folders_are_said_to_be_left_aside(tmp_path: Path) -> None:
    put(tmp_path / "lab" / "images" / "a.tif", image())
    put(tmp_path / "lab" / "masks" / "a.tif", class_mask())
    put(tmp_path / "lab" / "thumbnails" / "a.png", image())
    put(tmp_path / "lab" / "overview.png", image())
    assert find(tmp_path).notes == ("left out: lab/overview.png, lab/thumbnails/",)


def test_a_second_file_of_a_stem_can_be_excluded_by_name(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.tif", image())
    put(tmp_path / "images" / "a.png", image())
    put(tmp_path / "masks" / "a.png", class_mask())
    with pytest.raises(DatasetError, match=r"same stem.*--exclude a\.tif"):
        find(tmp_path)
    assert [p.image_label for p in find(tmp_path, exclude=("a.tif",)).pairs] == ["images/a.png"]
