"""Masks that are lines of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.files.options import StackReadingOptions
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.registry import find_source
from cellenhance.data.importers.text_matrices import read_matrix
from cellenhance.errors import DatasetError, ImageReadError
from tests.layout_twins import image, label_map, make_text_matrices, put


def find(source: Path, **options: Any) -> FoundSource:
    return find_source(source, "auto", ImportOptions(**options))


def test_texts_without_extension_are_masks(tmp_path: Path) -> None:
    make_text_matrices(tmp_path)
    found = find(tmp_path)
    assert found.layout == "text-matrices"
    assert [(pair.id, pair.image_label, pair.mask_label) for pair in found.pairs] == [
        ("1", "images/1.png", "annotations/1"),
        ("7", "images/7.png", "annotations/7"),
    ]
    np.testing.assert_array_equal(found.pairs[0].load_mask(expand_palette=False), label_map())


def test_named_folders_and_subfolders(tmp_path: Path) -> None:
    make_text_matrices(tmp_path / "deep")
    (tmp_path / "deep" / "images").rename(tmp_path / "pictures")
    (tmp_path / "deep" / "annotations").rename(tmp_path / "numbers")
    found = find(tmp_path, images=Path("pictures"), masks=Path("numbers"))
    assert (found.layout, len(found.pairs)) == ("text-matrices", 2)


def test_axes_and_projection_are_those_of_the_images(tmp_path: Path) -> None:
    make_text_matrices(tmp_path)
    [pair, _] = find_source(
        tmp_path, "auto", ImportOptions(reading=StackReadingOptions(axes="XYC"))
    ).pairs
    with pytest.raises(ImageReadError, match="axes"):
        pair.load_image(None)


def test_images_and_texts_without_a_partner_are_named(tmp_path: Path) -> None:
    make_text_matrices(tmp_path)
    put(tmp_path / "images" / "9.png", image())
    (tmp_path / "annotations" / "8").write_text("0 1\n")
    (tmp_path / "annotations" / "README").write_text("who drew this\n")
    assert [Path(path).name for path in find(tmp_path).unmatched] == ["9.png", "8"]


@pytest.mark.parametrize("text", ["0 1 -2\n3 4 5\n", "0,1,-2,\n3,4,5,\n", "\ufeff0\t1;-2\r\n3 4 5"])
def test_numbers_may_be_parted_by_blanks_commas_or_tabs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "1"
    path.write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_matrix(path), [[0, 1, -2], [3, 4, 5]])


@pytest.mark.parametrize("text", ["0 1\n2\n", "0 1.5\n", "0 a\n", "", b"\xff\xfe0"])
def test_what_is_no_matrix_is_refused_in_one_line(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "1"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DatasetError, match=r"is not a matrix of whole|is empty") as caught:
        read_matrix(path)
    assert "\n" not in str(caught.value)


def test_boxes_in_texts_are_no_matrices(tmp_path: Path) -> None:
    put(tmp_path / "images" / "a.png", image())
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.51 0.43 0.2 0.1\n")
    with pytest.raises(DatasetError, match="has a partner, by name or by number"):
        find(tmp_path)
