"""`--layout auto` gives each layout its own sources, and none that are another's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.options import AUTO
from cellenhance.data.importers.registry import IMPORTERS, find_source
from cellenhance.errors import DatasetError
from tests.layout_twins import TWINS, image, put

NAMES = [importer.name for importer in IMPORTERS]


def seen(found: FoundSource) -> list[tuple[str, str, str, str | None]]:
    return [(p.id, p.image_label, p.mask_label, p.group) for p in found.pairs]


@pytest.mark.parametrize("name", NAMES)
def test_auto_picks_the_layout_that_the_source_was_made_in(name: str, tmp_path: Path) -> None:
    TWINS[name](tmp_path)
    found = find_source(tmp_path, AUTO, ImportOptions())
    assert found.layout == name
    assert found.reason
    assert seen(found) == seen(find_source(tmp_path, name, ImportOptions()))


@pytest.mark.parametrize("name", ["ctc", "dsb2018", "numbered-pairs", "cellpose", "stacks"])
def test_folders_right_in_the_source_win_over_what_lies_deeper(name: str, tmp_path: Path) -> None:
    TWINS["paired"](tmp_path)
    TWINS[name](tmp_path / "other")
    found = find_source(tmp_path, AUTO, ImportOptions())
    assert (found.layout, [pair.id for pair in found.pairs]) == ("paired", ["a", "b"])
    assert "left out: other/" in found.notes


@pytest.mark.parametrize(
    ("name", "text"),
    [("pairs.csv", "picture,label\na.tif,a_mask.png\n"), ("train.txt", "images/a.tif\n")],
)
def test_a_table_or_list_that_is_no_list_of_pairs_is_named(
    name: str, text: str, tmp_path: Path
) -> None:
    TWINS["paired"](tmp_path)
    (tmp_path / "README.txt").write_text("Two images.")
    assert find_source(tmp_path, AUTO, ImportOptions()).notes == ()
    (tmp_path / name).write_text(text)
    found = find_source(tmp_path, AUTO, ImportOptions())
    assert found.layout == "paired"
    assert [note for note in found.notes if note.startswith(f"not read: {name}; a table")]


@pytest.mark.parametrize("name", ["labelme", "qupath", "cellpose", "stacks", "npy-folds"])
def test_folders_beside_files_right_in_the_source_are_named(name: str, tmp_path: Path) -> None:
    TWINS[name](tmp_path)
    put(tmp_path / "pictures" / "x.tif", image())
    found = find_source(tmp_path, AUTO, ImportOptions())
    assert found.layout == name
    assert "left out: pictures/" in found.notes


@pytest.mark.parametrize("name", ["npy-folds", "nnunet", "ctc", "paired", "coco", "fiji-rois"])
def test_folders_of_images_that_a_layout_does_not_read_are_named(name: str, tmp_path: Path) -> None:
    TWINS[name](tmp_path / "set")
    put(tmp_path / "pictures" / "x.tif", image())
    found = find_source(tmp_path, AUTO, ImportOptions())
    assert found.layout == name
    assert "left out: pictures/" in found.notes


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_can_be_read_and_fits(name: str, tmp_path: Path) -> None:
    TWINS[name](tmp_path)
    for pair in find_source(tmp_path, AUTO, ImportOptions()).pairs:
        pixels, info = pair.load_image(None)
        assert pixels.shape == (info.height, info.width, info.channels)
        assert pair.load_mask(expand_palette=False).shape[:2] == pixels.shape[:2]
        assert pair.id in pair.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_source_without_anything_of_a_layout_is_refused_in_one_line(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(DatasetError) as caught:
        find_source(tmp_path, name, ImportOptions())
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_offers_every_layout(cli: Callable[..., Any]) -> None:
    text = " ".join(cli("dataset", "prepare", "--help").stdout.replace("│", " ").split())
    assert [name for name in [AUTO, *NAMES] if name not in text] == []


@pytest.mark.parametrize("layout", [AUTO, "stacks"])
def test_an_image_that_cannot_be_opened_is_named_where_no_layout_is_found(
    layout: str, tmp_path: Path
) -> None:
    TWINS["stacks"](tmp_path)
    volume = tmp_path / "train-volume.tif"
    volume.write_bytes(volume.read_bytes()[:600])
    with pytest.raises(DatasetError, match=r"besides, .*train-volume\.tif: is a damaged"):
        find_source(tmp_path, layout, ImportOptions())


def test_an_unknown_source_says_where_its_images_are(tmp_path: Path) -> None:
    put(tmp_path / "plate 1" / "pictures" / "a.tif", image())
    with pytest.raises(DatasetError, match=r"folders with images: plate 1/pictures \(1\)"):
        find_source(tmp_path, AUTO, ImportOptions())


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found a file; expected a folder or an archive"):
        find_source(put(tmp_path / "a.tif", image()), AUTO, ImportOptions())
