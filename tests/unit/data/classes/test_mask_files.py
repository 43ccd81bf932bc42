"""Files matched by relative path without extension; single files belong together."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cellenhance.data.classes.mask_files import list_files, match_files
from cellenhance.errors import DatasetError


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_three_folders_match_by_relative_path(tmp_path: Path) -> None:
    sets = [
        list_files(make(tmp_path / "a", "x.png", "in/y.tif")),
        list_files(make(tmp_path / "b", "in/y.ome.tif", "x.tif")),
        list_files(make(tmp_path / "c", "in/y.bmp", "x.bmp")),
    ]
    matched = match_files(*sets, what="files")
    assert list(matched) == ["in/y", "x"]
    assert [path.name for path in matched["in/y"]] == ["y.tif", "y.ome.tif", "y.bmp"]


def test_single_files_belong_together_whatever_their_names(tmp_path: Path) -> None:
    make(tmp_path, "image.png", "its mask.png")
    sets = [list_files(tmp_path / name) for name in ("image.png", "its mask.png")]
    assert match_files(*sets, what="files") == {
        "image": (tmp_path / "image.png", tmp_path / "its mask.png")
    }


def test_a_file_takes_its_partner_from_a_folder_when_the_others_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make(tmp_path / "masks", "x.png", "y.png")
    make(tmp_path, "x.tif")
    sets = [list_files(tmp_path / "x.tif"), list_files(folder)]
    with pytest.raises(DatasetError, match=r"1 in .*masks without a partner in .*x.tif: y"):
        match_files(*sets, what="images and masks")
    assert list(match_files(*sets, what="files", skip_unmatched=True)) == ["x"]
    with caplog.at_level(logging.WARNING, "cellenhance"):
        match_files(*sets, what="files", skip_unmatched=True)
    assert "left out: 1 in" in caplog.text


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: there is no such file or folder"):
        list_files(tmp_path / "nowhere")
