"""Findings name what is wrong and what to do; contact sheets show what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from cellenhance.data.dataset.build import DatasetBuilder
from cellenhance.data.dataset.manifest import (
    Dataset,
    DatasetDescription,
    SegmentationClass,
    class_color,
)
from cellenhance.data.dataset.samples import Sample, load_sample
from cellenhance.data.dataset.splits import SplitRow, SplitTable
from cellenhance.data.inspection.contact_sheet import (
    color_table,
    make_thumbnail,
    render_contact_sheet,
)
from cellenhance.data.inspection.facts import SampleFacts, measure_sample, upper_limit
from cellenhance.data.inspection.findings import Finding
from cellenhance.data.inspection.inspect import find_problems

RNG = np.random.default_rng(5)


def build(
    root: Path, samples: dict[str, tuple[np.ndarray, np.ndarray]], background: str | None = None
) -> Dataset:
    classes = tuple(
        SegmentationClass(index=i, name=n, color=class_color(i)) for i, n in enumerate("abc")
    )
    description = DatasetDescription(name="t", classes=classes, channels=1, background=background)
    builder = DatasetBuilder(root, description)
    for name, (image, mask) in samples.items():
        builder.add(name, image, mask, name[:-1] if name.startswith("pair") else None)
    return builder.finish()


def measure(dataset: Dataset) -> list[SampleFacts]:
    return [measure_sample(load_sample(dataset, row), 3) for row in dataset.samples]


def find(dataset: Dataset, *splits: SplitTable) -> list[Finding]:
    return list(find_problems(dataset, measure(dataset), splits).findings)


def make_split(**places: Any) -> SplitTable:
    return SplitTable("default", tuple(SplitRow(i, 1, s) for i, s in places.items()))


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
            "wide": (picture().astype(np.uint16), labelled),
        },
    )
    split = make_split(
        good="train", twin1="train", twin2="test", flat="train", bare="train", bright="val",
        wide="train",
    )  # fmt: skip
    findings = find(dataset, split)
    found = {each.code: each.sentence for each in findings}
    assert list(found) == [
        "duplicate",
        "constant-image",
        "unlabelled",
        "saturated",
        "mixed-types",
        "missing-class",
        "leakage-image",
        "missing-in-subset",
    ]
    assert "twin1 = twin2 (the masks of twin1 and twin2 differ" in found["duplicate"]
    assert found["constant-image"].startswith("flat:")
    assert found["unlabelled"].startswith("bare:")
    # Rows 0 to 3 are white: all of class b (rows 0, 1), a third of class a (rows 2 to 7).
    assert found["saturated"].startswith("bright (100.0 % of b)")
    assert "uint16 (1), uint8 (6)" in found["mixed-types"]
    assert "class c is in no mask" in found["missing-class"]
    assert "fold 1: train: twin1; test: twin2" in found["leakage-image"]
    assert "test has no b" in found["missing-in-subset"]
    assert {each.code: each.ids for each in findings}["duplicate"] == ("twin1", "twin2")
    assert {each.level for each in findings if each.code.startswith("leakage")} == {"error"}


def test_a_sound_set_has_no_findings(tmp_path: Path) -> None:
    mask = (np.arange(64).reshape(8, 8) % 3).astype(np.uint8)
    dataset = build(tmp_path, {name: (picture(), mask) for name in ("x", "y", "z")})
    assert find(dataset, make_split(x="train", y="val", z="test")) == []
    assert [(each.code, each.level) for each in find(dataset)] == [("no-split", "note")]


def test_pixels_changed_since_prepare_are_found(tmp_path: Path) -> None:
    dataset = build(tmp_path, {"x": (picture(), np.arange(64).reshape(8, 8).astype(np.uint8) % 3)})
    sample = load_sample(dataset, dataset.samples[0])
    changed = Sample("x", sample.image + np.uint8(1), sample.mask)
    found = find_problems(dataset, [measure_sample(changed, 3)], []).findings
    assert [each.code for each in found] == ["changed-image", "no-split"]


def test_a_white_background_is_no_saturation(tmp_path: Path) -> None:
    mask = (np.arange(64).reshape(8, 8) % 3).astype(np.uint8)
    bright = picture()
    bright[mask == 0] = 255
    assert [each.code for each in find(build(tmp_path / "a", {"x": (bright, mask)}))] == [
        "saturated",
        "no-split",
    ]
    named = build(tmp_path / "b", {"x": (bright, mask)}, background="a")
    assert [each.code for each in find(named)] == ["no-split"]


@pytest.mark.parametrize(
    ("dtype", "largest", "limit"),
    [
        (np.uint8, 200, 255),
        (np.uint8, 127, 255),  # 7 bits are no camera
        (np.uint16, 1023, 1023),
        (np.uint16, 4095, 4095),
        (np.uint16, 5000, 65535),
        (np.int16, 4095, 4095),
        (np.float32, 1.0, 1.0),
        (np.float32, 0.97, np.inf),
    ],
)
def test_counts_end_where_the_camera_ends(dtype: type, largest: float, limit: float) -> None:
    assert upper_limit(np.array([[[0], [largest]]], dtype)) == limit


def blobs(seed: int, size: int = 64) -> np.ndarray:
    from scipy import ndimage

    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 2)
    return np.rint(100 + 40 * field / field.std()).clip(0, 250).astype(np.uint8)[..., None]


def test_one_picture_in_two_subsets_is_leakage_unless_grouped(tmp_path: Path) -> None:
    mask = (np.arange(64 * 64).reshape(64, 64) % 3).astype(np.uint8)
    first, other = blobs(1), blobs(2)
    noisy = (first + RNG.integers(0, 5, first.shape)).astype(np.uint8)
    split = make_split(a="train", b="test", c="val")
    dataset = build(tmp_path / "a", {"a": (first, mask), "b": (noisy, mask), "c": (other, mask)})
    found = {each.code: each for each in find(dataset, split)}
    assert list(found) == ["near-duplicate", "leakage-near-duplicate"]
    assert found["near-duplicate"].level == "warning"
    assert "a ~ b (" in found["near-duplicate"].sentence
    assert "fold 1: a in train ~ b in test" in found["leakage-near-duplicate"].sentence
    (pair,) = find_problems(dataset, measure(dataset), []).near_duplicates
    assert (pair.first, pair.second, pair.turned) == ("a", "b", False)

    grouped = build(tmp_path / "b", {"pair1": (first, mask), "pair2": (noisy, mask)})
    (note, _) = find(grouped)
    assert (note.code, note.level) == ("near-duplicate", "note")
    assert "a split by group keeps it together" in note.sentence


def test_a_group_in_two_subsets_is_leakage_in_the_folds_where_it_is(tmp_path: Path) -> None:
    mask = (np.arange(64).reshape(8, 8) % 3).astype(np.uint8)
    dataset = build(tmp_path, {name: (picture(), mask) for name in ("pair1", "pair2", "x")})
    rows: list[Any] = [("pair1", 1, "train"), ("pair2", 1, "test"), ("pair1", 2, "test"),
            ("pair2", 2, "test"), ("x", 1, "val"), ("x", 2, "train")]  # fmt: skip
    (found,) = find(dataset, SplitTable("s", tuple(SplitRow(*row) for row in rows)))
    assert found.code == "leakage-group"
    assert "split s: images that are of one group" in found.sentence
    assert "(fold 1: train: pair1; test: pair2)" in found.sentence


def test_masks_moved_against_their_images_are_named_with_the_way(tmp_path: Path) -> None:
    masks = {f"s{i}": (blobs(i, 96)[..., 0] > 100).astype(np.uint8) for i in range(6)}
    images = {name: (60 + 80 * mask[..., None]).astype(np.uint8) for name, mask in masks.items()}
    images = {name: image + RNG.integers(0, 9, image.shape, np.uint8) for name, image in
              images.items()}  # fmt: skip
    sound = build(tmp_path / "a", {name: (images[name], masks[name]) for name in masks})
    assert "mask-shift" not in [each.code for each in find(sound)]

    one = {name: np.roll(mask, (4, -6), (0, 1)) if name == "s2" else mask
           for name, mask in masks.items()}  # fmt: skip
    moved = build(tmp_path / "b", {name: (images[name], one[name]) for name in masks})
    (found,) = [each for each in find(moved) if each.code == "mask-shift"]
    assert found.sentence.startswith("s2 (6 px left and 4 px below): the mask lies beside")
    assert found.ids == ("s2",)

    every = {name: np.roll(mask, -5, axis=0) for name, mask in masks.items()}
    moved = build(tmp_path / "c", {name: (images[name], every[name]) for name in masks})
    (found,) = [each for each in find(moved) if each.code == "mask-shift"]
    assert found.sentence.startswith("the masks of the whole set lie about 5 px above of where")


def test_facts_stay_small() -> None:
    """What is kept of a sample does not grow with its image: 10,000 samples fit in memory."""
    mask = (blobs(3, 512)[..., 0] > 100).astype(np.uint8)
    facts = measure_sample(Sample("x", blobs(4, 512), mask), 3)
    assert facts.shift is not None
    assert (
        facts.sketch.detail.nbytes + facts.sketch.bits.nbytes + facts.shift.explained.nbytes < 16e3
    )
    assert replace(facts, id="y").sha256 == facts.sha256


def test_thumbnails_are_block_means() -> None:
    image = np.arange(320 * 480, dtype=np.float32).reshape(320, 480, 1)
    mask = np.zeros((320, 480), np.uint8)
    mask[:, 4] = 1
    small = make_thumbnail("a", image, mask)
    assert small.image.shape == (106, 160, 1)
    assert small.shares[0].shape == (106, 160)
    np.testing.assert_allclose(small.shares[1][:, :3], np.tile([0, 1 / 3, 0], (106, 1)))
    assert small.image[0, 0, 0] == image[:3, :3].mean()


def test_the_sheet_shows_masks_in_their_colours() -> None:
    table = color_table(["#000000", "#e69f00"])
    assert table[1].tolist() == [230, 159, 0]
    mask = np.ones((20, 30), np.uint8)
    names = ["plain", "$math$ <b>", "細胞 01"]
    thumbnails = [make_thumbnail(n, np.full((20, 30, 1), 50.0), mask) for n in names]
    png = render_contact_sheet(
        thumbnails, low=[0], high=[100], colors={"rest": "#000000", "cell": "#e69f00"}, title="t"
    )
    sheet = imagecodecs.png_decode(png)[..., :3]
    legend_px = 14 * 9
    assert (sheet == [230, 159, 0]).all(axis=2).sum() == 3 * 20 * 30 + legend_px
    assert (sheet == [127, 127, 127]).all(axis=2).sum() >= 3 * 20 * 30 * 0.95


def test_the_sheet_keeps_small_images_close_together_and_off_the_edge() -> None:
    mask = np.ones((96, 96), np.uint8)
    image = np.full((96, 96, 1), 5.0, np.float32)
    thumbnails = [make_thumbnail(f"a name of {'x' * 80}", image, mask) for _ in range(4)]
    png = render_contact_sheet(
        thumbnails, low=[0], high=[10], colors={"rest": "#000000", "cell": "#e69f00"}, title="four"
    )
    sheet = imagecodecs.png_decode(png)[..., :3]
    assert sheet.shape[1] < 2 * (2 * 96 + 40)
    colored = np.flatnonzero((sheet[24:] == [230, 159, 0]).all(axis=2).any(axis=0))
    assert len(colored) == 2 * 96
    assert (sheet[:, :3] == 255).all()
    assert (sheet[:, -3:] == 255).all()
