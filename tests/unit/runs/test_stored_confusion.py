"""`image_confusion.csv`: what is written is read back, and what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellenhance.errors import DatasetError
from cellenhance.runs.stored_confusion import (
    RESULT,
    ImageMatrices,
    load_image_confusion,
    write_image_confusion,
)

CLASSES = ("rest", "cell, live", 'never "seen"')
MATRICES = np.array([[[4, 1, 0], [2, 3, 0], [0, 0, 0]], np.zeros((3, 3))], np.int64)


def images(matrices: np.ndarray = MATRICES) -> ImageMatrices:
    return ImageMatrices(CLASSES, ("a", "b"), ("donor 1", "donor 2"), matrices)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """An image without any pixel that counts and a class that is nowhere come back too."""
    path = tmp_path / "deep" / "image_confusion.csv"
    write_image_confusion(path, {RESULT: images(), "branch 1": images(MATRICES[:, ::-1])})
    back = load_image_confusion(path)
    assert list(back) == ["result", "branch 1"]
    for name, matrices in (("result", MATRICES), ("branch 1", MATRICES[:, ::-1])):
        assert back[name].classes == CLASSES
        assert back[name].ids == ("a", "b")
        assert back[name].groups == ("donor 1", "donor 2")
        assert back[name].matrices.tolist() == matrices.tolist()


def test_a_row_is_a_pair_of_classes_that_occurs(tmp_path: Path) -> None:
    path = tmp_path / "image_confusion.csv"
    one = ImageMatrices(("x", "y"), ("a",), ("a",), np.array([[[4, 1], [0, 0]]]))
    write_image_confusion(path, {RESULT: one})
    assert path.read_text().splitlines() == [
        "output,id,group,truth,prediction,n_px",
        "result,a,a,x,x,4",
        "result,a,a,x,y,1",
        "result,a,a,y,y,0",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",4\n", ",-4\n", "is not a count of pixels"),
        (",4\n", ",many\n", "is not a count of pixels"),
        ("rest,", "other,", "is not a count of pixels"),
        ("n_px", "pixels", "expected the columns output,id,group,truth,prediction,n_px"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "image_confusion.csv"
    write_image_confusion(path, {RESULT: images()})
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=message):
        load_image_confusion(path)


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image_confusion.csv"
    with pytest.raises(DatasetError, match="make it with cellenhance evaluate RUN"):
        load_image_confusion(path)
    write_image_confusion(path, {})
    with pytest.raises(DatasetError, match="holds no images"):
        load_image_confusion(path)
