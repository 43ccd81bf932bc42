"""A warning of each kind is shown once, with the number of files that it is about."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import tifffile

from cellenhance.cli.repeats import RepeatedWarnings
from tests.conftest import RunCli


def record(text: str, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("cellenhance", level, "", 0, text, args, None)


def test_files_of_one_kind_are_counted_and_each_file_once() -> None:
    repeats = RepeatedWarnings()
    said = [
        repeats.is_new(record("%s: holds %d images", Path(name), n))
        for name, n in (("x/a.tif", 2), ("x/b.tif", 3), ("x/a.tif", 2), ("x/c.tif", 2))
    ]
    assert said == [True, False, False, False]
    assert repeats.take() == ["2 more files (b.tif, c.tif): holds 2 images"]
    assert repeats.take() == []
    assert not repeats.is_new(record("%s: holds %d images", Path("x/b.tif"), 3))
    assert not repeats.is_new(record("%s: holds %d images", Path("x/d.tif"), 3))
    assert repeats.take() == ["1 more file (d.tif): holds 2 images"]


def test_other_kinds_and_other_levels_are_shown() -> None:
    repeats = RepeatedWarnings()
    records = [
        record("%s: is dark", Path("a.tif")),
        record("%s: is bright", Path("a.tif")),
        record("fold %d: no image is left", 1),
        record("fold %d: no image is left", 2),
        record("%s: is dark", Path("b.tif"), level=logging.INFO),
        record("%s: is dark", Path("b.tif"), level=logging.ERROR),
    ]
    assert all(repeats.is_new(each) for each in records)
    assert not repeats.is_new(record("fold %d: no image is left", 1))
    assert repeats.take() == []


def test_prepare_warns_once_of_files_that_it_opens_again_and_again(
    cli: RunCli, tmp_path: Path
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "lab" / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        image = rng.integers(0, 200, (20, 30), dtype=np.uint8)
        path = tmp_path / "lab" / "images" / f"{name}.tif"
        tifffile.imwrite(path, image, photometric="miniswhite")
        mask = (image > 100).astype(np.uint8)
        tifffile.imwrite(tmp_path / "lab" / "masks" / f"{name}.tif", mask)
    words = ("dataset", "prepare", tmp_path / "lab", "--class", "a=0", "--class", "b=1")
    result = cli(*words, "-o", tmp_path / "set")
    lines = [line for line in result.stderr.splitlines() if "stores 0 as white" in line]
    first, others = lines
    assert first.startswith(f"warning: {tmp_path / 'lab' / 'images' / 'a.tif'}: stores 0 as white")
    assert others.startswith("warning: 2 more files (b.tif, c.tif): stores 0 as white")
    assert result.stderr.splitlines()[-1].startswith("3 samples written")
    every = cli(*words, "-o", tmp_path / "again", "-v").stderr
    assert every.count("stores 0 as white") > 3
