"""Every command that a message prints is collected here by exercising the message, and run.

A message that prints a command and is in no situation below fails `test_no_message_is_missed`.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import typer

from cellenhance.cli.app import app
from tests.conftest import TINY_TRAINING, RunCli
from tests.layout_twins import TWINS, class_mask, image, label_map, put

ROOT = Path(__file__).resolve().parents[2]
SPACED = "a lab"
"""Folders have a blank in their name, so that words are quoted."""

NAMED_ALONE = {
    "cellenhance doctor` says more": "doctor",
    "cellenhance models lists them": "models",
    "give the copies to cellenhance dataset degrade": "dataset degrade",
    "measure them with cellenhance dataset camera": "dataset camera",
    "split again with cellenhance dataset split": "dataset split",
}
"""Messages that name a command without its arguments, and the command."""

NO_MESSAGES = {
    "cellenhance dataset prepare my_images -o dataset": "an example in a help, run by tests/docs",
    "cellenhance dataset augment of": "where a dataset comes from",
    "cellenhance dataset degrade (": "where a dataset comes from",
    "cellenhance dataset synthesize, ": "where a dataset comes from",
    "Made by cellenhance report": "what made a page",
    "cellenhance benchmark {}": "what a benchmark records of itself",
    "cellenhance train {}": "what a run records of itself; run below to resume",
    "cellenhance pretrain {}": "what start weights record of how they were made",
}


def lab(root: Path, mask: Callable[[int], np.ndarray], folders: tuple[str, str]) -> Path:
    for index in range(3):
        put(root / folders[0] / f"cell {index}.tif", image(index))
        put(root / folders[1] / f"cell {index}.tif", mask(index))
    return root


def prepare(cli: RunCli, tmp: Path, source: Path, *words: object) -> str:
    result = cli("dataset", "prepare", source, "-o", tmp / "a set", *words)
    return str(result.stderr)


def two_values(cli: RunCli, tmp: Path) -> str:
    return prepare(cli, tmp, lab(tmp / SPACED, lambda _: class_mask(), ("images", "masks")))


def values_of_another_range(cli: RunCli, tmp: Path) -> str:
    source = lab(tmp / SPACED, lambda _: class_mask(), ("images", "masks"))
    words = ("--class", "background=0", "--class", "cell=1", "--tile", 32, "--name", "my set")
    return prepare(cli, tmp, source, *words)


def stray_pixels(cli: RunCli, tmp: Path) -> str:
    def mask(_: int) -> np.ndarray:
        strewn = np.kron(class_mask(), np.ones((20, 20), np.uint8))
        strewn[0, 0] = 7
        return strewn

    source = tmp / SPACED
    for index in range(3):
        put(source / "images" / f"{index}.tif", np.kron(image(index), np.ones((20, 20), np.uint8)))
        put(source / "masks" / f"{index}.tif", mask(index))
    return prepare(cli, tmp, source, "--class", "background=0", "--class", "cell=255")


def colours(cli: RunCli, tmp: Path) -> str:
    def mask(_: int) -> np.ndarray:
        return np.dstack([class_mask(), class_mask() // 2, 0 * class_mask()])

    source = tmp / SPACED
    for index in range(3):
        put(source / "images" / f"{index}.png", image(index))
        put(source / "masks" / f"{index}.png", mask(index))
    return prepare(cli, tmp, source, "--class", "background=0", "--class", "cell=255")


def numbered_objects(cli: RunCli, tmp: Path) -> str:
    TWINS["dsb2018"](tmp / SPACED)
    return prepare(cli, tmp, tmp / SPACED)


def objects_around_minus_one(cli: RunCli, tmp: Path) -> str:
    def mask(_: int) -> np.ndarray:
        return np.where(label_map() == 0, -1, label_map()).astype(np.int16)

    return prepare(cli, tmp, lab(tmp / SPACED, mask, ("images", "masks")))


def nnunet(cli: RunCli, tmp: Path, labels: dict[str, object], mask: np.ndarray) -> str:
    source = tmp / SPACED
    put(source / "imagesTr" / "c_0000.png", image())
    put(source / "labelsTr" / "c.png", mask)
    says = {"channel_names": {"0": "grey"}, "labels": labels, "file_ending": ".png"}
    (source / "dataset.json").write_text(json.dumps(says), encoding="utf-8")
    return prepare(cli, tmp, source)


def nnunet_with_255(cli: RunCli, tmp: Path) -> str:
    return nnunet(cli, tmp, {"background": 0, "cell": 1}, class_mask())


def nnunet_regions(cli: RunCli, tmp: Path) -> str:
    mask = class_mask() // 255 + (label_map() > 0)
    return nnunet(cli, tmp, {"background": 0, "whole": [1, 2], "core": 2}, mask.astype(np.uint8))


def unknown_layout(cli: RunCli, tmp: Path) -> str:
    return prepare(cli, tmp, lab(tmp / SPACED, lambda _: class_mask(), ("stack", "drawn here")))


def unknown_layout_of_objects(cli: RunCli, tmp: Path) -> str:
    def mask(index: int) -> np.ndarray:
        return np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) // 6 + index - index

    return prepare(cli, tmp, lab(tmp / SPACED, mask, ("stack", "drawn")))


def several_folders_of_masks(cli: RunCli, tmp: Path) -> str:
    source = lab(tmp / SPACED, lambda _: class_mask(), ("images", "masks"))
    shutil.copytree(source / "masks", source / "labels")
    return prepare(cli, tmp, source)


def folders_that_do_not_match(cli: RunCli, tmp: Path) -> str:
    source = lab(tmp / SPACED, lambda _: class_mask(), ("images", "truth"))
    put(source / "masks" / "other.tif", class_mask())
    return prepare(cli, tmp, source)


def split_of_the_source_divides_groups(cli: RunCli, tmp: Path) -> str:
    source = lab(tmp / SPACED, lambda _: class_mask(), ("images", "masks"))
    rows = ["image,mask,group,subset"]
    for index, subset in enumerate(("train", "test", "val")):
        name = f"cell {index}.tif"
        rows.append(f"images/{name},masks/{name},{'one' if index < 2 else 'two'},{subset}")
    (source / "pairs.csv").write_text("\n".join(rows), encoding="utf-8")
    return prepare(cli, tmp, source, "--class", "background=0", "--class", "cell=255")


def dataset(cli: RunCli, tmp: Path) -> Path:
    source = lab(tmp / SPACED, lambda _: class_mask(), ("images", "masks"))
    assert "written" in prepare(cli, tmp, source, "--class", "background=0", "--class", "cell=255")
    return tmp / "a set"


def missing_split(cli: RunCli, tmp: Path) -> str:
    place = dataset(cli, tmp)
    return str(cli("train", place, "-m", "light-unet", "-o", tmp / "run").stderr)


def inspected_without_split(cli: RunCli, tmp: Path) -> str:
    done = cli("dataset", "inspect", dataset(cli, tmp), "--json")
    return "\n".join(each["sentence"] for each in json.loads(done.stdout)["findings"])


def inspected_with_shifted_masks(cli: RunCli, tmp: Path) -> str:
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:160, :160]
    source = tmp / SPACED
    for index in range(6):
        mask = np.zeros((160, 160), bool)
        for _ in range(9):
            row, column = rng.integers(20, 140, 2)
            mask |= (rows - row) ** 2 + (columns - column) ** 2 < 100
        picture = (40 + 120 * mask + rng.normal(0, 5, mask.shape)).clip(0, 255).astype(np.uint8)
        put(source / "images" / f"{index}.tif", picture)
        put(source / "masks" / f"{index}.tif", np.roll(mask, 6, axis=1).astype(np.uint8))
    words = ("--class", "background=0", "--class", "cell=1")
    assert "written" in prepare(cli, tmp, source, *words)
    done = cli("dataset", "inspect", tmp / "a set", "--json")
    return "\n".join(
        each["sentence"]
        for each in json.loads(done.stdout)["findings"]
        if each["code"] == "mask-shift"
    )


def few_images(cli: RunCli, tmp: Path) -> str:
    return str(cli("dataset", "split", dataset(cli, tmp)).stderr)


def no_dataset(cli: RunCli, tmp: Path) -> str:
    (tmp / "empty").mkdir()
    return str(cli("dataset", "split", tmp / "empty").stderr)


def no_run(cli: RunCli, tmp: Path) -> str:
    (tmp / "empty").mkdir()
    return str(cli("evaluate", tmp / "empty").stderr)


def no_evaluation(_: RunCli, tmp: Path) -> str:
    from cellenhance.errors import DatasetError
    from cellenhance.runs.stored_confusion import load_image_confusion

    with pytest.raises(DatasetError) as refused:
        load_image_confusion(tmp / "image_confusion.csv")
    return str(refused.value)


def exported(cli: RunCli, tmp: Path) -> str:
    words = ("dataset", "export", dataset(cli, tmp), "-o", tmp / "to draw in", "--to", "labelme")
    return str(cli(*words).stderr)


def resumed_otherwise(cli: RunCli, tmp: Path) -> str:
    made = cli("dataset", "synthesize", "-o", tmp / "cells", "--n-images", 6, "--size", 48)
    assert made.exit_code == 0, made.stderr
    assert cli("dataset", "split", tmp / "cells").exit_code == 0
    words = ("train", tmp / "cells", "-m", "light-unet", "-o", tmp / "a run", "--epochs", 1)
    with pytest.MonkeyPatch.context() as patch:
        # A run records what was typed.
        patch.setattr(sys, "argv", ["cellenhance", *map(str, [*words, *TINY_TRAINING])])
        assert cli(*words, *TINY_TRAINING).exit_code == 0
    text = str(cli(*words, *TINY_TRAINING, "--resume", "--seed", 9).stderr)
    assert "--resume" in text.rpartition("cellenhance train")[2]
    return text


SITUATIONS: tuple[Callable[[RunCli, Path], str], ...] = (
    two_values,
    values_of_another_range,
    stray_pixels,
    colours,
    numbered_objects,
    objects_around_minus_one,
    nnunet_with_255,
    nnunet_regions,
    unknown_layout,
    unknown_layout_of_objects,
    several_folders_of_masks,
    folders_that_do_not_match,
    split_of_the_source_divides_groups,
    missing_split,
    inspected_without_split,
    inspected_with_shifted_masks,
    few_images,
    no_dataset,
    no_run,
    no_evaluation,
    exported,
    resumed_otherwise,
)


def command_in(text: str) -> list[str]:
    """Return the words of the one command that a message prints; it ends the message."""
    lines = [line for line in text.splitlines() if re.search(r"cellenhance \w", line)]
    [command] = {line[line.rindex("cellenhance ") :].rstrip(")") for line in lines}
    return shlex.split(command)[1:]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.__name__)
def test_the_command_that_is_printed_works(
    cli: RunCli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_dataset: Path,
    tiny_run: Path,
    situation: Callable[[RunCli, Path], str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = command_in(situation(cli, tmp_path))
    # What a message cannot know it writes in capitals.
    TWINS["npy-folds"](tmp_path / "source")
    run = tmp_path / "new run"
    made: dict[str, object] = {"SOURCE": tmp_path / "source", "MODEL": "light-unet", "RUN": run}
    made["CORRECTED"] = tmp_path / "corrected"
    made["DATASET"] = tmp_path / "new set" if "prepare" in words else tiny_dataset
    if words[0] == "evaluate":
        shutil.copytree(tiny_run, run)
    is_template = not made.keys().isdisjoint(words)
    more = ("--epochs", "1", *TINY_TRAINING) if words[0] == "train" and is_template else ()
    result = cli(*[made.get(word, word) for word in words], *more)
    assert result.exit_code == 0, result.stderr


def test_a_file_to_leave_out_is_named_as_the_shell_takes_it(cli: RunCli, tmp_path: Path) -> None:
    source = lab(tmp_path / SPACED, lambda _: class_mask(), ("images", "masks"))
    (source / "images" / "cell 1.tif").write_bytes(b"no image")
    words = ("--class", "background=0", "--class", "cell=255")
    message = prepare(cli, tmp_path, source, *words)
    [option] = re.findall(r"--exclude .*", message)
    assert shlex.split(option) == ["--exclude", "cell 1"]
    assert "2 samples written" in prepare(cli, tmp_path, source, *words, *shlex.split(option))


@pytest.mark.parametrize("name", sorted(set(NAMED_ALONE.values())))
def test_commands_that_are_named_exist(cli: RunCli, name: str) -> None:
    assert cli(*name.split(), "--help").exit_code == 0


def command_names() -> set[str]:
    root = typer.main.get_command(app)
    names = set(getattr(root, "commands", {}))
    dataset_group = getattr(root, "commands", {})["dataset"]
    return (names - {"dataset"}) | {f"dataset {name}" for name in dataset_group.commands}


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module but docstrings, with {} for what is filled in."""
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in inside | documents:
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else "{}" for p in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.List) and node.elts:
            words = [e.value if isinstance(e, ast.Constant) else "{}" for e in node.elts]
            if words[0] == "cellenhance":
                yield " ".join(map(str, words))


def test_no_message_is_missed(cli: RunCli, tmp_path: Path) -> None:
    names = "|".join(sorted(map(re.escape, command_names())))
    printed = []
    for situation in SITUATIONS:
        place = tmp_path / situation.__name__
        place.mkdir()
        printed.append(situation(cli, place).replace("'", ""))
    missed = []
    for path in sorted((ROOT / "cellenhance").rglob("*.py")):
        for text in texts_of(ast.parse(path.read_text(encoding="utf-8"))):
            found = re.search(rf"cellenhance (?:{names})\b.*", text, re.DOTALL)
            if found is None or any(each in text for each in (*NAMED_ALONE, *NO_MESSAGES)):
                continue
            pattern = re.escape(found[0].rstrip()).replace(re.escape("{}"), r"\S.*?")
            if not any(re.search(pattern, each) for each in printed):
                missed.append(f"{path.relative_to(ROOT)}: {found[0]}")
    assert missed == []
