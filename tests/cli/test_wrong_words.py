"""A wrong word helps: one line on stderr that names the right one, and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RIGHT_WORDS = {
    "prepare": "cellenhance dataset prepare",
    "dataset-prepare": "cellenhance dataset prepare",
    "dataset_prepare": "cellenhance dataset prepare",
    "trian": "cellenhance train",
    "Predict": "cellenhance predict",
    "dataset train": "cellenhance train",
    "dataset spilt d": "cellenhance dataset split",
    "train d -o r --epoch 3": "--epochs",
    "train d -o r --pat 3": "--patience",
    "dataset augment d -o r --sub val": "--subset",
    "doctor --jsno": "--json",
}
SEVERAL = {
    "pre": ("cellenhance predict", "cellenhance dataset prepare"),
    "dataset augment d -o r --s 1": ("--seed", "--set", "--split", "--subset"),
}


def fail(cli: Callable[..., Any], line: str) -> str:
    done = cli(*line.split())
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ")
    return str(done.stderr)


@pytest.mark.parametrize("line", RIGHT_WORDS)
def test_the_right_word_is_named(line: str, cli: Callable[..., Any]) -> None:
    assert f"; did you mean {RIGHT_WORDS[line]}?" in fail(cli, line)


@pytest.mark.parametrize("line", SEVERAL)
def test_all_that_begin_so_are_named(line: str, cli: Callable[..., Any]) -> None:
    said = fail(cli, line)
    assert all(word in said for word in SEVERAL[line])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("xyzzy", "no such command: xyzzy; see cellenhance --help"),
        ("dataset xyzzy", "no such command of dataset: xyzzy; see cellenhance dataset --help"),
        ("train d -o r --xyzzy", "no such option: --xyzzy; see cellenhance train --help"),
        ("dataset augment -o r", "DATASET is missing; see cellenhance dataset augment --help"),
        ("dataset augment d", "--output is missing; see cellenhance dataset augment --help"),
        ("dataset augment d -o r --n", "--n needs a value; see cellenhance --help"),
    ],
)
def test_what_is_missing_or_unknown_is_said_with_where_to_look(
    line: str, said: str, cli: Callable[..., Any]
) -> None:
    assert fail(cli, line) == f"error: {said}\n"


@pytest.mark.parametrize("line", ["", "dataset"])
def test_a_group_alone_shows_its_help(line: str, cli: Callable[..., Any]) -> None:
    done = cli(*line.split())
    assert done.exit_code == 2
    assert f"Usage: cellenhance {line}".strip() in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m", "AEP"), "did you mean 'aep'?"),
        (("-m", "unet++"), "did you mean 'unet'?"),
        (("--set", "epochs=3"), "did you mean 'recipe.epochs'?"),
        (("--set", "augmentation.flip=false"), "did you mean 'recipe.augmentation'?"),
        (("--set", "recipe.epoch=3"), "did you mean 'epochs'?"),
        (("--recipe", "CellEnhance"), "did you mean 'cellenhance'?"),
    ],
)
def test_a_wrong_name_of_the_catalogue_is_answered_with_the_right_one(
    cli: Callable[..., Any],
    tiny_dataset: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
) -> None:
    done = cli("train", tiny_dataset, "-o", tmp_path / "run", *words)
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert said in line
    assert not (tmp_path / "run").exists()
