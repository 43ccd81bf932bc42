"""`dataset prepare` reads the right pixels of each file, and says once how files were read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from cellenhance.data.dataset.manifest import load_dataset
from tests.layout_twins import (
    SHAPE,
    TWINS,
    class_mask,
    image,
    put,
)
from tests.ome_sets import write_set

CLASSES = ("--class", "background=0", "--class", "cell=255")


def stored(pixels: np.ndarray, mark: int) -> np.ndarray:
    """Return the pixels that a file with this mark stores, so that viewers show `pixels`."""
    return {3: np.rot90(pixels, 2), 6: np.rot90(pixels, 1)}[mark]


def put_marked(path: Path, pixels: np.ndarray, mark: int) -> None:
    """Write a PNG or TIFF that a viewer shows as `pixels`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tags = [(274, "H", 1, mark, True)]
        tifffile.imwrite(path, stored(pixels, mark), photometric="minisblack", extratags=tags)
        return
    exif = Image.Exif()
    exif[274] = mark
    Image.fromarray(stored(pixels, mark)).save(path, exif=exif)


def written(folder: Path) -> dict[str, np.ndarray]:
    """Return the images of a dataset by id."""
    rows = load_dataset(folder).samples
    return {row.id: tifffile.imread(folder / row.image) for row in rows}


def notes(done: Any, word: str) -> list[str]:
    return [line for line in done.stderr.splitlines() if word in line]


@pytest.mark.parametrize("mark", [3, 6])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_images_lie_under_their_masks(cli: Any, tmp_path: Path, suffix: str, mark: int) -> None:
    lab = tmp_path / "lab"
    for seed, stem in enumerate("abcde"):
        put_marked(lab / "images" / f"{stem}.{suffix}", image(seed), mark)
        put(lab / "masks" / f"{stem}.png", class_mask())
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 0, done.stderr
    for seed, (name, pixels) in enumerate(sorted(written(tmp_path / "set").items())):
        np.testing.assert_array_equal(pixels, image(seed), err_msg=name)
    first, more = notes(done, "turned upright")
    assert first.startswith(f"{lab / 'images' / f'a.{suffix}'}: is turned upright, as its orient")
    files = f"b.{suffix}, c.{suffix}, d.{suffix} and 1 more"
    assert more.startswith(f"4 more files ({files}): is turned upright, as its orientation mark")


def test_masks_and_valid_masks_are_turned_too(cli: Any, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    valid = np.full(SHAPE, 255, np.uint8)
    valid[:3] = 0
    put(lab / "images" / "a.tif", image())
    put_marked(lab / "masks" / "a.png", class_mask(), 6)
    put_marked(lab / "valid" / "a.png", valid, 6)
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 0, done.stderr
    mask = tifffile.imread(tmp_path / "set" / "masks" / "a.tif")
    np.testing.assert_array_equal(mask, np.where(valid == 0, 255, class_mask() // 255))


def test_orientation_can_be_ignored(cli: Any, tmp_path: Path) -> None:
    put_marked(tmp_path / "lab" / "images" / "a.png", image(), 3)
    put(tmp_path / "lab" / "masks" / "a.png", class_mask())
    lab, output = tmp_path / "lab", tmp_path / "set"
    words = ("dataset", "prepare", lab, "-o", output, *CLASSES, "--orientation")
    done = cli(*words, "ignore")
    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(written(output)["a"], stored(image(), 3))
    assert "--orientation apply turns it" in done.stderr
    done = cli(*words, "sideways", "--overwrite")
    assert done.exit_code == 2
    assert "--orientation sideways: expected apply or ignore" in done.stderr


def test_a_clash_of_sizes_names_the_mark(cli: Any, tmp_path: Path) -> None:
    put_marked(tmp_path / "lab" / "images" / "a.png", image(), 6)
    put(tmp_path / "lab" / "masks" / "a.png", stored(class_mask(), 6))
    done = cli("dataset", "prepare", tmp_path / "lab", "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 3
    assert (
        "images/a.png: is 12 x 16 pixels (turned as its orientation mark 6 says), its mask "
        "masks/a.png 16 x 12" in done.stderr
    )
    assert "--orientation ignore" in done.stderr


ABOUT_MARKS = {
    "labelme": True,
    "qupath": True,
    "coco": True,
    "csv": True,
    "fiji-rois": False,
    "cellpose": False,
    "nnunet": False,
}
"""Whether the program of a layout turns images before somebody draws on them."""


@pytest.mark.parametrize(("layout", "turns"), ABOUT_MARKS.items(), ids=str)
def test_each_layout_is_read_as_its_program_shows_images(
    cli: Any, tmp_path: Path, layout: str, turns: bool
) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    TWINS[layout](lab)
    before = {
        path: iio.imread(path)
        for path in lab.rglob("*.*")
        if path.suffix in (".tif", ".png")
        and not any(word in str(path.relative_to(lab)) for word in ("_masks", "truth", "labelsTr"))
    }
    for path, pixels in before.items():
        put_marked(path, pixels, 3)
    further = {"csv": CLASSES, "cellpose": ("--instances", "binary")}
    words = further.get(layout, ())
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *words)
    assert done.exit_code == 0, done.stderr
    shown = {pixels.tobytes() for pixels in before.values()}
    turned = {stored(pixels, 3).tobytes() for pixels in before.values()}
    for pixels in written(tmp_path / "set").values():
        planes = pixels if pixels.ndim == 2 else pixels[..., 0]
        assert planes.tobytes() in (shown if turns else turned)
    assert len(notes(done, "is turned upright" if turns else "is read as it is stored")) <= 2


def test_a_set_of_ome_files_gives_each_plane_once(cli: Any, tmp_path: Path) -> None:
    stack = np.random.default_rng(1).integers(0, 4000, (3, 1, 1, *SHAPE), dtype=np.uint16)
    lab = tmp_path / "lab"
    files = write_set(lab / "images", stack, "T", compression="zlib")
    for path in files.values():
        put(lab / "masks" / path.name.replace(".ome.tif", ".tif"), class_mask())
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 0, done.stderr
    for (t,), path in files.items():
        pixels = written(tmp_path / "set")[path.name.removesuffix(".ome.tif")]
        np.testing.assert_array_equal(pixels, stack[t, 0, 0])
    assert len(notes(done, "OME set")) == 2  # the first file, and two more like it
    lone = tmp_path / "lone"
    for kind, name in (("images", "set_T1.ome.tif"), ("masks", "set_T1.tif")):
        (lone / kind).mkdir(parents=True)
        shutil.copy(lab / kind / name, lone / kind)
    done = cli("dataset", "prepare", lone, "-o", tmp_path / "lone-set", *CLASSES)
    np.testing.assert_array_equal(written(tmp_path / "lone-set")["set_T1"], stack[1, 0, 0])
    [line] = notes(done, "OME set")
    assert line.startswith("warning:")
    assert "set_T0.ome.tif, set_T2.ome.tif;" in line


def test_channels_in_files_of_their_own_are_one_image(cli: Any, tmp_path: Path) -> None:
    stack = np.random.default_rng(1).integers(0, 4000, (1, 1, 2, *SHAPE), dtype=np.uint16)
    lab = tmp_path / "lab"
    write_set(lab / "images", stack, "C")
    put(lab / "masks" / "set_C0.tif", class_mask())
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert done.exit_code == 0, done.stderr
    pixels = written(tmp_path / "set")["set_C0"]
    np.testing.assert_array_equal(pixels, stack[0, 0].transpose(1, 2, 0))
    assert "set_C1.ome.tif: holds further channels of set_C0.ome.tif" in done.stderr


def make_positions(lab: Path) -> None:
    with tifffile.TiffWriter(lab / "images" / "s.ome.tif", ome=True) as file:
        for seed in range(2):
            file.write(image(seed), photometric="minisblack", metadata={"Name": f"Pos-{seed}"})


def test_positions_are_samples_or_one_is_chosen(cli: Any, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    (lab / "images").mkdir(parents=True)
    make_positions(lab)
    put(lab / "masks" / "s.tif", np.stack([class_mask(), 255 - class_mask()]))
    words = ("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    pixels = written(tmp_path / "set")
    assert sorted(pixels) == ["s_p000", "s_p001"]
    for seed, name in enumerate(sorted(pixels)):
        np.testing.assert_array_equal(pixels[name], image(seed))
    assert len(notes(done, "holds 2 images: 0 Pos-0 (12 x 16), 1 Pos-1 (12 x 16)")) == 1
    put(lab / "masks" / "s.tif", class_mask())
    done = cli(*words, "--overwrite")
    assert done.exit_code == 3
    assert "--series NAME" in done.stderr
    done = cli(*words, "--overwrite", "--series", "Pos-1")
    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(written(tmp_path / "set")["s"], image(1))
    done = cli(*words, "--overwrite", "--series", "Pos-7")
    assert done.exit_code == 3
    assert "has no series 'Pos-7'; it holds 2 images: 0 Pos-0" in done.stderr


def test_shapes_drawn_on_a_turned_picture_name_the_mark(cli: Any, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    TWINS["labelme"](lab)
    put_marked(lab / "a.png", image(), 6)
    says = json.loads((lab / "a.json").read_text())
    says["imageHeight"], says["imageWidth"] = SHAPE[::-1]  # of a program that did not turn it
    (lab / "a.json").write_text(json.dumps(says))
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set")
    assert done.exit_code == 3
    assert (
        "12 x 16 pixels (turned as its orientation mark 6 says), a.json was drawn on 16 x 12"
        in (done.stderr)
    )
