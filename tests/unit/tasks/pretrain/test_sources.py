"""What a user names becomes pictures: regions from masks, shares, files that are left out."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellenhance.data.dataset.samples import SampleStore
from cellenhance.errors import CellEnhanceError, SettingsError
from cellenhance.progress import silent
from cellenhance.tasks.pretrain.sources import OpenedSource, open_source, regions_of_mask


def opened(text: str) -> OpenedSource:
    return open_source(text, SampleStore(1 << 30), silent)


def test_classes_that_meet_have_a_boundary() -> None:
    mask = np.array([[0, 0, 0, 1, 1, 1, 2, 2, 2, 255]], np.uint8).repeat(3, axis=0)
    found = regions_of_mask(mask, ("ground", "cell", "bud"), "ground")
    assert found[1].tolist()[:2] == [0, 0]
    assert found[1].tolist()[2:4] == [2, 2]  # ground meets cell
    assert found[1].tolist()[4] == 1
    assert found[1].tolist()[5:7] == [2, 2]  # cell meets bud
    assert found[1].tolist()[9] == 255


def test_a_class_that_parts_objects_is_the_boundary() -> None:
    mask = np.array([[0, 0, 1, 0, 0]], np.uint8)
    assert regions_of_mask(mask, ("interior", "Membrane"), None).tolist() == [[1, 1, 2, 1, 1]]
    mask = np.array([[0, 1, 2, 1, 0]], np.uint8)
    names = ("background", "interior", "boundary")
    assert regions_of_mask(mask, names, "background").tolist() == [[0, 1, 2, 1, 0]]


def test_planes_of_readable_files_are_pictures_and_the_rest_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    tifffile.imwrite(
        tmp_path / "stack.tif",
        rng.integers(0, 900, (3, 40, 50), np.uint16),
        photometric="minisblack",
    )
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with caplog.at_level(logging.WARNING):
        source = opened(f"{tmp_path}@3")
    assert (source.n_images, source.share) == (3, 3)
    assert "broken.png" in caplog.text
    picture = source.pictures.at(0, 0, 0)
    assert picture.regions is None
    assert (picture.clean.min(), picture.clean.max()) == (0, 1)


def test_a_dataset_brings_its_labels(tiny_dataset: Path) -> None:
    source = opened(str(tiny_dataset))
    assert source.n_images == 8
    regions = source.pictures.at(0, 0, 0).regions
    assert regions is not None
    assert set(np.unique(regions)) == {1, 2}  # cytoplasm and nucleus; membranes part them


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("world:nucleii", "unknown kind of scene"),
        ("world@0", "a number above 0"),
        ("world@much", "a number above 0"),
    ],
)
def test_words_that_mean_nothing_are_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        opened(text)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CellEnhanceError):
        opened(str(tmp_path))
