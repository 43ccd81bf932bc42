"""A file that another file names is opened only where the input folder has it (promise 8).

Each format that names files gets names that lead to a folder beside the source. A process with an
audit hook runs the command and counts what it opened there: nothing, whatever else it says.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.layout_twins import (
    TWINS,
    class_mask,
    image,
    make_coco,
    make_csv,
    make_dataset,
    make_labelme,
    make_nnunet,
    make_qupath,
    make_text_list,
    put,
)
from tests.ome_sets import binary_only, image_xml, ome_xml, tiff_data, write_pages

Spoil = Callable[[Path, str], None]
"""Makes a source in a folder in which a file names another one by the given text."""

CHILD = """
import json, os, sys
secret, *commands = json.loads(sys.argv[1])
opened = []
def watch(event, arguments):
    if event in ("open", "os.scandir", "os.listdir") and arguments:
        if isinstance(arguments[0], (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(arguments[0]))
            if place == secret or place.startswith(secret + os.sep):
                opened.append([event, place])
sys.addaudithook(watch)
from cellenhance.__main__ import main
results = []
for words in commands:
    sys.argv = ["cellenhance", *words]
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    results.append({"code": code, "opened": list(opened)})
    opened.clear()
print(json.dumps(results))
"""


def run_watched(secret: Path, *commands: Sequence[object]) -> list[dict[str, Any]]:
    """Run commands; of each the exit code and what it opened in the secret folder."""
    asked = [os.path.realpath(secret), *([str(word) for word in words] for words in commands)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(asked)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert "internal error" not in done.stderr, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return results


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def spoil_labelme(root: Path, name: str) -> None:
    make_labelme(root)
    change_json(root / "a.json", lambda says: says.update(imagePath=name))
    (root / "a.png").unlink()


def spoil_coco(root: Path, name: str) -> None:
    make_coco(root)
    change_json(root / "annotations.json", lambda says: says["images"][0].update(file_name=name))
    (root / "images" / "a.png").rename(root / "images" / "b.png")


def spoil_qupath(root: Path, name: str) -> None:
    make_qupath(root)
    properties = {"image": name, "path": name}
    change_json(
        root / "a.geojson", lambda says: says["features"][0]["properties"].update(properties)
    )


def spoil_nnunet(root: Path, name: str) -> None:
    """Version 1 lists its files, version 2 may; neither list is needed."""
    make_nnunet(root)
    listed = {
        "training": [{"image": name, "label": name}],
        "test": [name],
        "dataset": {"cell_001": {"images": [name, name], "label": name}},
    }
    change_json(root / "dataset.json", lambda says: says.update(listed))


def spoil_csv_image(root: Path, name: str) -> None:
    make_csv(root)
    table = root / "pairs.csv"
    table.write_text(table.read_text().replace("files/a.tif", name), encoding="utf-8")


def spoil_csv_mask(root: Path, name: str) -> None:
    make_csv(root)
    table = root / "pairs.csv"
    table.write_text(table.read_text().replace("files/b-truth.tif", name), encoding="utf-8")


def spoil_text_list(root: Path, name: str) -> None:
    make_text_list(root)
    (root / "train.txt").write_text(f"images/a.tif masks/a.tif\n{name}\t{name}\n")


def spoil_dataset(root: Path, name: str) -> None:
    make_dataset(root)
    table = root / "samples.csv"
    table.write_text(table.read_text().replace("images/a.tif", name), encoding="utf-8")


def spoil_ome(root: Path, name: str, own: str | None = None) -> None:
    """The second channel of the image lies in the file that is named."""
    data = tiff_data({}, 0, "a.ome.tif") + tiff_data({"C": 1}, 0, name)
    images = image_xml(data, {"X": 16, "Y": 12, "C": 2}, dtype="uint8")
    write_pages(root / "images" / "a.ome.tif", image()[None], own or ome_xml(images, "a.ome.tif"))
    put(root / "masks" / "a.tif", class_mask())


def spoil_binary_only(root: Path, name: str) -> None:
    spoil_ome(root, name, own=binary_only("a.ome.tif", name))


def spoil_micromanager(root: Path, name: str) -> None:
    """The prefix by which tifffile looks for the other files of a Micro-Manager stack."""
    put(root / "masks" / "x_MMStack.tif", class_mask())
    summary = json.dumps({"Summary": {"Prefix": name, "Frames": 2, "MicroManagerVersion": "1"}})
    (root / "images").mkdir()
    tags = [(51123, "s", 0, summary, True)]
    tifffile.imwrite(root / "images" / "x_MMStack.tif", image(), extratags=tags, metadata=None)


SPOILT: dict[str, Spoil] = {
    "labelme": spoil_labelme,
    "coco": spoil_coco,
    "qupath": spoil_qupath,
    "nnunet": spoil_nnunet,
    "csv image": spoil_csv_image,
    "csv mask": spoil_csv_mask,
    "text-list": spoil_text_list,
    "dataset": spoil_dataset,
    "ome channel": spoil_ome,
    "ome xml": spoil_binary_only,
    "micro-manager": spoil_micromanager,
}
NAMES = ("../secret/x.tif", "{secret}/x.tif", "inside/../../secret/x.tif", "..\\secret\\x.tif")
CLASSES = ("--class", "background=0", "--class", "cell=255")


def make_secret(folder: Path) -> Path:
    for name in ("x.tif", "x.png", "x.ome.tif"):
        put(folder / name, np.full((12, 16), 77, np.uint8))
    return folder


def prepare(source: Path, kind: str) -> list[object]:
    """Return the command for a spoilt source; those of images need classes."""
    own = kind.split()[0] in {"labelme", "coco", "qupath", "nnunet", "dataset"}
    output = source.with_name(f"{source.name}-set")
    return ["dataset", "prepare", source, "-o", output, *([] if own else CLASSES)]


@pytest.mark.parametrize("kind", SPOILT)
def test_prepare_opens_nothing_outside(tmp_path: Path, kind: str) -> None:
    secret = make_secret(tmp_path / "secret")
    labs = [tmp_path / f"lab{number}" for number in range(len(NAMES))]
    for lab, name in zip(labs, NAMES, strict=True):
        (lab / "inside").mkdir(parents=True)
        SPOILT[kind](lab, name.format(secret=secret))
    for done in run_watched(secret, *(prepare(lab, kind) for lab in labs)):
        assert done["opened"] == []
        assert done["code"] in (0, 3)


def test_the_watch_sees_what_is_opened(tmp_path: Path) -> None:
    secret = make_secret(tmp_path / "secret")
    TWINS["paired"](secret / "lab")
    command = ["dataset", "prepare", secret / "lab", "-o", tmp_path / "set", *CLASSES]
    [done] = run_watched(secret, command)
    assert done["code"] == 0
    assert ["open", os.path.realpath(secret / "lab" / "images" / "a.tif")] in done["opened"]


def test_a_path_in_a_file_is_not_followed_through_a_link_out_of_the_folder(
    tmp_path: Path,
) -> None:
    """The walk through a folder follows links of whoever made it; a path in a file does not."""
    secret = make_secret(tmp_path / "secret")
    kinds = ("csv image", "csv mask", "text-list", "dataset")
    labs = [tmp_path / f"lab{number}" for number in range(len(kinds))]
    for lab, kind in zip(labs, kinds, strict=True):
        lab.mkdir()
        SPOILT[kind](lab, "link/x.tif")
        (lab / "link").symlink_to(secret)
    commands = [prepare(lab, kind) for lab, kind in zip(labs, kinds, strict=True)]
    for done in run_watched(secret, *commands):
        assert done["code"] == 3
        assert not [place for event, place in done["opened"] if event == "open"]


def write_archive(path: Path, kind: str, secret: Path) -> None:
    """An archive of a good source and of one entry that leads out."""
    good = io.BytesIO()
    tifffile.imwrite(good, image())
    names = {"climbs": "../../secret/y.tif", "absolute": f"{secret}/y.tif", "link": "images/y.tif"}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images/a.tif", good.getvalue())
            entry = zipfile.ZipInfo(names[kind])
            if kind == "link":
                entry.create_system, entry.external_attr = 3, 0o120777 << 16
            archive.writestr(entry, f"{secret}/x.tif" if kind == "link" else good.getvalue())
        return
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(names[kind])
        member.size = len(good.getvalue())
        if kind == "link":
            member.type, member.linkname, member.size = tarfile.SYMTYPE, f"{secret}/x.tif", 0
        archive.addfile(member, None if kind == "link" else io.BytesIO(good.getvalue()))


def test_entries_of_archives_lead_nowhere(tmp_path: Path) -> None:
    secret = make_secret(tmp_path / "secret")
    commands: list[list[object]] = []
    for kind in ("climbs", "absolute", "link"):
        for suffix in (".zip", ".tar"):
            path = tmp_path / f"{kind}{suffix}"
            write_archive(path, kind, secret)
            commands.append(["dataset", "prepare", path, "-o", tmp_path / "set", *CLASSES])
    for done in run_watched(secret, *commands):
        assert (done["code"], done["opened"]) == (3, [])
    assert not (secret / "y.tif").exists()


def test_predict_opens_nothing_outside(tmp_path: Path, tiny_run: Path) -> None:
    secret = make_secret(tmp_path / "secret")
    pages = np.random.default_rng(0).random((1, 48, 48)).astype(np.float32)
    folder = tmp_path / "in"
    for number, name in enumerate((*NAMES, "link/x.ome.tif")):
        data = tiff_data({}, 0, f"{number}.ome.tif")
        data += tiff_data({"T": 1}, 0, name.format(secret=secret))
        images = image_xml(data, {"X": 48, "Y": 48, "T": 2}, dtype="float")
        path = folder / f"{number}" / f"{number}.ome.tif"
        write_pages(path, pages, ome_xml(images, path.name))
        (path.parent / "link").symlink_to(secret)
    files = sorted(folder.rglob("*.ome.tif"))
    [done] = run_watched(secret, ["predict", tiny_run, *files, "-o", tmp_path / "out"])
    assert (done["code"], done["opened"]) == (0, [])
    for path in (tmp_path / "out" / "masks").iterdir():
        assert tifffile.imread(path).shape == (48, 48)
