"""The Cell Tracking Challenge: segmented frames are samples, a sequence is a group."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import image, label_map, make_ctc, put


def find(source: Path, layout: str = "auto") -> FoundSource:
    found = find_source(source, layout, ImportOptions())
    assert found.layout == "ctc"
    return found


def test_frames_with_gold_truth_are_samples(tmp_path: Path) -> None:
    make_ctc(tmp_path)
    found = find(tmp_path)
    assert [(p.id, p.image_label, p.mask_label, p.group) for p in found.pairs] == [
        ("t001", "01/t001.tif", "01_GT/SEG/man_seg001.tif", "01")
    ]
    assert found.has_instances
    assert found.notes == (
        "sequence 01: 2 of 3 frames have no segmentation",
        "sequence 01: the silver truth of 3 frames is not used; to use it give --images 01 "
        "--masks 01_ST/SEG",
    )
    assert found.warnings == ()


def test_the_way_to_the_silver_truth_works(tmp_path: Path) -> None:
    make_ctc(tmp_path)
    options = ImportOptions(images=Path("01"), masks=Path("01_ST/SEG"))
    found = find_source(tmp_path, "auto", options)
    assert [(pair.image_label, pair.mask_label) for pair in found.pairs] == [
        (f"01/t00{frame}.tif", f"01_ST/SEG/man_seg00{frame}.tif") for frame in range(3)
    ]


def test_silver_truth_alone_is_taken_and_said(tmp_path: Path) -> None:
    make_ctc(tmp_path)
    shutil.rmtree(tmp_path / "01_GT")
    found = find(tmp_path)
    assert len(found.pairs) == 3
    assert found.notes == ("sequence 01: no gold truth, so the silver truth is used",)


def test_cells_that_are_marked_but_not_segmented_are_counted(tmp_path: Path) -> None:
    make_ctc(tmp_path)
    seg = np.where(label_map() == 1, 5, 0).astype(np.uint16)  # its numbers are not the markers'
    put(tmp_path / "01_GT" / "SEG" / "man_seg001.tif", seg)
    assert find(tmp_path).warnings == (
        "sequence 01: no segmentation of 2 marked cells in 1 frame (man_seg001.tif): what is "
        "missing counts as background; leave these frames out with --exclude",
    )


def test_two_sequences_and_the_short_form(tmp_path: Path) -> None:
    for name in ("GOWT1", "HeLa"):
        for frame in (1, 13):
            put(tmp_path / name / "img" / f"t{frame:02d}.tif", image(frame))
            put(tmp_path / name / "gt" / f"man_seg{frame:02d}.tif", label_map())
    found = find(tmp_path)
    assert [(pair.id, pair.group) for pair in found.pairs] == [
        ("GOWT1__img__t01", "GOWT1"),
        ("GOWT1__img__t13", "GOWT1"),
        ("HeLa__img__t01", "HeLa"),
        ("HeLa__img__t13", "HeLa"),
    ]
    assert "2 sequences without TRA/ (GOWT1, HeLa)" in found.warnings[0]


def test_single_planes_of_a_volume(tmp_path: Path) -> None:
    put(tmp_path / "01" / "t000.tif", image(pages=4))
    for plane in (1, 3):
        put(tmp_path / "01_GT" / "SEG" / f"man_seg_000_{plane:03d}.tif", label_map())
    found = find(tmp_path)
    assert [(pair.id, pair.group) for pair in found.pairs] == [
        ("t000_z001", "01"),
        ("t000_z003", "01"),
    ]
    np.testing.assert_array_equal(found.pairs[1].load_image(None)[0][..., 0], image(pages=4)[3])
    np.testing.assert_array_equal(found.pairs[1].load_mask(expand_palette=False), label_map())
    put(tmp_path / "01_GT" / "SEG" / "man_seg_000_004.tif", label_map())
    with pytest.raises(DatasetError, match=r"segments plane 4, t000\.tif has planes 0 to 3"):
        find(tmp_path)


def test_a_segmentation_without_its_frame_is_named(tmp_path: Path) -> None:
    make_ctc(tmp_path)
    put(tmp_path / "01_GT" / "SEG" / "man_seg009.tif", label_map())
    assert [Path(path).name for path in find(tmp_path).unmatched] == ["man_seg009.tif"]
