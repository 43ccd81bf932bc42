"""What `dataset prepare` does with odd masks, colours, stacks and large images, as users see it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from cellenhance.cli.app import app
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.data.files.writers import write_image, write_mask

CLASSES = ("--class", "background=0", "--class", "cell=255")
RNG = np.random.default_rng(5)


def prepare(source: Path, *words: object) -> Result:
    given = ["dataset", "prepare", source, "-o", source.parent / "set", *words]
    return CliRunner().invoke(app, [str(word) for word in given])


def prepared(source: Path, *words: object) -> tuple[Dataset, Result]:
    """Prepare with the two classes; the set, and what was said."""
    result = prepare(source, *CLASSES, *words)
    assert result.exit_code == 0, result.output
    return load_dataset(source.parent / "set"), result


def refusal(source: Path, *words: object) -> str:
    """Return the one error line of a command that finds bad input and writes nothing."""
    result = prepare(source, *words)
    assert result.exit_code in (2, 3), result.output
    assert not (source.parent / "set").exists()
    [line] = [each for each in result.stderr.splitlines() if each.startswith("error:")]
    return line


def make_lab(root: Path, shape: tuple[int, ...], n_images: int = 1) -> Path:
    """Write images and 0/255 masks into images/ and masks/."""
    for index in range(n_images):
        image = RNG.integers(0, 4000, shape, dtype=np.uint16)
        write_image(root / "lab" / "images" / f"c{index}.tif", image)
        mask = np.where(image[..., 0] > 2000, 255, 0).astype(np.uint8)
        write_mask(root / "lab" / "masks" / f"c{index}.tif", mask)
    return root / "lab"


def test_all_damaged_files_are_named_at_once(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (40, 50, 1), n_images=5)
    for name in ("c1", "c3", "c4"):
        image = source / "images" / f"{name}.tif"
        image.write_bytes(image.read_bytes()[:900])
    line = refusal(source, *CLASSES)
    assert "c1.tif: is a damaged" in line
    assert "or leave it out with --exclude c1; 2 more cannot be prepared: c3, c4" in line
    for index in (0, 2):
        (source / "images" / f"c{index}.tif").write_bytes(b"text")
    assert "--exclude" not in refusal(source, *CLASSES)


def test_large_images_are_cut_into_tiles_of_one_group(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (100, 70, 1), n_images=2)
    write_image(source / "images" / "small.tif", RNG.integers(0, 99, (32, 64, 1), dtype=np.uint16))
    write_mask(source / "masks" / "small.tif", np.zeros((32, 64), np.uint8))
    dataset, result = prepared(source, "--tile", 64)
    assert "9 from 3 images, cut into tiles" in result.stdout
    rows = {row.id: row for row in dataset.samples}
    assert list(rows) == [
        *[f"c{i}_r{r:03d}_c{c:03d}" for i in (0, 1) for r in (0, 1) for c in (0, 1)],
        "small",
    ]
    assert {row.group for name, row in rows.items() if name.startswith("c0")} == {"c0"}
    whole = np.block(
        [
            [load_sample(dataset, rows[f"c1_r{r:03d}_c{c:03d}"]).image[..., 0] for c in (0, 1)]
            for r in (0, 1)
        ]
    )
    np.testing.assert_array_equal(whole, tifffile.imread(source / "images" / "c1.tif"))
    assert (rows["c0_r001_c001"].height, rows["c0_r001_c001"].width) == (36, 6)


def test_tiles_without_annotation_are_left_out_and_counted(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (64, 64, 1))
    mask = np.full((64, 64), 9, np.uint8)
    mask[:32] = 0
    write_mask(source / "masks" / "c0.tif", mask)
    dataset, result = prepared(source, "--tile", 32, "--ignore", 9)
    assert [row.id for row in dataset.samples] == ["c0_r000_c000", "c0_r000_c001"]
    assert "2 tiles without any annotated pixel left out" in result.stderr


def test_a_split_of_the_source_holds_for_the_tiles(tmp_path: Path) -> None:
    for subset, n in (("train", 3), ("test", 2)):
        np.save(tmp_path / f"{subset}_images_1.npy", RNG.random((n, 1, 64, 40), np.float32))
        labels = np.zeros((n, 1, 64, 40), np.uint8)
        labels[..., ::2] = 255
        np.save(tmp_path / f"{subset}_labels_1.npy", labels)
    lab = tmp_path / "lab"
    lab.mkdir()
    for path in tmp_path.glob("*.npy"):
        path.rename(lab / path.name)
    assert prepare(lab, "--tile", 32).exit_code == 0
    table = load_split(load_dataset(tmp_path / "set"))
    assert (len(table.subset(1, "train")), len(table.subset(1, "test"))) == (3 * 4, 2 * 4)


def test_stray_mask_values_are_refused_or_mended_and_counted(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (40, 50, 1), n_images=3)
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:20] = 255
    mask[9, 10:20] = 130  # an edge that was blurred once
    mask[20, 12:15] = 90
    write_mask(source / "masks" / "c1.tif", mask)
    assert "--snap-masks" in refusal(source, *CLASSES)
    assert "values that are meant" in refusal(source, "--snap-masks")
    dataset, result = prepared(source, "--snap-masks")
    assert "13 pixels in 1 mask " in result.stderr
    assert "masks/c1.tif 13" in result.stderr
    assert dataset.description.source == "lab (paired, 13 stray mask pixels corrected)"
    found = load_sample(dataset, dataset.row("c1")).mask
    assert (found[9, 10:20] == 1).all()
    assert (found[20] == 0).all()


def test_the_most_frequent_values_are_shown_and_rare_ones_may_be_mended(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (400, 400, 1))
    mask = np.zeros((400, 400), np.uint8)
    mask[:, 200:] = 255
    mask[0, :11] = range(1, 12)
    write_mask(source / "masks" / "c0.tif", mask)
    line = refusal(source)
    assert "255 (80000 px)" in line
    assert "and 3 more" in line
    assert "or name only those that are meant and give --snap-masks" in line


def test_the_mean_of_colours_on_request(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (40, 50, 3))
    stored = tifffile.imread(source / "images" / "c0.tif")
    dataset, result = prepared(source, "--grey", "mean")
    assert "the mean of all channels (--grey mean), in 1 of 1 image" in result.stdout
    np.testing.assert_array_equal(
        load_sample(dataset, dataset.row("c0")).image[..., 0], np.rint(stored.mean(axis=2))
    )


def test_colours_that_lie_in_one_channel_are_pointed_out(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (40, 50, 1))
    (source / "images" / "c0.tif").unlink()
    blue = np.zeros((40, 50, 3), np.uint8)
    blue[..., 2] = RNG.integers(0, 200, (40, 50))
    (source / "images" / "c0.png").write_bytes(imagecodecs.png_encode(blue))
    _, result = prepared(source)
    assert "warning: most of the contrast is in blue" in result.stderr
    assert "--channel 2 keeps blue alone" in result.stderr


def test_missing_pixels_are_refused_or_become_not_annotated(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (40, 50, 1), n_images=2)
    image = RNG.random((40, 50), np.float32)
    image[3:5, :20] = np.nan
    image[9, 9] = np.inf
    tifffile.imwrite(source / "images" / "c0.tif", image)
    other = np.zeros((40, 50), np.float32)
    tifffile.imwrite(source / "images" / "c1.tif", other)
    line = refusal(source, *CLASSES)
    assert "images/c0.tif: 41 of 2000 pixels are NaN or infinite" in line
    assert "--nan ignore" in line
    dataset, result = prepared(source, "--nan", "ignore")
    assert (
        "NaN or infinite, so not annotated and set to the image's median: 41 pixels in 1 image"
        in result.stderr
    )
    sample = load_sample(dataset, dataset.row("c0"))
    missing = ~np.isfinite(image)
    np.testing.assert_array_equal(sample.mask == 255, missing)
    assert (sample.image[missing] == np.median(image[~missing])).all()
    np.testing.assert_array_equal(sample.image[~missing, 0], image[~missing])


@pytest.mark.parametrize("how", ["max", "mean"])
def test_z_planes_are_projected(tmp_path: Path, how: str) -> None:
    source = make_lab(tmp_path, (40, 50, 1))
    stack = RNG.integers(0, 999, (4, 40, 50), dtype=np.uint16)
    tifffile.imwrite(source / "images" / "c0.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    dataset, _ = prepared(source, "--projection", how)
    assert dataset.description.source == f"lab (paired, {how} over Z)"
    expected = stack.max(axis=0) if how == "max" else np.rint(stack.mean(axis=0))
    np.testing.assert_array_equal(load_sample(dataset, dataset.row("c0")).image[..., 0], expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--projection", "sum"), "--projection sum: expected max or mean"),
        (("--nan", "zero"), "--nan zero: expected ignore"),
        (("--grey", "luminance"), "--grey luminance: expected mean"),
        (("--grey", "mean", "--channel", "0"), "--channel and --grey both choose"),
        (("--grey", "mean"), "--grey mean: all images have one channel"),
        (("--projection", "max"), "--projection max: no image has several Z planes"),
        (("--axes", "TCZYX"), "axes 'TCZYX' do not fit its shape (40, 50)"),
    ],
)
def test_choices_that_do_not_fit(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    source = make_lab(tmp_path, (40, 50, 1))
    assert message in refusal(source, *CLASSES, *words)


def test_an_archive_is_a_source_like_its_folder(tmp_path: Path) -> None:
    source = make_lab(tmp_path, (40, 50, 1), n_images=2)
    packed = Path(shutil.make_archive(str(tmp_path / "plate 1"), "zip", tmp_path, "lab"))
    plain, _ = prepared(source, "--name", "plate 1")
    first = (tmp_path / "set" / "samples.csv").read_text()
    dataset, result = prepared(packed, "--overwrite")
    assert (tmp_path / "set" / "samples.csv").read_text() == first
    assert dataset.description.fingerprint == plain.description.fingerprint
    assert (dataset.description.name, dataset.description.source) == (
        "plate 1",
        "plate 1.zip (paired)",
    )
    assert f"{packed}/images" in result.stdout.replace("\n", "")
    (source / "images" / "c1.tif").write_bytes(b"hello, I am text")
    packed = Path(shutil.make_archive(str(tmp_path / "bad"), "gztar", tmp_path, "lab"))
    shutil.rmtree(tmp_path / "set")
    line = refusal(packed, *CLASSES)
    assert f"{packed}/images/c1.tif: holds text" in line


def test_a_bomb_is_refused_with_the_option_that_allows_it(tmp_path: Path) -> None:
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images/a.tif", bytes(3_000_000))
    assert "--archive-limit GIB" in refusal(packed, *CLASSES, "--archive-limit", 0.002)
