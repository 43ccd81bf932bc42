"""One mask file a nucleus: merged to one label map an image."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import SHAPE, class_mask, image, label_map, make_dsb2018, make_paired, put


def find(source: Path, layout: str = "dsb2018") -> FoundSource:
    return find_source(source, layout, ImportOptions())


@pytest.mark.parametrize("start", ["", "stage1_train"])
def test_nuclei_become_one_label_map(tmp_path: Path, start: str) -> None:
    make_dsb2018(tmp_path)
    found = find(tmp_path / start, "auto")
    assert (found.layout, found.has_instances) == ("dsb2018", True)
    assert [pair.id for pair in found.pairs] == ["0bf4", "13c8"]
    np.testing.assert_array_equal(found.pairs[0].load_mask(expand_palette=False), label_map())
    assert found.pairs[0].mask_label.endswith("0bf4/masks/ (3 files)")
    assert found.notes[0].startswith("6 mask files, one per nucleus")


def test_where_two_nuclei_overlap_the_later_file_wins(tmp_path: Path) -> None:
    make_dsb2018(tmp_path)
    whole = np.full(SHAPE, 255, np.uint8)
    put(tmp_path / "stage1_train" / "0bf4" / "masks" / "m2.png", whole)
    labels = find(tmp_path).pairs[0].load_mask(expand_palette=False)
    np.testing.assert_array_equal(labels, np.where(label_map() == 3, 3, 2))


def test_merged_masks_beside_the_folders_are_the_layout_paired(tmp_path: Path) -> None:
    make_dsb2018(tmp_path)
    make_paired(tmp_path)
    found = find(tmp_path, "auto")
    assert (found.layout, len(found.pairs)) == ("paired", 2)
    assert "left out: stage1_train/" in found.notes
    assert len(find(tmp_path).pairs) == 2


def test_images_without_nuclei_are_named_and_a_test_stage_is_said(tmp_path: Path) -> None:
    make_dsb2018(tmp_path)
    shutil.rmtree(tmp_path / "stage1_train" / "13c8" / "masks")
    put(tmp_path / "stage1_test" / "ff00" / "images" / "ff00.png", image())
    found = find(tmp_path)
    assert [Path(path).name for path in found.unmatched] == ["13c8.png"]
    assert "stage1_test/ left out: no masks for its 1 image" in found.notes


def test_folders_of_several_images_or_sizes_or_values_are_refused(tmp_path: Path) -> None:
    make_dsb2018(tmp_path)
    masks = tmp_path / "stage1_train" / "13c8" / "masks"
    put(masks / "m2.png", class_mask()[:5])
    with pytest.raises(DatasetError, match=r"m2\.png: is 5 x 16 pixels, the nuclei before it 12 x"):
        find(tmp_path).pairs[1].load_mask(expand_palette=False)
    put(masks / "m1.png", label_map().astype(np.uint8))
    with pytest.raises(DatasetError, match="expected one nucleus per file"):
        find(tmp_path).pairs[1].load_mask(expand_palette=False)
    put(tmp_path / "stage1_train" / "13c8" / "images" / "more.png", image())
    with pytest.raises(DatasetError, match="holds 2 images; expected one"):
        find(tmp_path)
