"""``cellenhance evaluate RUN``: tables, the promised JSON, the files, and every refusal."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import confusion_matrix

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.engine.checkpoints import load_model
from cellenhance.runs.stored_confusion import load_image_confusion

CLASSES = ["cytoplasm", "membrane", "nucleus"]
BRANCHES = ["network 1", "branch 1", "branch 2", "branch 3", "ensemble", "fixed weights"]
MEANS = ["iou", "miou", "dice", "mdice", "precision", "mprecision", "recall", "mrecall"]


@pytest.fixture(scope="module")
def scores(tiny_run: Path) -> Any:
    """What ``evaluate RUN --json`` prints."""
    from typer.testing import CliRunner

    from cellenhance.cli.app import app

    done = CliRunner().invoke(app, ["evaluate", str(tiny_run), "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_json_has_the_promised_keys(scores: Any) -> None:
    assert list(scores)[:5] == ["classes", "n_images", "pooled", "per_image_mean", "branches"]
    assert scores["classes"] == CLASSES
    assert scores["n_images"] == 2
    assert set(MEANS) <= set(scores["pooled"])
    assert set(MEANS) <= set(scores["per_image_mean"])
    assert list(scores["pooled"]["iou"]) == CLASSES
    assert list(scores["branches"]) == BRANCHES
    for branch in scores["branches"].values():
        assert set(branch) == {"pooled", "per_image_mean", "intervals"}


def test_the_numbers_are_those_of_another_library(
    scores: Any, tiny_run: Path, tiny_dataset: Path
) -> None:
    """A plain forward pass over each whole test image, counted by scikit-learn."""
    model = load_model(tiny_run / "checkpoints" / "best.safetensors")
    dataset = load_dataset(tiny_dataset)
    total = np.zeros((3, 3), int)
    for each in load_split(dataset, "default").subset(1, "test"):
        sample = load_sample(dataset, dataset.row(each))
        image = model.header.normalization.apply(sample.image)
        with torch.no_grad():
            logits = model.network(torch.from_numpy(image).permute(2, 0, 1)[None]).logits
        found = logits[0].argmax(dim=0).numpy()
        total += confusion_matrix(sample.mask.ravel(), found.ravel(), labels=[0, 1, 2])
    hit = np.diag(total)
    iou = hit / (total.sum(0) + total.sum(1) - hit)
    dice = 2 * hit / (total.sum(0) + total.sum(1))
    assert list(scores["pooled"]["iou"].values()) == pytest.approx(iou, abs=1e-12)
    assert list(scores["pooled"]["dice"].values()) == pytest.approx(dice, abs=1e-12)
    assert scores["pooled"]["miou"] == pytest.approx(iou.mean(), abs=1e-12)
    assert scores["pooled"]["accuracy"] == pytest.approx(hit.sum() / total.sum(), abs=1e-12)
    assert scores["branches"]["ensemble"]["pooled"] == scores["pooled"]


def test_the_table_names_its_averages_the_branches_and_the_baseline(
    cli: Any, tiny_run: Path
) -> None:
    done = cli("evaluate", tiny_run, "--worst", 0)
    assert done.exit_code == 0, done.stderr
    for word in (*CLASSES, *BRANCHES, "majority class (cytoplasm)", "IoU", "Dice", "pooled"):
        assert word in done.stdout, word
    assert "mean over" in " ".join(done.stdout.split())


def test_scores_and_a_row_an_image_are_written(cli: Any, scores: Any, tiny_run: Path) -> None:
    assert cli("evaluate", tiny_run).exit_code == 0
    folder = tiny_run / "evaluation" / "test"
    assert json.loads((folder / "summary.json").read_text()) == scores
    with (folder / "per_image.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 2
    outputs = load_image_confusion(folder / "image_confusion.csv")
    assert list(outputs) == ["result", *BRANCHES]
    result = outputs["result"]
    assert result.classes == tuple(CLASSES)
    pooled = result.matrices.sum(axis=0)
    assert pooled.trace() / pooled.sum() == scores["pooled"]["accuracy"]


@pytest.mark.parametrize(("subset", "n_images"), [("train", 4), ("val", 2), ("all", 8)])
def test_each_subset_is_scored_into_its_own_folder(
    cli: Any, tiny_run: Path, subset: str, n_images: int
) -> None:
    done = cli("evaluate", tiny_run, "--subset", subset, "--json", "--worst", 0)
    assert json.loads(done.stdout)["n_images"] == n_images
    assert (tiny_run / "evaluation" / subset / "summary.json").is_file()
    assert ("among them those the run was trained on" in done.stderr) == (subset == "all")


def test_small_tiles_give_the_same_numbers(cli: Any, scores: Any, tiny_run: Path) -> None:
    done = cli("evaluate", tiny_run, "--json", "--tile", 32, "--worst", 0)
    assert json.loads(done.stdout)["pooled"] == scores["pooled"]


def test_a_checkpoint_file_alone_is_enough(
    cli: Any, scores: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "mine.safetensors"
    shutil.copy(tiny_run / "checkpoints" / "best.safetensors", checkpoint)
    done = cli("evaluate", checkpoint, "--dataset", tiny_dataset, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["pooled"] == scores["pooled"]
    refused = cli("evaluate", checkpoint)
    assert refused.exit_code == 2
    assert "give --dataset" in refused.stderr


def test_another_dataset_is_said_to_be_another(
    cli: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_dataset, other)
    same = cli("evaluate", tiny_run, "--dataset", other)
    assert "is not what the run was trained on" not in same.stderr
    split = other / "splits" / "default.csv"
    split.write_text(split.read_text().replace(",val\n", ",test\n"))
    own = tmp_path / "run"
    shutil.copytree(tiny_run, own)
    assert cli("evaluate", own).exit_code == 0
    scores = (own / "evaluation" / "test" / "summary.json").read_bytes()
    done = cli("evaluate", own, "--dataset", other, "--json")
    assert done.exit_code == 0, done.stderr
    assert "is not what the run was trained on" in done.stderr
    assert (own / "evaluation" / "test" / "summary.json").read_bytes() == scores
    beside = own / "evaluation" / "test-other-default"
    assert json.loads((beside / "summary.json").read_text()) == json.loads(done.stdout)
    assert done.stderr.splitlines()[-1] == f"tables and figures in {beside}"


def test_a_dataset_that_was_moved_is_asked_for(cli: Any, tiny_run: Path, tmp_path: Path) -> None:
    own = tmp_path / "run"
    shutil.copytree(tiny_run, own)
    record = own / "run.yaml"
    dataset = yaml.safe_load(record.read_text())["dataset"]
    record.write_text(record.read_text().replace(dataset, str(tmp_path / "gone")))
    done = cli("evaluate", own)
    assert done.exit_code == 3
    assert f"{tmp_path / 'gone'}: the dataset that" in done.stderr
    assert "give --dataset DIR" in done.stderr


def test_other_classes_are_refused(
    cli: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_dataset, other)
    description = other / "dataset.yaml"
    description.write_text(description.read_text().replace("nucleus", "vacuole"))
    done = cli("evaluate", tiny_run, "--dataset", other)
    assert done.exit_code == 3
    assert "'vacuole'" in done.stderr
    assert "'nucleus'" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--subset", "tset"], 2, "expected one of train, val, test, all"),
        (["--split", "none"], 3, "there is no split 'none'"),
        (["--class", "a=1"], 2, "--class belongs to --predictions and --truth"),
        (["--truth", "masks"], 2, "give either a RUN, or both"),
        (["--dataset", "nowhere"], 3, "nowhere"),
        (["--device", "cuda:99"], 2, "is not there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused(
    cli: Any, tiny_run: Path, words: list[str], code: int, message: str
) -> None:
    done = cli("evaluate", tiny_run, *words)
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""


def test_what_is_no_run_is_refused(cli: Any, tmp_path: Path) -> None:
    done = cli("evaluate", tmp_path)
    assert done.exit_code == 3
    assert f"{tmp_path}: is not a run" in done.stderr
    assert cli("evaluate").exit_code == 2


def test_a_subset_without_samples_is_refused(
    cli: Any, tiny_run: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_dataset, other)
    split = other / "splits" / "default.csv"
    split.write_text(split.read_text().replace(",test\n", ",train\n"))
    done = cli("evaluate", tiny_run, "--dataset", other)
    assert done.exit_code == 3
    assert "has no test samples" in done.stderr
