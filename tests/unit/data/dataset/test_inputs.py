"""Files, folders and globs become images; what hides images is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellenhance.data.dataset.inputs import find_inputs
from cellenhance.errors import DatasetError


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_linked_folders_are_inputs_and_mirrored(tmp_path: Path) -> None:
    make(tmp_path / "disk" / "b.tif", tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "plate").symlink_to(tmp_path / "disk")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    stems = [image.stem for image in find_inputs([str(tmp_path / "in")]).images]
    assert stems == ["a", "plate/b"]


@pytest.mark.parametrize("text", ["in", "in/*.tif", "in/**/*.tif"])
def test_dead_links_are_named_however_they_are_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    make(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "gone.tif").symlink_to("/not/mounted/gone.tif")
    found = find_inputs([str(tmp_path / text)])
    assert [image.path.name for image in found.images] == ["a.tif"]
    assert "gone.tif" in caplog.text
    assert "nowhere" in caplog.text


def test_a_dead_link_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gone.tif").symlink_to("/not/mounted/gone.tif")
    with pytest.raises(DatasetError, match=r"gone.tif: holds no image"):
        find_inputs([str(tmp_path / "gone.tif")])


def test_a_recursive_glob_counts_each_file_once_though_links_lead_in_a_circle(
    tmp_path: Path,
) -> None:
    make(tmp_path / "in" / "sub" / "a.tif")
    (tmp_path / "in" / "sub" / "loop").symlink_to(tmp_path / "in")
    [image] = find_inputs([str(tmp_path / "in" / "**" / "*.tif")]).images
    assert image.path == tmp_path / "in" / "sub" / "a.tif"
