"""Files, folders and globs become images; what hides images is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellenhance.data.dataset.inputs import FoundInputs, find_inputs
from cellenhance.errors import DatasetError
from tests.ome_sets import write_set


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
    assert "broken link" in caplog.text


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


def names(found: FoundInputs) -> list[str]:
    return [image.stem for image in found.images]


@pytest.mark.parametrize("text", ["in", "in/**/*.tif", "in/*"])
def test_the_output_folder_among_the_inputs_is_left_out_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level("INFO")
    output = tmp_path / "in" / "out"
    make(tmp_path / "in" / "a.tif", output / "masks" / "a.tif", output / "b.png")
    found = find_inputs([str(tmp_path / text)], output)
    assert names(found) == ["a"]
    assert found.skipped == ()
    assert f"left out, since cellenhance writes there: {output}/" in caplog.text


def test_an_output_folder_that_holds_the_inputs_hides_none_of_them(tmp_path: Path) -> None:
    make(tmp_path / "lab" / "in" / "a.tif", tmp_path / "lab" / "in" / "sub" / "b.tif")
    for output in (tmp_path / "lab", tmp_path / "lab" / "in"):
        assert names(find_inputs([str(tmp_path / "lab" / "in")], output)) == ["a", "sub/b"]


@pytest.mark.parametrize(
    ("mark", "folders"),
    [
        ("classes.yaml", ["masks", "previews", "probabilities", "uncertainty", "overlays"]),
        ("areas.csv", ["overlays"]),
        ("scores.csv", ["comparisons"]),
        ("run.yaml", ["evaluation/test/worst", "figures"]),
        ("dataset.yaml", ["masks"]),
    ],
)
@pytest.mark.parametrize("place", ["in", "in/former"])
def test_results_of_former_commands_are_no_images(
    tmp_path: Path, mark: str, folders: list[str], place: str
) -> None:
    make(tmp_path / "in" / "a.tif", tmp_path / place / "mine" / "b.tif")
    if (mark, place) == ("dataset.yaml", "in"):
        return  # a dataset stands for its images
    make(tmp_path / place / mark, *(tmp_path / place / name / "a.png" for name in folders))
    expected = ["a", "mine/b"] if place == "in" else ["a", "former/mine/b"]
    for output in (tmp_path / "in", tmp_path / "elsewhere", None):
        assert names(find_inputs([str(tmp_path / "in")], output)) == expected


def test_masks_of_the_users_own_are_images_like_any_other(tmp_path: Path) -> None:
    make(tmp_path / "in" / "a.tif", tmp_path / "in" / "masks" / "a.tif")
    assert names(find_inputs([str(tmp_path / "in")])) == ["a", "masks/a"]


def test_a_result_that_is_named_itself_counts(tmp_path: Path) -> None:
    output = tmp_path / "out"
    make(output / "classes.yaml", output / "masks" / "a.tif")
    assert names(find_inputs([str(output / "masks" / "a.tif")], output)) == ["a"]
    assert names(find_inputs([str(output / "masks")])) == ["a"]
    with pytest.raises(DatasetError, match="holds nothing but what cellenhance wrote"):
        find_inputs([str(output)])


def test_files_of_further_channels_are_no_inputs_beside_the_first(tmp_path: Path) -> None:
    stack = np.zeros((1, 1, 2, 12, 16), np.uint16)
    files = write_set(tmp_path, stack, "C")
    for text in (tmp_path, tmp_path / "*.tif"):
        [image] = find_inputs([str(text)]).images
        assert image.stem == "set_C0"
    [image] = find_inputs([str(files[(1,)])]).images  # asked for alone, it says so itself
    assert image.stem == "set_C1"
