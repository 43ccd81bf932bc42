"""Masks of `predict` bring the names and colours of their classes to other commands."""

from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.classes.mask_classes import find_classes, predicted_classes, write_classes
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.files.writers import write_mask
from cellenhance.errors import DatasetError

CLASSES = (
    SegmentationClass(index=0, name="background", color="#000000"),
    SegmentationClass(index=1, name="nucleus, dim", color="#56b4e9"),
)


def test_names_and_colours_come_back_even_where_a_class_is_absent(tmp_path: Path) -> None:
    write_mask(tmp_path / "masks" / "a.tif", np.ones((4, 4), np.uint8))
    write_classes(tmp_path, CLASSES)
    files = [tmp_path / "masks" / "a.tif"]
    found = find_classes([tmp_path / "masks"], files, classes=None)
    assert found.names == ("background", "nucleus, dim")
    assert found.colors == ("#000000", "#56b4e9")
    assert found.background == 0
    assert predicted_classes(files[0]) == CLASSES


def test_classes_given_by_the_user_win(tmp_path: Path) -> None:
    write_mask(tmp_path / "masks" / "a.tif", np.ones((4, 4), np.uint8))
    write_classes(tmp_path, CLASSES)
    files = [tmp_path / "masks" / "a.tif"]
    assert find_classes([tmp_path / "masks"], files, classes=["x=0", "y=1"]).names == ("x", "y")


def test_other_folders_bring_none(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    assert predicted_classes(tmp_path) is None
    (tmp_path / "elsewhere").mkdir()
    assert predicted_classes(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("text", ["[1, 2", "classes: 3", "!!python/object:os.system {}", "", "7"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "classes.yaml").write_text(text)
    with pytest.raises(DatasetError, match=r"classes\.yaml"):
        predicted_classes(tmp_path / "masks")
