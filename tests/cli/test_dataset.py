"""The dataset commands as a user runs them: what they write, say and refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cellenhance.cli.app import app
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.data.files.writers import write_image, write_mask

CLASSES = ("--class", "background=0", "--class", "cell=255")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["dataset", *map(str, words)])


def fails(code: int, *words: object) -> str:
    """Run a command that must fail; return its one error line."""
    result = run(*words)
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "Traceback" not in result.output
    return lines[0]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten pairs in images/ and masks/ with mask values 0 and 255."""
    rng = np.random.default_rng(3)
    for index in range(10):
        image = rng.integers(0, 4000, (24, 32, 1), dtype=np.uint16)
        mask = np.where(image[..., 0] > 2000 + 150 * index, 255, 0).astype(np.uint8)
        write_image(tmp_path / "lab" / "images" / f"c{index}.tif", image)
        write_mask(tmp_path / "lab" / "masks" / f"c{index}_mask.tif", mask)
    return tmp_path / "lab"


@pytest.fixture
def dataset(source: Path, tmp_path: Path) -> Path:
    assert run("prepare", source, "-o", tmp_path / "set", *CLASSES).exit_code == 0
    return tmp_path / "set"


def test_prepare_split_inspect(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "set"
    result = run("prepare", source, "-o", target, *CLASSES, "--pixel-size", "0.65")
    assert result.exit_code == 0, result.output
    for shown in ("images/ beside masks/", "24 x 32 (10)", "uint16 (10)", "c0_mask.tif"):
        assert shown in result.stdout
    assert result.stderr.splitlines()[-1] == f"10 samples written to {target}"
    loaded = load_dataset(target)
    assert loaded.class_names == ("background", "cell")
    assert loaded.description.background == "background"
    assert loaded.description.pixel_size_um == 0.65
    sample = load_sample(loaded, loaded.row("c3"))
    np.testing.assert_array_equal(sample.mask == 1, sample.image[..., 0] > 2450)

    assert run("split", target).exit_code == 0
    table = load_split(loaded)
    assert [len(table.subset(1, s)) for s in ("train", "val", "test")] == [7, 1, 2]
    assert run("split", target, "--folds", 5, "--name", "five").exit_code == 0
    assert load_split(loaded, "five").n_folds == 5

    result = run("inspect", target, "-o", tmp_path / "sheet.png", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["n_samples"] == 10
    assert report["findings"] == []
    assert sum(report["class_shares"].values()) == pytest.approx(1)
    assert set(report["splits"]) == {"default", "five"}
    assert imagecodecs.png_decode((tmp_path / "sheet.png").read_bytes()).shape[1] > 320
    assert "Findings" in run("inspect", target).stdout


def test_dry_run_shows_the_plan_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    result = run("prepare", source, "-o", tmp_path / "set", *CLASSES, "--dry-run")
    assert result.exit_code == 0
    assert "Pairing" in result.stdout
    assert "nothing written" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["lab"]


def test_unmapped_values_are_listed_with_the_command_that_fits(
    source: Path, tmp_path: Path
) -> None:
    line = fails(3, "prepare", source, "-o", tmp_path / "set")
    counts = [int(n) for n in re.findall(r"\((\d+) px\)", line)]
    assert sum(counts) == 10 * 24 * 32
    assert f"cellenhance dataset prepare {source} -o {tmp_path / 'set'}" in line
    assert line.endswith("--class class0=0 --class class1=255")
    assert not (tmp_path / "set").exists()
    assert run(*line.partition("cellenhance dataset ")[2].split()).exit_code == 0


def test_stray_values_are_offered_as_ignored_or_left_out_by_name(
    source: Path, tmp_path: Path
) -> None:
    stray = np.zeros((24, 32), np.uint8)
    stray[0, 0] = 77
    write_mask(source / "masks" / "c4_mask.tif", stray)
    line = fails(3, "prepare", source, "-o", tmp_path / "set", *CLASSES)
    assert "in 1 mask (masks/c4_mask.tif): 77 (1 px)" in line
    assert line.endswith("--class background=0 --class cell=255 --ignore 77")
    result = run("prepare", source, "-o", tmp_path / "set", *CLASSES, "--exclude", "c4")
    assert "1 pair excluded by name: images/c4.tif" in result.stderr
    assert len(load_dataset(tmp_path / "set").samples) == 9
    run("prepare", source, "-o", tmp_path / "set", *CLASSES, "--ignore", 77, "--overwrite")
    dataset = load_dataset(tmp_path / "set")
    assert load_sample(dataset, dataset.row("c4")).mask[0, 0] == 255


def test_instance_labels_are_not_offered_as_classes(source: Path, tmp_path: Path) -> None:
    write_mask(source / "masks" / "c4_mask.tif", np.arange(768).reshape(24, 32).astype(np.uint8))
    line = fails(3, "prepare", source, "-o", tmp_path / "set")
    assert "masks are label maps" in line
    assert line.endswith(f"{source} -o {tmp_path / 'set'} --instances binary")


def test_unmatched_files_are_named_or_skipped(source: Path, tmp_path: Path) -> None:
    (source / "masks" / "c4_mask.tif").unlink()
    line = fails(3, "prepare", source, "-o", tmp_path / "set", *CLASSES)
    assert "1 file without a partner" in line
    assert "c4.tif" in line
    result = run("prepare", source, "-o", tmp_path / "set", *CLASSES, "--skip-unmatched")
    assert result.exit_code == 0
    assert "1 file without a partner left out" in result.stderr
    assert len(load_dataset(tmp_path / "set").samples) == 9


def test_existing_outputs_need_overwrite(source: Path, dataset: Path) -> None:
    assert "--overwrite" in fails(2, "prepare", source, "-o", dataset, *CLASSES)
    assert run("prepare", source, "-o", dataset, *CLASSES, "--overwrite").exit_code == 0
    assert run("split", dataset).exit_code == 0
    assert "split 'default' exists" in fails(2, "split", dataset)
    assert run("split", dataset, "--overwrite", "--seed", 1).exit_code == 0


def test_overwrite_never_replaces_foreign_folders(source: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years")
    line = fails(2, "prepare", source, "-o", precious, *CLASSES, "--overwrite")
    assert "holds no dataset made by cellenhance" in line
    assert "would replace the source" in fails(
        2, "prepare", source, "-o", source, *CLASSES, "--overwrite"
    )
    assert "would replace the source" in fails(
        2, "prepare", source, "-o", tmp_path, *CLASSES, "--overwrite"
    )
    assert (precious / "thesis.txt").exists()


def test_unreadable_files_are_named(source: Path, tmp_path: Path) -> None:
    (source / "images" / "c2.tif").write_bytes(b"hello, I am text")
    line = fails(3, "prepare", source, "-o", tmp_path / "set", *CLASSES)
    assert "c2.tif: holds text" in line
    assert [each.name for each in tmp_path.iterdir()] == ["lab"]


def test_sizes_that_differ_name_the_pair(source: Path, tmp_path: Path) -> None:
    write_mask(source / "masks" / "c2_mask.tif", np.zeros((5, 5), np.uint8))
    line = fails(3, "prepare", source, "-o", tmp_path / "set", *CLASSES)
    assert "images/c2.tif: is 24 x 32 pixels, its mask masks/c2_mask.tif 5 x 5" in line


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--class", "cell"), 2, "expected NAME=VALUE"),
        (("--class", "a=0", "--class", "b=0,255"), 2, "given to two classes"),
        ((*CLASSES, "--background", "soil"), 2, "not one of the classes"),
        ((*CLASSES, "--exclude", "ghost"), 3, "no image, mask or stem has this name"),
        ((*CLASSES, "--channel", "4"), 3, "channel 4 was asked for"),
        ((*CLASSES, "--layout", "pairs"), 2, "did you mean 'paired'"),
        ((*CLASSES, "--layout", "npy-folds"), 3, "has no file such as train_images_1.npy"),
        ((*CLASSES, "--images", "images"), 2, "--images and --masks go together"),
        ((*CLASSES, "--images", "nowhere", "--masks", "masks"), 3, "there is no such folder"),
    ],
)
def test_options_that_do_not_fit(
    source: Path, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    assert message in fails(code, "prepare", source, "-o", tmp_path / "set", *words)


def test_classes_that_occur_nowhere_are_said(source: Path, tmp_path: Path) -> None:
    result = run("prepare", source, "-o", tmp_path / "set", *CLASSES, "--class", "ghost=9")
    assert result.exit_code == 0
    assert "warning: class ghost (ghost=9) is in no mask" in result.stderr


def test_missing_sources_and_datasets(tmp_path: Path) -> None:
    assert "found nothing" in fails(3, "prepare", tmp_path / "none", "-o", tmp_path / "set")
    (tmp_path / "empty").mkdir()
    assert "no known layout" in fails(3, "prepare", tmp_path / "empty", "-o", tmp_path / "set")
    assert "is not a dataset folder" in fails(3, "split", tmp_path / "empty")
    assert "is not a dataset folder" in fails(3, "inspect", tmp_path / "empty")


def test_valid_masks_colours_and_rgb(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 99, (8, 8, 3), dtype=np.uint8)
    colors = np.zeros((8, 8, 3), np.uint8)
    colors[2:4] = (255, 0, 0)
    valid = np.zeros((8, 8), np.uint8)
    valid[:6] = 255
    for name, array in (("org", rgb), ("gt", colors), ("field", valid)):
        (tmp_path / "lab" / name).mkdir(parents=True)
        (tmp_path / "lab" / name / "a.png").write_bytes(imagecodecs.png_encode(array))
    words = ("prepare", tmp_path / "lab", "-o", tmp_path / "set")
    assert fails(3, *words).endswith("--class 'class0=#000000' --class 'class1=#ff0000'")
    assert "masks are coloured" in fails(3, *words, "--class", "cell=1")
    result = run(*words, "--class", "rest=#000000", "--class", "cell=#ff0000")
    assert result.exit_code == 0, result.output
    assert "images are RGB: kept as three channels" in result.stderr
    dataset = load_dataset(tmp_path / "set")
    assert dataset.description.channels == 3
    mask = load_sample(dataset, dataset.row("a")).mask
    assert mask[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 255, 255]


def test_grey_stored_as_rgb_becomes_one_channel(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    for name, array in (("images", np.repeat(grey, 3, axis=2)), ("masks", grey[..., 0] // 32)):
        (tmp_path / "lab" / name).mkdir(parents=True)
        (tmp_path / "lab" / name / "a.png").write_bytes(imagecodecs.png_encode(array))
    words = ("--class", "low=0", "--class", "high=1")
    result = run("prepare", tmp_path / "lab", "-o", tmp_path / "set", *words)
    assert "grey stored as RGB" in result.stderr
    dataset = load_dataset(tmp_path / "set")
    np.testing.assert_array_equal(load_sample(dataset, dataset.row("a")).image, grey)


def test_folds_bring_their_split_which_is_not_replaced(tmp_path: Path) -> None:
    for subset, n in (("train", 3), ("val", 1), ("test", 2)):
        images = np.random.default_rng(n).random((n, 1, 8, 8), dtype=np.float32)
        labels = np.where(images > 0.5, 255, 0).astype(np.uint8)
        (tmp_path / "lab").mkdir(exist_ok=True)
        np.save(tmp_path / "lab" / f"{subset}_images_1.npy", images)
        np.save(tmp_path / "lab" / f"{subset}_labels_1.npy", labels)
    result = run("prepare", tmp_path / "lab", "-o", tmp_path / "set")
    assert result.exit_code == 0, result.output
    dataset = load_dataset(tmp_path / "set")
    assert dataset.class_names == ("background", "membrane")
    assert len(load_split(dataset).subset(1, "test")) == 2
    assert "exists" in fails(2, "split", tmp_path / "set")


def test_odd_names_are_data_not_markup(source: Path, tmp_path: Path) -> None:
    odd = 'a, "b" [red] <i>ü 細胞 =1+1'
    (source / "images" / "c1.tif").rename(source / "images" / f"{odd}.tif")
    (source / "masks" / "c1_mask.tif").rename(source / "masks" / f"{odd}.tif")
    result = run("prepare", source, "-o", tmp_path / "set", *CLASSES)
    assert result.exit_code == 0, result.output
    assert odd in result.stdout
    dataset = load_dataset(tmp_path / "set")
    assert load_sample(dataset, dataset.row(odd)).image.shape == (24, 32, 1)
    assert run("inspect", tmp_path / "set", "-o", tmp_path / "s.png").exit_code == 0
    assert "exists" in fails(2, "inspect", tmp_path / "set", "-o", tmp_path / "s.png")
    assert "is a PNG" in fails(2, "inspect", tmp_path / "set", "-o", tmp_path / "s.jpg")


def test_split_options(dataset: Path) -> None:
    result = run("split", dataset, "--train", 0.5, "--val", 0, "--test", 0.5, "--json")
    assert result.exit_code == 0, result.output
    assert [each["n_images"] for each in json.loads(result.stdout)] == [5, 0, 5]
    assert "sum to 1" in fails(2, "split", dataset, "--train", 0.9, "--name", "x")
    assert "11 folds of 10 independent" in fails(3, "split", dataset, "--folds", 11, "--name", "x")
    assert "not a regular expression" in fails(
        2, "split", dataset, "--group-by", "(", "--name", "x"
    )
    assert "'name'" in fails(2, "split", dataset, "--name", "../x")
    for share in ("--train", "--test"):
        words = ("--folds", 2, share, 0.5, "--name", "x")
        assert f"--folds with {share}: the folds set" in fails(2, "split", dataset, *words)


def test_split_counts_the_groups_asked_for_and_says_what_stays_empty(dataset: Path) -> None:
    result = run("split", dataset, "--group-by", "^(c)", "--json")
    assert [each["n_groups"] for each in json.loads(result.stdout)] == [1, 0, 0]
    for part in ("val", "test"):
        said = f"no image is left for the {part} part: 1 independent group in all"
        assert said in result.stderr
    result = run("split", dataset, "--group-by", "^(c)", "--train", 1, "--val", 0, "--test", 0,
                 "--overwrite")  # fmt: skip
    assert "warning" not in result.stderr


def test_split_says_which_class_training_never_sees(dataset: Path) -> None:
    loaded = load_dataset(dataset)
    for row in loaded.samples:
        write_mask(dataset / row.mask, np.zeros((24, 32), np.uint8))
    write_mask(dataset / loaded.samples[0].mask, np.ones((24, 32), np.uint8))
    said = "fold {}: no training image has class cell"
    result = run("split", dataset, "--folds", 10)
    table = load_split(loaded)
    for fold in range(1, 11):
        unseen = loaded.samples[0].id not in table.subset(fold, "train")
        assert (said.format(fold) in result.stderr) == unseen


def test_synthesize_is_repeatable(tmp_path: Path) -> None:
    words = ("--n-images", 2, "--size", 64, "--photons", 9)
    assert run("synthesize", "-o", tmp_path / "a", *words).exit_code == 0
    assert run("synthesize", "-o", tmp_path / "b", *words).exit_code == 0
    first, second = load_dataset(tmp_path / "a"), load_dataset(tmp_path / "b")
    assert first.samples == second.samples
    assert first.class_names == ("cytoplasm", "membrane", "nucleus")
    assert "exists" in fails(2, "synthesize", "-o", tmp_path / "a", *words)
    assert "--size 8" in fails(2, "synthesize", "-o", tmp_path / "c", "--size", 8)


@pytest.mark.parametrize("name", ["prepare", "split", "inspect", "synthesize"])
def test_every_help_ends_with_an_example(name: str) -> None:
    assert f"Example: cellenhance dataset {name}" in " ".join(run(name, "--help").stdout.split())
