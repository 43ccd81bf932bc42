"""Findings name what is wrong and what to do; contact sheets show what is there."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np

from cellenhance.data.build import DatasetBuilder
from cellenhance.data.contact_sheet import color_table, make_thumbnail, render_contact_sheet
from cellenhance.data.inspect import find_problems, measure_sample
from cellenhance.data.manifest import Dataset, DatasetDescription, SegmentationClass, class_color
from cellenhance.data.samples import Sample, load_sample
from cellenhance.data.splits import SplitRow, SplitTable

RNG = np.random.default_rng(5)


def build(root: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> Dataset:
    classes = tuple(
        SegmentationClass(index=i, name=n, color=class_color(i)) for i, n in enumerate("abc")
    )
    builder = DatasetBuilder(root, DatasetDescription(name="t", classes=classes, channels=1))
    for name, (image, mask) in samples.items():
        builder.add(name, image, mask)
    return builder.finish()


def picture() -> np.ndarray:
    return RNG.integers(0, 200, (8, 8, 1), dtype=np.uint8)


def test_every_kind_of_problem_is_found(tmp_path: Path) -> None:
    labelled = np.zeros((8, 8), np.uint8)
    labelled[:2] = 1
    twin = picture()
    bright = picture()
    bright[:4] = 255
    dataset = build(
        tmp_path,
        {
            "good": (picture(), labelled),
            "twin1": (twin, labelled),
            "twin2": (twin, np.zeros_like(labelled)),
            "flat": (np.full((8, 8, 1), 9, np.uint8), labelled),
            "bare": (picture(), np.full((8, 8), 255, np.uint8)),
            "bright": (bright, labelled),
        },
    )
    places = {
        "good": "train",
        "twin1": "train",
        "twin2": "test",
        "flat": "train",
        "bare": "train",
        "bright": "val",
    }
    split = SplitTable("default", tuple(SplitRow(i, 1, s) for i, s in places.items()))
    facts = [measure_sample(load_sample(dataset, row), 3) for row in dataset.samples]
    found = {finding.kind: finding.sentence for finding in find_problems(dataset, facts, [split])}
    assert list(found) == [
        "duplicate",
        "constant-image",
        "saturated",
        "unlabelled",
        "missing-class",
        "leakage",
        "missing-in-subset",
    ]
    assert found["duplicate"].startswith("twin1, twin2 are the same image")
    assert found["constant-image"].startswith("flat:")
    assert found["saturated"].startswith("bright (50.0 %)")
    assert found["unlabelled"].startswith("bare:")
    assert "class c is in no mask" in found["missing-class"]
    assert "train: twin1; test: twin2" in found["leakage"]
    assert "test has no b" in found["missing-in-subset"]


def test_a_sound_set_has_no_findings(tmp_path: Path) -> None:
    mask = (np.arange(64).reshape(8, 8) % 3).astype(np.uint8)
    dataset = build(tmp_path, {name: (picture(), mask) for name in ("x", "y", "z")})
    rows = zip("xyz", ("train", "val", "test"), strict=True)
    split = SplitTable("default", tuple(SplitRow(i, 1, s) for i, s in rows))
    facts = [measure_sample(load_sample(dataset, row), 3) for row in dataset.samples]
    assert find_problems(dataset, facts, [split]) == []
    assert [f.kind for f in find_problems(dataset, facts, [])] == ["no-split"]


def test_pixels_changed_since_prepare_are_found(tmp_path: Path) -> None:
    dataset = build(tmp_path, {"x": (picture(), np.arange(64).reshape(8, 8).astype(np.uint8) % 3)})
    sample = load_sample(dataset, dataset.samples[0])
    changed = Sample("x", sample.image + np.uint8(1), sample.mask)
    kinds = [f.kind for f in find_problems(dataset, [measure_sample(changed, 3)], [])]
    assert kinds == ["changed-image", "no-split"]


def test_thumbnails_are_block_means() -> None:
    image = np.arange(320 * 480, dtype=np.float32).reshape(320, 480, 1)
    small = make_thumbnail("a", image, np.zeros((320, 480), np.uint8))
    assert small.image.shape == (106, 160, 1)
    assert small.mask.shape == (106, 160)
    assert small.image[0, 0, 0] == image[:3, :3].mean()


def test_the_sheet_shows_masks_in_their_colours() -> None:
    table = color_table(["#000000", "#e69f00"])
    assert table[1].tolist() == [230, 159, 0]
    mask = np.ones((20, 30), np.uint8)
    names = ["plain", "$math$ <b>", "細胞 01"]
    thumbnails = [make_thumbnail(n, np.full((20, 30, 1), 50.0), mask) for n in names]
    png = render_contact_sheet(
        thumbnails, low=[0], high=[100], colors=["#000000", "#e69f00"], title="t"
    )
    sheet = imagecodecs.png_decode(png)[..., :3]
    assert (sheet == [230, 159, 0]).all(axis=2).sum() == 3 * 20 * 30
    assert (sheet == [127, 127, 127]).all(axis=2).sum() >= 3 * 20 * 30 * 0.95


def test_the_sheet_keeps_small_images_close_together_and_off_the_edge() -> None:
    mask = np.ones((96, 96), np.uint8)
    image = np.full((96, 96, 1), 5.0, np.float32)
    thumbnails = [make_thumbnail(f"a name of {'x' * 80}", image, mask) for _ in range(4)]
    png = render_contact_sheet(
        thumbnails, low=[0], high=[10], colors=["#000000", "#e69f00"], title="four"
    )
    sheet = imagecodecs.png_decode(png)[..., :3]
    assert sheet.shape[1] < 2 * (2 * 96 + 40)
    colored = np.flatnonzero((sheet == [230, 159, 0]).all(axis=2).any(axis=0))
    assert len(colored) == 2 * 96
    assert (sheet[:, :3] == 255).all()
    assert (sheet[:, -3:] == 255).all()
