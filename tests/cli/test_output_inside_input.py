"""Every command may write inside the folder it reads, again and again, and reads no result."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.conftest import RunCli


@pytest.fixture
def lab(tiny_dataset: Path, tmp_path: Path) -> Path:
    """Return a folder of two images, and beside it their masks."""
    for index, path in enumerate(sorted((tiny_dataset / "images").iterdir())[:2]):
        for kind in ("images", "masks"):
            target = tmp_path / kind / f"cell{index}.tif"
            target.parent.mkdir(exist_ok=True)
            shutil.copy(tiny_dataset / kind / path.name, target)
    return tmp_path


def written(folder: Path, suffix: str) -> list[str]:
    return sorted(path.stem.split(".")[0] for path in folder.rglob(f"*{suffix}"))


@pytest.mark.parametrize("name", ["results", "."])
def test_predict(cli: RunCli, lab: Path, tiny_run: Path, name: str) -> None:
    output = lab / "images" / name
    for words in ((), ("--overwrite",)):
        result = cli("predict", tiny_run, lab / "images", "-o", output, *words)
        assert result.exit_code == 0, result.stderr
        assert written(output / "masks", ".tif") == ["cell0", "cell1"]
    assert "left out, since cellenhance writes there" in result.stderr
    # Another output folder, and the former one still lies among the images.
    elsewhere = lab / "images" / "again"
    result = cli("predict", tiny_run, lab / "images", "-o", elsewhere)
    assert result.exit_code == 0, result.stderr
    assert written(elsewhere / "masks", ".tif") == ["cell0", "cell1"]


@pytest.mark.parametrize(
    ("command", "folder", "suffix"),
    [
        ("translate", ".", ".png"),
        ("export-translations", "translations", ".tif"),
        ("compare", "comparisons", ".png"),
    ],
)
def test_pictures_of_a_run(
    cli: RunCli, lab: Path, tiny_run: Path, command: str, folder: str, suffix: str
) -> None:
    output = lab / "images" / "results"
    for words in ((), ("--overwrite",)):
        result = cli(command, tiny_run, lab / "images", "-o", output, *words)
        assert result.exit_code == 0, result.stderr
        assert written(output / folder, suffix) == ["cell0", "cell1"]
    assert f"left out, since cellenhance writes there: {output}/" in result.stderr


@pytest.mark.parametrize("home", ["images", "masks"])
def test_contour_overlay(cli: RunCli, lab: Path, home: str) -> None:
    output = lab / home / "results"
    for words in ((), ("--overwrite",)):
        result = cli("contour-overlay", lab / "images", lab / "masks", "-o", output, *words)
        assert result.exit_code == 0, result.stderr
        assert written(output / "overlays", ".png") == ["cell0", "cell1"]
    assert f"left out, since cellenhance writes there: {output}/" in result.stderr


@pytest.mark.parametrize("home", ["predicted", "masks"])
def test_evaluate(cli: RunCli, lab: Path, home: str) -> None:
    shutil.copytree(lab / "masks", lab / "predicted")
    output = lab / home / "scores"
    for words in ((), ("--overwrite",)):
        folders = ("--predictions", lab / "predicted", "--truth", lab / "masks")
        result = cli("evaluate", *folders, "-o", output, *words)
        assert result.exit_code == 0, result.stderr
    assert f"left out, since cellenhance writes there: {output}/" in result.stderr


def test_prepare(cli: RunCli, lab: Path) -> None:
    values = np.unique(tifffile.imread(lab / "masks" / "cell0.tif"))
    classes = [word for value in values for word in ("--class", f"class{value}={value}")]
    for words in ((), ("--overwrite",)):
        result = cli("dataset", "prepare", lab, "-o", lab / "set", *classes, *words)
        assert result.exit_code == 0, result.stderr
        assert written(lab / "set" / "images", ".tif") == ["cell0", "cell1"]
    assert "left out: set/" in result.stderr
