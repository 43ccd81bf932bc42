"""`dataset split` with lists, tables and counts, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellenhance.data.dataset.build import DatasetBuilder
from cellenhance.data.dataset.manifest import (
    DatasetDescription,
    SegmentationClass,
    class_color,
    load_dataset,
)
from cellenhance.data.dataset.splits import load_split

RunCli = Callable[..., Any]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Twelve samples, c0 and c1 of one donor."""
    classes = tuple(
        SegmentationClass(index=i, name=n, color=class_color(i)) for i, n in enumerate(("a", "b"))
    )
    builder = DatasetBuilder(
        tmp_path / "set", DatasetDescription(name="t", classes=classes, channels=1)
    )
    rng = np.random.default_rng(1)
    for index in range(12):
        image = rng.integers(0, 99, (8, 8, 1), dtype=np.uint8)
        group = "donor" if index < 2 else None
        builder.add(f"c{index}", image, image[..., 0] % 2, group)
    builder.finish()
    return tmp_path / "set"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def sizes(dataset: Path, name: str = "default") -> list[int]:
    table = load_split(load_dataset(dataset), name)
    return [
        len(table.subset(fold, s))
        for fold in range(1, table.n_folds + 1)
        for s in ("train", "val", "test")
    ]


def fails(cli: RunCli, code: int, *words: object) -> str:
    done = cli("dataset", "split", *words)
    assert done.exit_code == code, done.output
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("error:")]
    return line


def test_a_test_list_of_a_paper_and_the_rest_trains(
    dataset: Path, tmp_path: Path, cli: RunCli
) -> None:
    listed = write(tmp_path / "test.txt", "images/c4.png", "c5.tif", "c6")
    done = cli("dataset", "split", dataset, "--test-list", listed, "--val-count", 2)
    assert done.exit_code == 0, done.output
    assert sizes(dataset) == [7, 2, 3]
    assert load_split(load_dataset(dataset)).subset(1, "test") == ("c4", "c5", "c6")


def test_what_no_list_names_is_left_out_aloud(dataset: Path, tmp_path: Path, cli: RunCli) -> None:
    train = write(tmp_path / "train.txt", *[f"c{i}" for i in range(8)])
    test = write(tmp_path / "test.txt", "c8", "c9")
    done = cli("dataset", "split", dataset, "--train-list", train, "--test-list", test)
    assert done.exit_code == 0, done.output
    assert "2 samples not in any list and left out of the split: c10, c11" in done.stderr
    assert sizes(dataset) == [8, 0, 2]


def test_a_divided_group_is_refused_unless_allowed(
    dataset: Path, tmp_path: Path, cli: RunCli
) -> None:
    words = (dataset, "--test-list", write(tmp_path / "t.txt", "c1", "c9"), "--val", 0)
    line = fails(cli, 3, *words)
    assert "fold 1: c0 in train, c1 in test" in line
    assert "--allow-shared-groups" in line
    done = cli("dataset", "split", *words, "--allow-shared-groups")
    assert done.exit_code == 0, done.output
    assert "1 group in several subsets, as was allowed" in done.stderr


def test_a_table_of_another_split_is_taken_over(dataset: Path, cli: RunCli) -> None:
    cli("dataset", "split", dataset, "--folds", 3)
    words = ("--from", dataset / "splits" / "default.csv", "--name", "again")
    done = cli("dataset", "split", dataset, *words)
    assert done.exit_code == 0, done.output
    loaded = load_dataset(dataset)
    assert load_split(loaded, "again").rows == load_split(loaded).rows


def test_counts_and_the_part_that_validation_comes_from(dataset: Path, cli: RunCli) -> None:
    words = ("--folds", 3, "--val-count", 1, "--val-from", "test")
    done = cli("dataset", "split", dataset, *words, "--json")
    assert done.exit_code == 0, done.output
    assert [each["n_images"] for each in json.loads(done.stdout)] == [8, 1, 3] * 3
    cli("dataset", "split", dataset, "--val-count", 3, "--test-count", 4, "--name", "n")
    assert sizes(dataset, "n") == [5, 3, 4]


def test_a_count_that_groups_do_not_allow_is_said(dataset: Path, cli: RunCli) -> None:
    words = ("--group-by", "^(c[0-9])", "--val", 0, "--test-count", 1, "--seed", 3)
    cli("dataset", "split", dataset, *words)
    done = cli("dataset", "split", dataset, "--group-by", "^(c)", "--test-count", 1, "--name", "x")
    assert done.exit_code == 0, done.output
    assert "the test part should have 1 image, it has 0: groups stay whole" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--folds", 3, "--test-count", 2), "--folds with --test-count: the folds set these parts"),
        (("--val", 0.1, "--val-count", 2), "--val with --val-count: a share or a number"),
        (("--train", 0.5, "--test-count", 2), "--train with --test-count: the rest trains"),
        (("--test-list", "t", "--folds", 3), "--test-list with --folds: lists set these parts"),
        (
            ("--val-list", "t", "--val", 0.1),
            "--val-list with --val: the list places validation images",
        ),
        (("--from", "t", "--val", 0.1), "--from with --val: the table places every image"),
        (("--val-from", "test"), "--val-from is for folds"),
        (("--name", "my split"), "expected up to 80 letters, digits, '-', '_' and '.'"),
        (("--folds", 3, "--val-from", "tset"), "--val-from tset: expected train or test"),
        (("--allow-shared-groups",), "--allow-shared-groups is for lists and --from"),
    ],
)
def test_options_that_contradict_each_other(
    dataset: Path, cli: RunCli, words: tuple[str, ...], message: str
) -> None:
    assert message in fails(cli, 2, dataset, *words)


def test_files_that_are_not_there(dataset: Path, cli: RunCli) -> None:
    for option in ("--from", "--test-list"):
        assert "ghost" in fails(cli, 3, dataset, option, "ghost")
