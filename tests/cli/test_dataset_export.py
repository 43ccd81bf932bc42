"""``dataset export``: files for other programs, and the command that brings them back."""

from __future__ import annotations

import base64
import csv
import json
import shlex
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import yaml

from cellenhance.arrays import IGNORE
from cellenhance.data.dataset.build import DatasetBuilder
from cellenhance.data.dataset.manifest import DatasetDescription, SegmentationClass, load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.files.readers import read_image

LAYOUTS = ("labelme", "coco", "qupath", "fiji-rois", "folders")


def way_back(stderr: str, output: Path) -> list[str]:
    """Return the words of the command that the last line prints."""
    line = stderr.strip().splitlines()[-1]
    assert line.startswith("after correcting: cellenhance ")
    words = shlex.split(line.removeprefix("after correcting: cellenhance "))
    return [str(output) if word == "CORRECTED" else word for word in words]


@pytest.fixture(scope="module")
def dim_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16-bit images with ignored pixels, a pixel size and a background by another name."""
    root = tmp_path_factory.mktemp("dim") / "dataset"
    names = ("soil", "cell 1", "cell 2")
    classes = [SegmentationClass(index=i, name=n, color="#e69f00") for i, n in enumerate(names)]
    described = DatasetDescription(
        name="dim", classes=tuple(classes), channels=1, background="soil", pixel_size_um=0.25
    )
    builder = DatasetBuilder(root, described)
    y, x = np.mgrid[:60, :80]
    for number, center in enumerate((20, 35)):
        mask = np.zeros((60, 80), np.uint8)
        mask[np.hypot(y - 30, x - center) < 18] = 1
        mask[np.hypot(y - 30, x - center) < 9] = 2
        mask[np.hypot(y - 30, x - center) < 4] = 0
        mask[:, 70:] = IGNORE
        builder.add(f"image.{number}", (100 + mask[..., None] * 3).astype(np.uint16), mask, "dish")
    builder.finish()
    return root


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_corrected_set_comes_back(
    cli: Any, dim_dataset: Path, tmp_path: Path, layout: str
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    done = cli("dataset", "export", dim_dataset, "-o", out, "--to", layout)
    assert done.exit_code == 0, done.stderr
    assert f"2 samples written to {out}" in done.stderr.replace("\n", " ")
    assert "warning: groups are not part of these files" in done.stderr
    back = cli(*way_back(done.stderr, again))
    assert back.exit_code == 0, back.stderr
    assert "not read" not in back.stderr
    before, after = load_dataset(dim_dataset), load_dataset(again)
    assert after.class_names == before.class_names
    assert after.description.background == "soil"
    assert after.description.pixel_size_um == 0.25
    assert [row.id for row in after.samples] == ["image.0", "image.1"]
    for row in before.samples:
        old, new = load_sample(before, row), load_sample(after, after.row(row.id))
        np.testing.assert_array_equal(new.image, old.image)
        assert new.image.dtype == np.uint16
        assert np.mean(new.mask != old.mask) <= (0.005 if layout != "folders" else 0)
        np.testing.assert_array_equal(new.mask == IGNORE, old.mask == IGNORE)


@pytest.mark.parametrize("layout", ["labelme", "qupath"])
def test_simplify_0_keeps_every_pixel(
    cli: Any, tiny_dataset: Path, tmp_path: Path, layout: str
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    done = cli(
        "dataset",
        "export",
        tiny_dataset,
        "-o",
        out,
        "--to",
        layout,
        "--simplify",
        0,
        "--subset",
        "test",
    )
    assert done.exit_code == 0, done.stderr
    assert "2 samples written" in done.stderr
    assert cli(*way_back(done.stderr, again)).exit_code == 0
    before, after = load_dataset(tiny_dataset), load_dataset(again)
    for row in after.samples:
        new, old = load_sample(after, row), load_sample(before, before.row(row.id))
        np.testing.assert_array_equal(new.mask, old.mask)
        np.testing.assert_array_equal(new.image, old.image)


def test_labelme_shows_a_stretched_picture_of_a_dim_image(
    cli: Any, dim_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert cli("dataset", "export", dim_dataset, "-o", out, "--to", "labelme").exit_code == 0
    content = json.loads((out / "image.0.json").read_text(encoding="utf-8"))
    assert read_image(out / content["imagePath"]).max() == 106
    shown = imagecodecs.png_decode(base64.b64decode(content["imageData"]))
    assert (shown.dtype, shown.min(), shown.max()) == (np.uint8, 0, 255)
    labels = (out / "labels.txt").read_text().split("\n")
    assert labels == ["__ignore__", "soil", "cell 1", "cell 2", ""]


def test_the_record_counts_changes_and_guards_the_folder(
    cli: Any, dim_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("dataset", "export", dim_dataset, "-o", out, "--to", "coco")
    assert cli(*words, "--simplify", 4).exit_code == 0
    record = yaml.safe_load((out / "export.yaml").read_text(encoding="utf-8"))
    assert (record["format"], record["classes"]) == ("coco", ["soil", "cell 1", "cell 2"])
    with (out / "changes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["changed_share"]) <= 0.005 for row in rows)
    assert all(float(row["simplify_px"]) < 4 for row in rows)
    again = cli(*words)
    assert again.exit_code == 2
    assert "exists; give --overwrite" in again.stderr
    assert cli(*words, "--overwrite").exit_code == 0
    (out / "export.yaml").unlink()
    refused = cli(*words, "--overwrite")
    assert refused.exit_code == 2
    assert "holds no export made by cellenhance" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--to", "labelmee"), 2, "--to 'labelmee' is unknown; did you mean 'labelme'?"),
        (("--to", "coco", "--simplify", "-1"), 2, "--simplify -1: expected a number from 0 to 100"),
        (("--to", "folders", "--simplify", "2"), 2, "--simplify has no effect with --to folders"),
        (("--to", "coco", "--split", "folds"), 2, "--split has no effect without --subset"),
        (("--to", "coco", "--subset", "all"), 2, "--subset all: expected train, val or test"),
    ],
)
def test_options_that_do_not_fit(
    cli: Any, tiny_dataset: Path, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    done = cli("dataset", "export", tiny_dataset, "-o", tmp_path / "out", *words)
    assert done.exit_code == code
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_class_that_would_come_back_as_ignore_is_refused(cli: Any, tmp_path: Path) -> None:
    classes = [
        SegmentationClass(index=i, name=n, color="#000000") for i, n in ((0, "a"), (1, "Ignore"))
    ]
    builder = DatasetBuilder(
        tmp_path / "set", DatasetDescription(name="x", classes=tuple(classes), channels=1)
    )
    builder.add("a", np.zeros((4, 4, 1), np.uint8), np.ones((4, 4), np.uint8))
    builder.finish()
    done = cli("dataset", "export", tmp_path / "set", "-o", tmp_path / "out", "--to", "coco")
    assert done.exit_code == 2
    assert "class 'Ignore' means 'not annotated' in these files" in " ".join(done.stderr.split())


def test_a_dry_run_writes_nothing(cli: Any, tiny_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = cli("dataset", "export", tiny_dataset, "-o", out, "--to", "qupath", "--dry-run")
    assert done.exit_code == 0
    assert "nothing written" in done.stderr
    assert not out.exists()
