"""Cellpose's folders: masks beside their images; pickles are refused with the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import image, label_map, make_cellpose, make_paired, put


def find(source: Path, layout: str = "auto") -> FoundSource:
    return find_source(source, layout, ImportOptions())


def pickle_beside(path: Path) -> None:
    """Write what Cellpose's GUI does: an array of a Python object."""
    content = np.array({"masks": label_map()}, dtype=object)
    np.save(path.with_name(f"{path.stem}_seg.npy"), content, allow_pickle=True)


@pytest.mark.parametrize(
    ("picture", "masks"),
    [
        ("a.tif", "a_masks.tif"),
        ("a.tif", "a_masks.png"),
        ("a.tif", "a_cp_masks.png"),
        ("000_img.png", "000_masks.png"),
    ],
)
def test_names_of_masks(tmp_path: Path, picture: str, masks: str) -> None:
    put(tmp_path / picture, image())
    put(tmp_path / masks, label_map())
    put(tmp_path / f"{Path(picture).stem}_flows.tif", image(1))
    found = find(tmp_path)
    assert (found.layout, found.has_instances, found.unmatched) == ("cellpose", True, ())
    assert [(pair.image_label, pair.mask_label) for pair in found.pairs] == [(picture, masks)]


def test_train_and_test_folders_are_the_split(tmp_path: Path) -> None:
    for seed, subset in enumerate(("train", "test")):
        put(tmp_path / subset / "000_img.png", image(seed))
        put(tmp_path / subset / "000_masks.png", label_map())
    assert [(row.id, row.subset) for row in find(tmp_path).split] == [
        ("train__000_img", "train"),
        ("test__000_img", "test"),
    ]


def test_pickles_alone_are_refused_with_the_way_out(tmp_path: Path) -> None:
    pickle_beside(put(tmp_path / "a.tif", image()))
    with pytest.raises(DatasetError) as caught:
        find(tmp_path)
    assert "a_seg.npy: is a Python pickle, which is never read" in str(caught.value)
    assert "File > Save masks as PNG/tif" in str(caught.value)


def test_pickles_beside_masks_are_said_and_images_with_a_pickle_alone_named(
    tmp_path: Path,
) -> None:
    make_cellpose(tmp_path)
    pickle_beside(tmp_path / "a.tif")
    assert find(tmp_path).warnings == ()
    pickle_beside(put(tmp_path / "c.tif", image()))
    found = find(tmp_path)
    assert [Path(path).name for path in found.unmatched] == ["c.tif"]
    assert found.warnings[0].startswith("not read: 1 Python pickle (*_seg.npy)")


def test_pickles_beside_images_that_have_masks_elsewhere_do_not_matter(tmp_path: Path) -> None:
    make_paired(tmp_path)
    pickle_beside(tmp_path / "images" / "a.tif")
    found = find(tmp_path)
    assert (found.layout, len(found.pairs), found.unmatched) == ("paired", 2, ())


def test_masks_without_image_are_named_and_doubles_refused(tmp_path: Path) -> None:
    make_cellpose(tmp_path)
    put(tmp_path / "z_masks.png", label_map())
    assert [Path(path).name for path in find(tmp_path).unmatched] == ["z_masks.png"]
    put(tmp_path / "a_masks.png", label_map())
    with pytest.raises(DatasetError, match=r"a_masks\.png and a_masks\.tif would be one sample"):
        find(tmp_path)
