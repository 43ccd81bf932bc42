"""nnU-Net raw data: channels from file names, classes and ignore from dataset.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.classes.class_map import ClassRule
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError, ImageReadError
from tests.layout_twins import class_mask, image, make_nnunet, put


def find(source: Path) -> FoundSource:
    return find_source(source, "nnunet", ImportOptions())


def describe(root: Path, **values: object) -> None:
    says = {"channel_names": {"0": "DAPI", "1": "GFP"}, "labels": {"background": 0}, **values}
    (root / "dataset.json").write_text(json.dumps(says), encoding="utf-8")


def test_files_of_a_case_are_the_channels_of_one_image(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    found = find(tmp_path)
    assert [(pair.id, pair.mask_label) for pair in found.pairs] == [
        ("cell_001", "labelsTr/cell_001.png"),
        ("cell_002", "labelsTr/cell_002.png"),
    ]
    pixels, info = found.pairs[1].load_image(None)
    assert (pixels.shape, info.channel_names) == ((12, 16, 2), ("DAPI", "GFP"))
    np.testing.assert_array_equal(pixels, np.stack([image(10), image(11)], axis=2))
    np.testing.assert_array_equal(found.pairs[1].load_image(1)[0][..., 0], image(11))
    with pytest.raises(ImageReadError, match="channel 2 was asked for, but it has 2"):
        found.pairs[1].load_image(2)


def test_classes_and_ignore_come_from_the_description(tmp_path: Path) -> None:
    make_nnunet(tmp_path / "Dataset001_Cells")
    found = find(tmp_path)
    assert found.default_classes == (ClassRule("background", (0,)), ClassRule("cell", (1,)))
    assert found.ignore == ("2",)
    assert found.notes == ("imagesTs/ left aside: its 1 file(s) have no labels",)


def test_version_1_names_classes_by_value(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    labels = {"0": "background", "2": "cell", "1": "edge"}
    describe(tmp_path, channel_names={}, modality={"0": "a", "1": "b"}, labels=labels)
    assert [rule.as_option() for rule in find(tmp_path).default_classes] == [
        "background=0",
        "edge=1",
        "cell=2",
    ]


def test_labelled_test_cases_are_the_test_part(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    put(tmp_path / "imagesTs" / "cell_003_0001.png", image(6))
    put(tmp_path / "labelsTs" / "cell_003.png", class_mask())
    assert [(row.id, row.subset) for row in find(tmp_path).split] == [
        ("cell_001", "train"),
        ("cell_002", "train"),
        ("cell_003", "test"),
    ]


def test_volumes_are_cut_into_planes_with_all_channels(tmp_path: Path) -> None:
    for channel in (0, 1):
        put(tmp_path / "imagesTr" / f"v_{channel:04d}.tif", image(channel, pages=3))
    put(tmp_path / "labelsTr" / "v.tif", class_mask(pages=3))
    found = find(tmp_path)
    assert [(pair.id, pair.group) for pair in found.pairs] == [
        (f"v_p00{page}", "v") for page in range(3)
    ]
    pixels, _ = found.pairs[2].load_image(None)
    np.testing.assert_array_equal(pixels[..., 1], image(1, pages=3)[2])
    assert "dataset.json is missing: classes come from --class" in found.notes


def test_regions_that_overlap_need_classes_by_hand(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    describe(tmp_path, labels={"background": 0, "whole": [1, 2], "core": 2})
    found = find(tmp_path)
    assert found.default_classes == ()
    assert "regions that overlap" in found.notes[0]


def test_cases_without_partner_are_named(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    (tmp_path / "labelsTr" / "cell_001.png").unlink()
    put(tmp_path / "labelsTr" / "cell_009.png", class_mask())
    assert [Path(path).name for path in find(tmp_path).unmatched] == [
        "cell_001_0000.png",
        "cell_001_0001.png",
        "cell_009.png",
    ]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    odd = put(tmp_path / "imagesTr" / "cell.png", image())
    with pytest.raises(DatasetError, match=r"has no channel number; .* cell|case_0000\.png"):
        find(tmp_path)
    odd.unlink()
    (tmp_path / "imagesTr" / "cell_002_0001.png").unlink()
    with pytest.raises(DatasetError, match=r"cell_002 has 1 channel\(s\), dataset\.json names 2"):
        find(tmp_path)
    (tmp_path / "dataset.json").write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"is no readable dataset\.json"):
        find(tmp_path)
    put(tmp_path / "imagesTr" / "cell_002_0002.png", image())
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(DatasetError, match=r"cell_002 has the channels \[0, 2\]"):
        find(tmp_path)
    (tmp_path / "imagesTr" / "v_0000.nii.gz").write_bytes(b"")
    with pytest.raises(DatasetError, match="is a NIfTI volume, which is not read; save"):
        find(tmp_path)


def test_channels_of_different_size_are_refused(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    put(tmp_path / "imagesTr" / "cell_001_0001.png", image()[:5])
    with pytest.raises(ImageReadError, match=r"cell_001_0001\.png: differs from channel 0"):
        find(tmp_path).pairs[0].load_image(None)
