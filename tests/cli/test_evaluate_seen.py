"""What a run has seen of the images that it is scored on is told by hashes, and so is the dose."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cellenhance.tasks.evaluate.seen_images import Dose
from tests.conftest import RunCli


@pytest.fixture(scope="module")
def at_ten(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tiny dataset at 10 photons."""
    from tests.conftest import invoke

    copy = tmp_path_factory.mktemp("copy") / "at ten"
    done = invoke("dataset", "degrade", tiny_dataset, "-o", copy, "--photons", 10)
    assert done.exit_code == 0, done.stderr
    return copy


def test_a_copy_at_a_lower_dose_is_known_and_so_is_its_dose(
    cli: RunCli, tiny_run: Path, at_ten: Path
) -> None:
    done = cli("evaluate", tiny_run, "--dataset", at_ten)
    assert done.exit_code == 0, done.stderr
    assert "is a copy, by dataset degrade, of images that the run was trained on" in done.stderr
    assert "none of the 2 images scored was seen in training" in done.stderr
    assert "is not known" not in done.stderr
    assert (
        "the run never saw the dose of 2 of 2 images scored (at 10 photons): it was trained on "
        "images as they are"
    ) in done.stderr


def test_copies_of_training_images_are_named(cli: RunCli, tiny_run: Path, at_ten: Path) -> None:
    done = cli("evaluate", tiny_run, "--dataset", at_ten, "--subset", "train")
    assert "its training part holds 4 of 4 images scored, or their originals" in done.stderr
    done = cli("evaluate", tiny_run, "--dataset", at_ten, "--subset", "val")
    assert "its validation part, which chose the best epoch, holds 2 of 2 images" in done.stderr


def test_images_that_another_split_moved_to_the_test_part_are_named(
    cli: RunCli, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_dataset, other)
    split = other / "splits" / "default.csv"
    rows = split.read_text().replace(",train\n", ",moved\n").replace(",test\n", ",train\n")
    split.write_text(rows.replace(",moved\n", ",test\n"))
    done = cli("evaluate", tiny_run, "--dataset", other)
    assert "is not what the run was trained on, but its training part holds 4 of 4" in done.stderr
    assert "the run never saw the dose" not in done.stderr


def test_a_run_of_a_copy_knows_the_images_as_they_are(
    cli: RunCli, tiny_dataset: Path, at_ten: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("-m", "light-unet", "-o", run, "--epochs", 1, *tiny_training)
    assert cli("train", at_ten, *words).exit_code == 0
    own = cli("evaluate", run)
    assert "the run never saw the dose" not in own.stderr
    done = cli("evaluate", run, "--dataset", tiny_dataset, "--subset", "train")
    assert "its training part holds 4 of 4 images scored" in done.stderr
    assert (
        "the run never saw the dose of 4 of 4 images scored (as they are): it was trained on "
        "images at 10 photons"
    ) in done.stderr


def test_doses_that_augmentation_drew_were_seen(
    cli: RunCli, tiny_dataset: Path, at_ten: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    for name, low, is_unseen in (("wide", 3, False), ("bright", 30, True)):
        losses = f"recipe.augmentation.degradation={{photons: [{low}, 300]}}"
        words = ("-m", "light-unet", "-o", tmp_path / name, "--epochs", 1, *tiny_training)
        done = cli("train", tiny_dataset, *words, "--set", losses)
        assert done.exit_code == 0, done.stderr
        said = cli("evaluate", tmp_path / name, "--dataset", at_ten).stderr
        text = "trained on images as they are and at 30 to 300 photons"
        assert (text in said) is is_unseen
        assert ("the run never saw the dose" in said) is is_unseen


@pytest.mark.parametrize(
    ("seen", "scored", "expected"),
    [
        (Dose(), Dose(), True),
        (Dose(), Dose("photons", 10, 10), False),
        (Dose("photons", 30, 300), Dose("photons", 30, 30), True),
        (Dose("photons", 30, 300), Dose("photons", 29, 29), False),
        (Dose("photons", 30, 300), Dose("of the light", 0.1, 0.1), False),
        (Dose("photons", 10, 10), Dose("photons", 10.000001, 10.000001), True),
    ],
)
def test_a_dose_is_seen_where_a_range_covers_it(seen: Dose, scored: Dose, expected: bool) -> None:
    assert seen.covers(scored) is expected
