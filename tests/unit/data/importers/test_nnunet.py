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
    assert found.notes == ("imagesTs/ left out: no labels for its 1 file",)


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
    with pytest.raises(DatasetError, match=r"cell_002 has 1 channel, dataset\.json names 2"):
        find(tmp_path)
    (tmp_path / "dataset.json").write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"is not a readable dataset\.json"):
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


def rgb(seed: int) -> np.ndarray:
    return np.dstack([image(seed), image(seed + 1), image(seed + 2)])


def make_cases(root: Path, files: dict[str, np.ndarray], **values: object) -> FoundSource:
    """Write image files, a label for each case, and dataset.json."""
    for name, array in files.items():
        put(root / "imagesTr" / name, array)
        put(root / "labelsTr" / f"{name.rpartition('_')[0]}.png", class_mask() // 255)
    labels = {"background": 0, "cell": 1}
    says = {"labels": labels, "numTraining": 1, "file_ending": ".png", **values}
    (root / "dataset.json").write_text(json.dumps(says), encoding="utf-8")
    return find(root)


RGB_NAMES = {"0": "R", "1": "G", "2": "B"}


def test_an_rgb_file_is_three_channels(tmp_path: Path) -> None:
    found = make_cases(tmp_path, {"c_0000.png": rgb(0)}, channel_names=RGB_NAMES)
    pixels, info = found.pairs[0].load_image(None)
    assert info.channel_names == ("R", "G", "B")
    np.testing.assert_array_equal(pixels, rgb(0))
    np.testing.assert_array_equal(found.pairs[0].load_image(2)[0][..., 0], image(2))


def test_opaque_transparency_is_no_channel(tmp_path: Path) -> None:
    opaque = np.dstack([rgb(0), np.full((12, 16), 255, np.uint8)])
    found = make_cases(tmp_path, {"c_0000.png": opaque}, channel_names=RGB_NAMES)
    np.testing.assert_array_equal(found.pairs[0].load_image(None)[0], rgb(0))


def test_three_files_are_three_channels(tmp_path: Path) -> None:
    files = {f"c_{channel:04d}.png": image(channel) for channel in range(3)}
    found = make_cases(tmp_path, files, channel_names=RGB_NAMES)
    pixels, info = found.pairs[0].load_image(None)
    assert info.channel_names == ("R", "G", "B")
    np.testing.assert_array_equal(pixels, rgb(0))


def test_an_rgb_file_and_a_grey_one_are_four_channels(tmp_path: Path) -> None:
    files = {"c_0000.png": rgb(0), "c_0001.png": image(7)}
    found = make_cases(tmp_path, files, channel_names={**RGB_NAMES, "3": "phase"})
    pixels, info = found.pairs[0].load_image(None)
    assert info.channel_names == ("R", "G", "B", "phase")
    np.testing.assert_array_equal(pixels, np.dstack([rgb(0), image(7)]))
    np.testing.assert_array_equal(found.pairs[0].load_image(3)[0][..., 0], image(7))


def test_grey_files_saved_as_rgb_are_one_channel_each(tmp_path: Path) -> None:
    files = {f"c_{channel:04d}.png": np.dstack([image(channel)] * 3) for channel in (0, 1)}
    found = make_cases(tmp_path, files, channel_names={"0": "a", "1": "b"})
    pixels, _ = found.pairs[0].load_image(None)
    np.testing.assert_array_equal(pixels, np.dstack([image(0), image(1)]))


@pytest.mark.parametrize(
    ("names", "cure"),
    [(RGB_NAMES, "expected 3 in all (R, G, B); add the missing files"), ({}, None)],
)
def test_too_few_channels_are_refused_where_names_are_known(
    tmp_path: Path, names: dict[str, str], cure: str | None
) -> None:
    found = make_cases(tmp_path, {"c_0000.png": image()}, channel_names=names)
    if cure is None:
        assert found.pairs[0].load_image(None)[0].shape == (12, 16, 1)
        return
    with pytest.raises(ImageReadError) as refused:
        found.pairs[0].load_image(None)
    assert cure in str(refused.value)


def test_too_many_channels_may_be_one_of_them(tmp_path: Path) -> None:
    found = make_cases(tmp_path, {"c_0000.png": rgb(0)}, channel_names={"0": "grey"})
    with pytest.raises(ImageReadError, match=r"of 3 channels, expected 1 .* --channel N"):
        found.pairs[0].load_image(None)
    np.testing.assert_array_equal(found.pairs[0].load_image(1)[0][..., 0], image(1))


def test_a_case_that_lacks_a_file_can_be_left_out(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    (tmp_path / "imagesTr" / "cell_002_0001.png").unlink()
    with pytest.raises(DatasetError, match=r"missing cell_002_0001\.png, .* --exclude cell_002"):
        find(tmp_path)
    found = find_source(tmp_path, "nnunet", ImportOptions(exclude=("cell_002",)))
    assert [pair.id for pair in found.pairs] == ["cell_001", "cell_002"]  # prepare leaves it out


def test_files_of_another_ending_are_left_aside(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    put(tmp_path / "imagesTr" / "cell_001_0000.tif", image(99))
    put(tmp_path / "labelsTr" / "cell_001.tif", class_mask())
    (tmp_path / "labelsTr" / "cell_001.nii.gz").write_bytes(b"")
    found = find(tmp_path)
    assert [pair.image_label for pair in found.pairs] == [
        "imagesTr/cell_001_0000.png and 1 more",
        "imagesTr/cell_002_0000.png and 1 more",
    ]
    assert "imagesTr/: cell_001_0000.tif left out: dataset.json says .png" in found.notes


def test_without_an_ending_two_files_of_one_channel_are_refused(tmp_path: Path) -> None:
    make_nnunet(tmp_path)
    describe(tmp_path)
    put(tmp_path / "imagesTr" / "cell_001_0000.tif", image(99))
    with pytest.raises(DatasetError, match=r"stands for the same as .* file_ending"):
        find(tmp_path)


def test_an_ending_that_no_file_has_is_reported(tmp_path: Path) -> None:
    found = make_cases(tmp_path, {"c_0000.png": image()}, file_ending=".nii.gz")
    assert found.notes == (
        "imagesTr/: no file ends in .nii.gz, as dataset.json says; all are used",
        "labelsTr/: no file ends in .nii.gz, as dataset.json says; all are used",
    )


def test_regions_without_overlap_are_classes_of_several_values(tmp_path: Path) -> None:
    labels = {"background": 0, "cell": [1, 3], "membrane": [2], "ignore": 4}
    found = make_cases(tmp_path, {"c_0000.png": image()}, labels=labels)
    assert [rule.as_option() for rule in found.default_classes] == [
        "background=0",
        "cell=1,3",
        "membrane=2",
    ]
    assert found.ignore == ("4",)


def test_a_label_without_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="label 'cell' has no value"):
        make_cases(tmp_path, {"c_0000.png": image()}, labels={"background": 0, "cell": []})


def test_parts_of_regions_that_overlap_have_names_that_say_so(tmp_path: Path) -> None:
    # As in BraTS: the whole tumour holds its core, the core what enhances.
    labels = {"background": 0, "whole tumour": [1, 2, 3], "core": [2, 3], "enhancing": 3}
    order = {"regions_class_order": [1, 2, 3]}
    found = make_cases(tmp_path, {"c_0000.png": image()}, labels=labels, **order)
    assert found.default_classes == ()
    assert [rule.as_option() for rule in found.suggested_classes] == [
        "background=0",
        "whole-tumour-without-core=1",
        "core-without-enhancing=2",
        "enhancing=3",
    ]
