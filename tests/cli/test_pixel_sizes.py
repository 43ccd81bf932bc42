"""Pixels of unequal sides through all commands: both are kept, areas and distances are right."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.engine.checkpoints import load_model
from cellenhance.pixel_size import PixelSize
from tests.layout_twins import class_mask, put

X, Y = 0.325, 0.65
CLASSES = ("--class", "background=0", "--class", "cell=255")


def put_image(path: Path, seed: int, shape: tuple[int, int] = (48, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 200, shape, dtype=np.uint8)
    metadata = {"axes": "YX", "PhysicalSizeX": X, "PhysicalSizeY": 1000 * Y}
    tifffile.imwrite(path, pixels, metadata={**metadata, "PhysicalSizeYUnit": "nm"}, ome=True)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("unequal") / "lab"
    for seed in range(6):
        put_image(root / "images" / f"a{seed}.ome.tif", seed)
        mask = np.zeros((48, 48), np.uint8)
        mask[10:20, 10 + seed : 30 + seed] = 255  # 10 x 20 pixels
        put(root / "masks" / f"a{seed}.tif", mask)
    return root


@pytest.fixture(scope="module")
def dataset(lab: Path) -> Path:
    from tests.conftest import invoke

    output = lab.parent / "set"
    done = invoke("dataset", "prepare", lab, "-o", output, *CLASSES)
    assert done.exit_code == 0, done.stderr
    assert "0.65 um high, 0.325 um wide" in done.stdout
    assert invoke("dataset", "split", output).exit_code == 0
    return output


@pytest.fixture(scope="module")
def run(dataset: Path, tiny_training: tuple[str, ...]) -> Path:
    from tests.conftest import invoke

    output = dataset.parent / "run"
    words = ("-m", "aep", "-o", output, "--epochs", 1, *tiny_training)
    done = invoke("train", dataset, *words)
    assert done.exit_code == 0, done.stderr
    return output


def stated_in(path: Path) -> PixelSize:
    """Return what another program reads of a TIFF: OME sizes, or pixels a centimetre."""
    with tifffile.TiffFile(path) as file:
        if file.is_ome:
            pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
            assert pixels["PhysicalSizeXUnit"] == pixels["PhysicalSizeYUnit"] == "µm"
            return pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]
        tags = file.pages[0].tags
        assert tags["ResolutionUnit"].value == 3
        down, across = (
            1e4 / (tags[name].value[0] / tags[name].value[1])
            for name in ("YResolution", "XResolution")
        )
    return down, across


def test_a_dataset_has_both_and_so_have_its_files(dataset: Path) -> None:
    written = yaml.safe_load((dataset / "dataset.yaml").read_text(encoding="utf-8"))
    assert written["pixel_size_um"] == {"height": Y, "width": X}
    assert load_dataset(dataset).description.pixel_size_um == (Y, X)
    for row in load_dataset(dataset).samples:
        for name in (row.image, row.mask):
            assert stated_in(dataset / name) == pytest.approx((Y, X))


def test_a_dataset_of_a_former_version_is_read(dataset: Path, tmp_path: Path) -> None:
    """One number, as it was written before."""
    text = (dataset / "dataset.yaml").read_text(encoding="utf-8")
    former = text.replace(
        "pixel_size_um:\n  height: 0.65\n  width: 0.325\n", "pixel_size_um: 0.5\n"
    )
    assert former != text
    (tmp_path / "dataset.yaml").write_text(former, encoding="utf-8")
    (tmp_path / "samples.csv").write_bytes((dataset / "samples.csv").read_bytes())
    assert load_dataset(tmp_path).description.pixel_size_um == 0.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [("0.5", 0.5), ("0.5,0.25", {"height": 0.5, "width": 0.25})],
)
def test_the_user_may_say_it(
    cli: Any, lab: Path, tmp_path: Path, given: str, expected: object
) -> None:
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES, "--pixel-size", given)
    assert done.exit_code == 0, done.stderr
    written = yaml.safe_load((tmp_path / "set" / "dataset.yaml").read_text(encoding="utf-8"))
    assert written["pixel_size_um"] == expected
    for odd in ("0.5,0.2,0.1", "-1", "0,1", "wide"):
        done = cli("dataset", "prepare", lab, "-o", tmp_path / "b", *CLASSES, "--pixel-size", odd)
        assert done.exit_code == 2
        assert f"--pixel-size {odd}: expected a positive number of um, or height and" in done.stderr


def test_files_that_differ_are_unknown_and_that_is_said(cli: Any, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    for number, size in enumerate((0.5, 0.25)):
        path = lab / "images" / f"a{number}.ome.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
        pixels = np.random.default_rng(number).integers(0, 99, (12, 16), dtype=np.uint8)
        tifffile.imwrite(path, pixels, metadata=metadata)
        put(lab / "masks" / f"a{number}.tif", class_mask())
    done = cli("dataset", "prepare", lab, "-o", tmp_path / "set", *CLASSES)
    assert "unknown (files differ: 0.25 um; 0.5 um)" in done.stdout
    assert load_dataset(tmp_path / "set").description.pixel_size_um is None


def test_areas_by_hand(cli: Any, lab: Path, tmp_path: Path) -> None:
    """A cell of 10 x 20 pixels has 200 * 0.65 * 0.325 um2."""
    words = ("contour-overlay", lab / "images", lab / "masks", "-o", tmp_path, *CLASSES)
    done = cli(*words, "--json", "--dpi", 60)
    assert done.exit_code == 0, done.stderr
    first = json.loads(done.stdout)["written"][0]
    assert first["pixel_size_um"] == {"height": Y, "width": X}
    assert first["classes"]["cell"]["area_um2"] == pytest.approx(42.25)
    with (tmp_path / "areas.csv").open(encoding="utf-8") as file:
        areas = [float(row["area_um2"]) for row in csv.DictReader(file) if row["class"] == "cell"]
    assert areas == pytest.approx([42.25] * 6)


def test_distances_by_hand(cli: Any, dataset: Path, tmp_path: Path) -> None:
    """Masks moved by 4 columns are 1.3 um away, by 4 rows 2.6 um."""
    for name, axis, expected in (("right", 1, 1.3), ("down", 0, 2.6)):
        for row in load_dataset(dataset).samples:
            mask = np.roll(tifffile.imread(dataset / row.mask), 4, axis=axis)
            put(tmp_path / name / f"{row.id}.tif", mask)
        words = ("--predictions", tmp_path / name, "--truth", dataset / "masks")
        done = cli("evaluate", *words, "--metrics", "hausdorff", "--json", "--worst", 0)
        assert done.exit_code == 0, done.stderr
        metrics = json.loads(done.stdout)["metrics"]
        assert metrics["hausdorff_um"]["per_image_mean"]["cell"] == pytest.approx(expected)
        assert metrics["hausdorff"]["per_image_mean"]["cell"] == pytest.approx(4)


def test_a_blur_in_um_is_refused(cli: Any, dataset: Path, tmp_path: Path) -> None:
    done = cli("dataset", "degrade", dataset, "-o", tmp_path / "a", "--blur-um", 0.65)
    assert done.exit_code == 2
    assert "pixels are 0.65 um high, 0.325 um wide" in done.stderr
    assert cli("dataset", "degrade", dataset, "-o", tmp_path / "b", "--photons", 9).exit_code == 0
    assert load_dataset(tmp_path / "b").description.pixel_size_um == (Y, X)


def test_exported_files_bring_it_back(cli: Any, dataset: Path, tmp_path: Path) -> None:
    done = cli("dataset", "export", dataset, "-o", tmp_path / "out", "--to", "labelme")
    assert done.exit_code == 0, done.stderr
    command = next(line for line in reversed(done.output.splitlines()) if "dataset prepare" in line)
    words = shlex.split(command[command.index("cellenhance") :])[1:]
    assert words[words.index("--pixel-size") + 1] == "0.65,0.325"


def test_a_checkpoint_and_predictions_have_both(
    cli: Any, run: Path, lab: Path, tmp_path: Path
) -> None:
    assert load_model(run / "checkpoints" / "best.safetensors").header.pixel_size_um == (Y, X)
    image = lab / "images" / "a0.ome.tif"
    done = cli("predict", run, image, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert stated_in(tmp_path / "out" / "masks" / "a0.tif") == pytest.approx((Y, X))
    done = cli("export-translations", run, image, "-o", tmp_path / "maps")
    assert done.exit_code == 0, done.stderr
    [maps] = (tmp_path / "maps").rglob("*.ome.tif")
    assert stated_in(maps) == pytest.approx((Y, X))


def test_a_stack_of_masks_has_both(cli: Any, run: Path, tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 200, (2, 48, 48), dtype=np.uint8)
    metadata = {"axes": "ZYX", "PhysicalSizeX": X, "PhysicalSizeY": Y}
    tifffile.imwrite(tmp_path / "z.ome.tif", stack, metadata=metadata)
    done = cli("predict", run, tmp_path / "z.ome.tif", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert stated_in(tmp_path / "out" / "masks" / "z.tif") == pytest.approx((Y, X))


def test_an_image_at_another_scale_than_the_training_is_warned_of(
    cli: Any, run: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (48, 48), dtype=np.uint8)
    for name, size in (("same", (Y, X)), ("close", (Y, 1.4 * X)), ("far", (Y, 1.6 * X))):
        metadata = {"axes": "YX", "PhysicalSizeX": size[1], "PhysicalSizeY": size[0]}
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", pixels, metadata=metadata)
    done = cli("predict", run, *tmp_path.glob("*.ome.tif"), "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "another scale" in line]
    assert "far.ome.tif: its pixels are 0.65 um high, 0.52 um wide, those of the training" in line
