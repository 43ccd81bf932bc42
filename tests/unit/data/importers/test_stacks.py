"""Volumes beside their labels: a page a sample, a volume a group; planes of paired files too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellenhance.data.files.options import StackReadingOptions
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import SHAPE, class_mask, image, make_stacks, put


def find(source: Path, layout: str = "stacks", options: ImportOptions | None = None) -> FoundSource:
    return find_source(source, layout, options or ImportOptions())


def test_each_page_is_a_sample_and_each_volume_a_group(tmp_path: Path) -> None:
    make_stacks(tmp_path)
    found = find(tmp_path)
    assert [(p.id, p.image_label, p.mask_label, p.group) for p in found.pairs] == [
        (
            f"train-volume_p00{page}",
            f"train-volume.tif[{page}]",
            f"train-labels.tif[{page}]",
            "train-volume",
        )
        for page in range(3)
    ]
    pixels, _ = found.pairs[2].load_image(None)
    np.testing.assert_array_equal(pixels[..., 0], image(pages=3)[2])
    np.testing.assert_array_equal(found.pairs[2].load_mask(expand_palette=False), class_mask())


@pytest.mark.parametrize(
    ("volume", "labels"),
    [
        ("img3d.tif", "mask3d.tif"),
        ("Raw.tif", "GT.tif"),
        ("stack1_image.tif", "stack1_label.tif"),
        ("deep/volume_7.tif", "deep/segmentation_7.tif"),
    ],
)
def test_names_are_equal_but_for_one_word(tmp_path: Path, volume: str, labels: str) -> None:
    put(tmp_path / volume, image(pages=3))
    put(tmp_path / labels, class_mask(pages=3))
    found = find(tmp_path, "auto")
    assert (found.layout, len(found.pairs)) == ("stacks", 3)


def test_a_single_page_beside_volumes_is_a_sample_too(tmp_path: Path) -> None:
    make_stacks(tmp_path)
    put(tmp_path / "img2d.tif", image(4))
    put(tmp_path / "mask2d.tif", class_mask())
    assert [pair.id for pair in find(tmp_path).pairs] == [
        "img2d",
        "train-volume_p000",
        "train-volume_p001",
        "train-volume_p002",
    ]


def test_a_volume_without_labels_is_named_and_others_are_said(tmp_path: Path) -> None:
    make_stacks(tmp_path)
    put(tmp_path / "test-volume.tif", image(pages=3))
    put(tmp_path / "overview.tif", image())
    found = find(tmp_path)
    assert [Path(path).name for path in found.unmatched] == ["test-volume.tif"]
    assert "left out: overview.tif" in found.notes


@pytest.mark.parametrize("n_pages", [1, 2])
def test_volumes_of_unequal_length_are_refused(tmp_path: Path, n_pages: int) -> None:
    make_stacks(tmp_path)
    put(tmp_path / "train-labels.tif", class_mask(pages=n_pages))
    with pytest.raises(DatasetError, match=f"holds 3 planes, its mask .* {n_pages}; expected as"):
        find(tmp_path)


def test_two_volumes_for_one_mask_are_refused(tmp_path: Path) -> None:
    make_stacks(tmp_path)
    put(tmp_path / "train-image.tif", image(pages=3))
    with pytest.raises(DatasetError, match="could both be the same stack"):
        find(tmp_path)


def write_ome(path: Path, array: np.ndarray, axes: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, ome=True, metadata={"axes": axes}, photometric="minisblack")


def make_time_lapse(root: Path, mask_axes: str = "TZYX") -> None:
    """Two times of three depths, as OME-TIFF in images/ and masks/."""
    shape = tuple({"T": 2, "Z": 3}.get(axis, 0) for axis in mask_axes[:2])
    write_ome(root / "images" / "a.ome.tif", image(pages=6).reshape(2, 3, *SHAPE), "TZYX")
    masks = np.arange(6, dtype=np.uint8).reshape(*shape, 1, 1) * np.ones(SHAPE, np.uint8)
    write_ome(root / "masks" / "a.ome.tif", masks, mask_axes)


def test_ome_planes_are_samples_named_by_time_and_depth(tmp_path: Path) -> None:
    make_time_lapse(tmp_path)
    found = find(tmp_path, "auto")
    assert found.layout == "paired"
    assert [pair.id for pair in found.pairs] == [
        f"a_t00{t}_z00{z}" for t in range(2) for z in range(3)
    ]
    assert {pair.group for pair in found.pairs} == {"a"}
    assert [int(p.load_mask(expand_palette=False)[0, 0]) for p in found.pairs] == list(range(6))
    assert any(note.startswith("6 planes of 1 file are samples") for note in found.notes)


def test_masks_in_another_order_of_planes_are_refused(tmp_path: Path) -> None:
    make_time_lapse(tmp_path, mask_axes="ZTYX")
    with pytest.raises(DatasetError, match=r"its planes are TZ, those of masks/a.ome.tif ZT"):
        find(tmp_path, "auto")


def test_projected_planes_stay_one_sample(tmp_path: Path) -> None:
    write_ome(tmp_path / "images" / "a.ome.tif", image(pages=3), "ZYX")
    put(tmp_path / "masks" / "a.tif", class_mask())
    with pytest.raises(DatasetError, match="--projection max or mean"):
        find(tmp_path, "auto")
    options = ImportOptions(reading=StackReadingOptions(projection="max"))
    [pair] = find(tmp_path, "auto", options).pairs
    assert (pair.id, pair.group) == ("a", None)
    np.testing.assert_array_equal(pair.load_image(None)[0][..., 0], image(pages=3).max(axis=0))
