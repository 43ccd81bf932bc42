"""Data kept behind links: `dataset prepare` reads it, and names what it cannot reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tifffile

from cellenhance.data.dataset.manifest import load_dataset
from tests.layout_twins import class_mask, image, put

CLASSES = ("--class", "background=0", "--class", "cell=255")


def make_lab(root: Path, *stems: str) -> None:
    for seed, stem in enumerate(stems):
        put(root / "images" / f"{stem}.tif", image(seed))
        put(root / "masks" / f"{stem}.tif", class_mask())


def link(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def ids_of(folder: Path) -> list[str]:
    return [row.id for row in load_dataset(folder).samples]


@pytest.mark.parametrize("linked", ["folders", "sub-folders", "files"])
def test_linked_data_is_read(cli: Any, tmp_path: Path, linked: str) -> None:
    make_lab(tmp_path / "disk", "a", "b")
    lab, side = tmp_path / "lab", ("images", "masks")
    for kind in side:
        if linked == "folders":
            link(lab / kind, tmp_path / "disk" / kind)
        elif linked == "sub-folders":
            link(lab / kind / "plate1", tmp_path / "disk" / kind)
        else:
            link(lab / kind / "a.tif", tmp_path / "disk" / kind / "a.tif")
            link(lab / kind / "b.tif", tmp_path / "disk" / kind / "b.tif")
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 0, done.stderr
    assert ids_of(tmp_path / "set") == ["a", "b"]


def test_dead_links_are_named_once(cli: Any, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    make_lab(lab, "a")
    for kind in ("images", "masks"):
        link(lab / kind / "gone.tif", tmp_path / "unmounted" / "gone.tif")
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 0, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "broken links" in line]
    assert line.startswith("warning:")
    assert line.endswith("images/gone.tif, masks/gone.tif")


def test_annotation_files_find_their_images_in_linked_folders(cli: Any, tmp_path: Path) -> None:
    put(tmp_path / "disk" / "a.png", image())
    shape = {"label": "cell", "shape_type": "rectangle", "points": [[1, 1], [5, 5]]}
    content = {"imagePath": "C:\\elsewhere\\a.png", "imageData": None, "shapes": [shape]}
    (tmp_path / "disk" / "a.json").write_text(json.dumps(content))
    link(tmp_path / "lab" / "plate1", tmp_path / "disk")
    link(tmp_path / "lab" / "plate1-again", tmp_path / "disk")
    done = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set")
    assert done.exit_code == 0, done.stderr
    assert "left out 1 link to folders that are read already: plate1-again" in done.stderr
    written = tifffile.imread(tmp_path / "set" / "images" / "a.tif")
    assert (written == image()).all()
