"""``dataset degrade``: a full copy, seeded, replayed from its table bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset.manifest import load_dataset, save_dataset
from cellenhance.data.dataset.options import PartOptions
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import split_names
from cellenhance.data.degrade.table import load_degradations
from cellenhance.data.files.writers import write_image
from cellenhance.tasks.datasets.requests import SplitRequest
from cellenhance.tasks.datasets.split import split_dataset


def images_of(path: Path) -> dict[str, Any]:
    dataset = load_dataset(path)
    return {row.id: load_sample(dataset, row).image for row in dataset.samples}


@pytest.fixture
def eight_bit(tmp_path: Path) -> Path:
    """Return a dataset of 3 grey 8-bit images of 32 px."""
    from cellenhance.data.dataset.build import DatasetBuilder
    from cellenhance.data.dataset.manifest import DatasetDescription, SegmentationClass

    classes = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
    builder = DatasetBuilder(
        tmp_path / "eight", DatasetDescription(name="eight", classes=classes, channels=1)
    )
    for index in range(3):
        image = np.tile(np.linspace(0, 255, 32), (32, 1)).astype(np.uint8)[..., None]
        mask = np.tile(np.array([0, 1], np.uint8), (32, 16))
        builder.add(f"i{index}", np.roll(image, index, 1), mask)
    builder.finish()
    split_dataset(
        SplitRequest(dataset=tmp_path / "eight", parts=PartOptions(train=0.34, val=0.33, test=0.33))
    )
    return tmp_path / "eight"


def test_the_copy_has_masks_groups_and_splits_and_the_description_says_what_was_done(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cli("dataset", "degrade", tiny_dataset, "-o", out, "--photons", 5, "--seed", 4)
    assert done.exit_code == 0, done.stderr
    assert "8 samples written" in done.stderr
    assert "counts without light are taken to be" in done.stderr
    source, copy = load_dataset(tiny_dataset), load_dataset(out)
    assert "degrade (photons 5, seed 4)" in copy.description.source
    assert copy.class_names == source.class_names
    for before, after in zip(source.samples, copy.samples, strict=True):
        assert (before.id, before.group, before.dtype) == (after.id, after.group, after.dtype)
        old, new = load_sample(source, before), load_sample(copy, after)
        np.testing.assert_array_equal(old.mask, new.mask)
        assert not np.array_equal(old.image, new.image)
    assert split_names(out) == split_names(tiny_dataset) == ["default", "folds"]
    for name in ("default", "folds"):
        texts = [(path / "splits" / f"{name}.csv").read_text() for path in (tiny_dataset, out)]
        assert texts[0] == texts[1]
    rows = load_degradations(out / "degradation.csv")
    assert {row.parameters.photons for row in rows.values()} == {5.0}
    assert len({row.parameters.noise_seed for row in rows.values()}) == 8


def test_the_seed_decides_and_the_table_replays_bit_for_bit(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    words = ("--photons", "3..30", "--blur-px", "0..1.5", "--vignetting", "0..0.4")
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / name, "--seed", seed, *words)
    table = tmp_path / "a" / "degradation.csv"
    done = cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / "d", "--replay", table)
    assert done.exit_code == 0, done.stderr
    a, b, c, d = (images_of(tmp_path / name) for name in "abcd")
    for each in a:
        assert a[each].tobytes() == b[each].tobytes() == d[each].tobytes()
        assert a[each].tobytes() != c[each].tobytes()
    tables = [(tmp_path / name / "degradation.csv").read_bytes() for name in "abd"]
    assert tables[0] == tables[1] == tables[2]
    assert len({row.parameters.photons for row in load_degradations(table).values()}) == 8


def test_nothing_asked_for_is_the_same_set_bit_for_bit(
    cli: Any, eight_bit: Path, tmp_path: Path
) -> None:
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "3 of them unchanged" in done.stderr
    prints = [load_dataset(path).description.fingerprint for path in (eight_bit, tmp_path / "out")]
    assert prints[0] == prints[1]


def test_8_bit_with_noise_becomes_16_bit_unless_it_is_to_be_kept(
    cli: Any, eight_bit: Path, tmp_path: Path
) -> None:
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "wide", "--photons", 5)
    assert "8-bit images are written as 16-bit on the same scale" in done.stderr
    wide = images_of(tmp_path / "wide")["i0"]
    assert wide.dtype == np.uint16
    assert wide.max() > 255
    words = ("--photons", 5, "--dtype", "keep")
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "kept", *words)
    assert "% of the pixels were cut off" in done.stderr
    kept = images_of(tmp_path / "kept")["i0"]
    assert kept.dtype == np.uint8
    np.testing.assert_array_equal(kept, np.minimum(wide, 255))


def test_read_noise_that_0_cuts_off_is_said_and_a_pedestal_helps(
    cli: Any, eight_bit: Path, tmp_path: Path
) -> None:
    words = ("--photons", 5, "--read-noise", 2)
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "cut", *words)
    assert "where read noise is cut off; a larger --pedestal" in " ".join(done.stderr.split())
    done = cli(
        *("dataset", "degrade", eight_bit, "-o", tmp_path / "kept", *words, "--pedestal", 1000)
    )
    assert "read noise is cut off" not in done.stderr
    cut, kept = images_of(tmp_path / "cut")["i0"], images_of(tmp_path / "kept")["i0"]
    assert (kept < 1000).mean() > 0.02
    np.testing.assert_array_equal(np.maximum(kept.astype(int) - 1000, 0), cut)


def test_a_table_of_other_images_is_refused(
    cli: Any, tiny_dataset: Path, eight_bit: Path, tmp_path: Path
) -> None:
    cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / "a", "--photons", 5)
    table = tmp_path / "a" / "degradation.csv"
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "b", "--replay", table)
    assert done.exit_code == 3
    assert "has no row for i0 (3 missing)" in done.stderr
    cli("dataset", "degrade", eight_bit, "-o", tmp_path / "c", "--photons", 5)
    dataset = load_dataset(eight_bit)
    write_image(eight_bit / "images" / "i1.tif", np.zeros((32, 32, 1), np.uint8))
    save_dataset(eight_bit, dataset.description, dataset.samples)
    table = tmp_path / "c" / "degradation.csv"
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "d", "--replay", table)
    assert done.exit_code == 3
    assert "'i1' was made from another image" in done.stderr
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--photons", "30..3"], "--photons 30..3: expected a number or a range"),
        (["--photons", "lots"], "expected a number or a range such as 3..30, the smaller first"),
        (["--photons", "nan"], "expected a number or a range such as 3..30, the smaller first"),
        (["--photons", "0"], "--photons 0: expected numbers above 0"),
        (["--photons", "5", "--force-thinning"], "--force-thinning goes with --fraction only"),
        (["--read-noise", "2"], "give the gain, or photons"),
        (["--dtype", "uint32"], "--dtype uint32: expected auto or keep"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    cli: Any, eight_bit: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "out", *words)
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--photons", "5"], "leave out the other options"),
        (["--dtype", "keep"], "leave out the other options"),
        (["--seed", "0"], "has its own draws; leave out --seed"),
    ],
)
def test_a_replay_takes_no_other_option(
    cli: Any, eight_bit: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    assert cli("dataset", "degrade", eight_bit, "-o", tmp_path / "a").exit_code == 0
    table = tmp_path / "a" / "degradation.csv"
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "b", "--replay", table, *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_images_without_a_signal_above_dark_are_named_or_refused(
    cli: Any, eight_bit: Path, tmp_path: Path
) -> None:
    words = ("dataset", "degrade", eight_bit, "--photons", 5, "--offset")
    done = cli(*words, 300, "-o", tmp_path / "none")
    assert done.exit_code == 3
    assert "3 of 3 images without signal above dark (300 counts)" in done.stderr
    assert not (tmp_path / "none").exists()
    dataset = load_dataset(eight_bit)
    write_image(eight_bit / dataset.samples[1].image, np.full((32, 32, 1), 2, np.uint8))
    done = cli(*words, 9, "-o", tmp_path / "some")
    assert done.exit_code == 0, done.stderr
    assert "1 of 3 images without signal above dark (9 counts), so without shot" in done.stderr
    assert "(i1)" in done.stderr


def test_the_dataset_itself_is_never_replaced(cli: Any, eight_bit: Path) -> None:
    words = ("-o", eight_bit, "--overwrite", "--photons", 5)
    done = cli("dataset", "degrade", eight_bit, *words)
    assert done.exit_code == 2
    assert "is the dataset itself" in done.stderr


CAMERA = ("--gain", 2.2, "--offset", 100, "--read-noise", 1.6)
"""That of the synthetic images of `tiny_dataset`."""


def test_raw_counts_of_a_known_camera_are_thinned(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cli("dataset", "degrade", tiny_dataset, "-o", out, "--fraction", 0.25, *CAMERA)
    assert done.exit_code == 0, done.stderr
    assert load_dataset(out).description.warnings == ()
    before, after = (
        np.concatenate([each.ravel() for each in images_of(path).values()]).astype(float) - 100
        for path in (tiny_dataset, out)
    )
    assert after.mean() == pytest.approx(before.mean() / 4, rel=0.02)


@pytest.mark.parametrize(
    ("which", "words", "found"),
    [
        ("tiny", (), "gain and offset of the camera unknown"),
        ("tiny", ("--gain", 2.2), "offset of the camera unknown"),
        ("eight", CAMERA, "8-bit images, which were scaled or compressed"),
    ],
)
def test_thinning_without_a_known_camera_is_refused_and_forced_leaves_a_warning(
    cli: Any,
    tiny_dataset: Path,
    eight_bit: Path,
    tmp_path: Path,
    which: str,
    words: tuple[object, ...],
    found: str,
) -> None:
    source = tiny_dataset if which == "tiny" else eight_bit
    asked = ("dataset", "degrade", source, "-o", tmp_path / "out", "--fraction", 0.5, *words)
    done = cli(*asked)
    assert done.exit_code == 2
    assert found in done.stderr
    assert "--force-thinning" in done.stderr
    assert not (tmp_path / "out").exists()
    done = cli(*asked, "--force-thinning")
    assert done.exit_code == 0, done.stderr
    [warning] = load_dataset(tmp_path / "out").description.warnings
    assert "they carry their own noise" in warning
    assert found in warning
    assert warning in " ".join(done.stderr.split())
    done = cli("dataset", "inspect", tmp_path / "out", "--json")
    assert "they carry their own noise" in done.stdout
    table = tmp_path / "out" / "degradation.csv"
    cli("dataset", "degrade", source, "-o", tmp_path / "again", "--replay", table)
    assert load_dataset(tmp_path / "again").description.warnings == (warning,)
    again, once = images_of(tmp_path / "again"), images_of(tmp_path / "out")
    assert all(again[each].tobytes() == once[each].tobytes() for each in once)


def test_training_shows_the_warning_of_a_dataset(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    words = ("--fraction", 0.5, "--force-thinning")
    cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / "out", *words)
    done = cli(
        *("train", tmp_path / "out", "-m", "light-unet", "-o", tmp_path / "run", "--dry-run"),
        *("--set", "recipe.crop_px=32", "--batch-size", 1),
        *("--set", "recipe.augmentation.degradation.photons=3..30"),
    )
    assert done.exit_code == 0, done.stderr
    assert "they carry their own noise" in " ".join(done.stderr.split())


def test_a_recipe_does_not_thin_8_bit_images_and_copies_are_degraded_afterwards(
    cli: Any, eight_bit: Path, tmp_path: Path
) -> None:
    key = "recipe.augmentation.degradation"
    thin = [("fraction", 0.5), ("gain_adu", 2), ("offset_adu", 0)]
    words = [word for name, value in thin for word in ("--set", f"{key}.{name}={value}")]
    done = cli("train", eight_bit, "-m", "light-unet", "-o", tmp_path / "run", *words)
    assert done.exit_code == 2, done.stderr
    assert "only raw counts can be thinned (8-bit images" in done.stderr
    words = ["-o", str(tmp_path / "more"), "--set", f"{key}.photons=5"]
    done = cli("dataset", "augment", eight_bit, *words)
    assert done.exit_code == 2, done.stderr
    assert "give the copies to cellenhance dataset degrade" in done.stderr


def test_a_camera_file_gives_what_no_option_says(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_text("gain_adu: 2.2\noffset_adu: 100.0\nread_noise_e: 1.6\n")
    for name, words in (("a", CAMERA), ("b", ("--camera", camera)), ("c", ("--camera", camera))):
        more = ("--read-noise", 9) if name == "c" else ()
        out = ("-o", tmp_path / name, "--fraction", 0.25)
        done = cli("dataset", "degrade", tiny_dataset, *out, *words, *more)
        assert done.exit_code == 0, done.stderr
    a, b, c = (images_of(tmp_path / name) for name in "abc")
    assert all(a[each].tobytes() == b[each].tobytes() for each in a)
    rows = load_degradations(tmp_path / "c" / "degradation.csv").values()
    assert {row.parameters.read_noise_e for row in rows} == {9.0}
    assert np.std(c["cells_001"]) > np.std(b["cells_001"])


def test_blur_in_um_needs_the_pixel_size(
    cli: Any, tiny_dataset: Path, eight_bit: Path, tmp_path: Path
) -> None:
    done = cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / "a", "--blur-um", 0.65)
    assert done.exit_code == 0, done.stderr
    rows = load_degradations(tmp_path / "a" / "degradation.csv").values()
    assert {row.parameters.blur_px for row in rows} == {0.65 / 0.325}
    done = cli("dataset", "degrade", eight_bit, "-o", tmp_path / "b", "--blur-um", 0.65)
    assert done.exit_code == 2
    assert "the pixel size of the images is unknown" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("uint16", "object"), "dtype object"),
        (("cells_001,", "cells_002,"), "is listed twice"),
        (("photons", "photon"), "expected the columns"),
        ((",5.0,", ",-5.0,"), "'photons' in"),
    ],
)
def test_a_damaged_table_is_one_line(
    cli: Any, tiny_dataset: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / "a", "--photons", 5)
    table = tmp_path / "a" / "degradation.csv"
    table.write_text(table.read_text().replace(*change))
    done = cli("dataset", "degrade", tiny_dataset, "-o", tmp_path / "b", "--replay", table)
    assert done.exit_code == 3, done.stderr
    assert message in done.stderr
    done = cli(
        *("dataset", "degrade", tiny_dataset, "-o", tmp_path / "b", "--replay", table),
        *("--photons", 3),
    )
    assert done.exit_code == 2
    assert "leave out the other options" in done.stderr
