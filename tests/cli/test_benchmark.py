"""``cellenhance benchmark``: the runs, the tables, going on after a stop, and every refusal."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellenhance.engine.training.pace import Pace
from cellenhance.engine.training.trainer import Trainer
from cellenhance.errors import BusyOutputError, CellEnhanceError
from cellenhance.tasks.train import draft

TINY = ("--split", "folds", "--epochs", 1, "--set", "recipe.crop_px=32", "--batch-size", 2)
TWO = ("-m", "light-unet,unet-pair", *TINY, "--precision", "fp32", "--metrics", "accuracy,hd")


@pytest.fixture(scope="module")
def bench(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished benchmark of 2 models x 2 folds; only read it."""
    from tests.conftest import invoke

    path = tmp_path_factory.mktemp("bench") / "bench"
    done = invoke("benchmark", tiny_dataset, "-o", path, *TWO)
    assert done.exit_code == 0, done.stderr
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_run_is_a_run_folder_and_a_row(bench: Path) -> None:
    rows = rows_of(bench / "results.csv")
    assert [(row["model"], row["seed"], row["fold"]) for row in rows] == [
        ("light-unet", "0", "1"),
        ("unet-pair", "0", "1"),
        ("light-unet", "0", "2"),
        ("unet-pair", "0", "2"),
    ]
    for row in rows:
        folder = bench / row["run"]
        assert (folder / "run.yaml").is_file()
        scores = json.loads((folder / "evaluation" / "test" / "summary.json").read_text())
        assert float(row["mIoU"]) == pytest.approx(scores["pooled"]["miou"], abs=1e-12)
        assert float(row["Dice nucleus"]) == pytest.approx(scores["pooled"]["dice"]["nucleus"])


def test_the_table_is_the_mean_over_folds(bench: Path) -> None:
    values = json.loads((bench / "benchmark.json").read_text())
    [condition] = values["conditions"]
    assert values["runs"] == {"total": 4, "finished": 4, "failed": {}}
    assert condition["n_images"] == 8
    for model in condition["models"]:
        runs = [row for row in rows_of(bench / "results.csv") if row["model"] == model["model"]]
        first, second = (float(row["mIoU"]) for row in runs)
        assert model["mean"]["mIoU"] == pytest.approx((first + second) / 2)
        assert model["std"]["mIoU"] == pytest.approx(abs(first - second) / 2)
    assert condition["models"][0]["difference"] is None
    low, high = condition["models"][1]["difference"]["interval"]["mIoU"]
    assert low <= condition["models"][1]["difference"]["mean"]["mIoU"] <= high
    for name in ("table.md", "table.tex", "table.csv"):
        text = (bench / name).read_text()
        assert "majority class" in text
        assert "unet-pair" in text


def test_further_metrics_and_the_parts_of_an_ensemble_have_tables(bench: Path) -> None:
    extra = json.loads((bench / "benchmark.json").read_text())["extra"]
    metrics, parts = (each for each in extra)
    assert [each["name"] for each in metrics["rows"]] == ["light-unet", "unet-pair"]
    folds = []
    for fold in (1, 2):
        run = bench / "runs" / "as-is" / "unet-pair" / "seed-0" / f"fold-{fold}"
        rows = rows_of(run / "evaluation" / "test" / "per_image.csv")
        folds.append(sum(float(row["accuracy"]) for row in rows) / len(rows))
    assert metrics["rows"][1]["mean"]["accuracy"] == pytest.approx(sum(folds) / 2)
    assert "hausdorff_nucleus" in metrics["rows"][0]["mean"]
    names = [each["name"] for each in parts["rows"]]
    assert names[:3] == ["unet-pair (result)", "network 1", "branch 1"]


def test_the_same_command_finds_everything_done(
    cli: Any, tiny_dataset: Path, bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bench, tmp_path / "bench")
    monkeypatch.setattr(Trainer, "fit", lambda *_: pytest.fail("trained again"))
    done = cli("benchmark", tiny_dataset, "-o", tmp_path / "bench", *TWO, "--json")
    assert done.exit_code == 0, done.stderr
    values, before = json.loads(done.stdout), json.loads((bench / "benchmark.json").read_text())
    assert values["conditions"] == before["conditions"]


def test_a_model_that_fails_is_named_and_the_others_are_compared(
    cli: Any, tiny_dataset: Path, bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise CellEnhanceError("the training loss became nan")

    shutil.copytree(bench, tmp_path / "bench")
    monkeypatch.setattr("cellenhance.tasks.benchmark.benchmark.make_scored", fail)
    words = [word if word != "light-unet,unet-pair" else "light-unet,aep,unet-pair" for word in TWO]
    done = cli("benchmark", tiny_dataset, "-o", tmp_path / "bench", *words)
    assert done.exit_code == 4
    assert "as-is, aep, seed 0, fold 1: the training loss became nan" in done.stderr
    assert "4 of 6 runs finished, 2 failed, 0 left" in done.stderr
    values = json.loads((tmp_path / "bench" / "benchmark.json").read_text())
    names = [each["model"] for each in values["conditions"][0]["models"]]
    assert names == ["light-unet", "unet-pair"]
    assert list(values["runs"]["failed"]) == [
        "as-is, aep, seed 0, fold 1",
        "as-is, aep, seed 0, fold 2",
    ]


def test_processes_share_a_benchmark_by_leaving_each_other_s_runs_alone(
    cli: Any, tiny_dataset: Path, bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bench"
    runs = target / "runs" / "as-is" / "light-unet" / "seed-0"
    shutil.copytree(bench, target)
    shutil.rmtree(runs / "fold-1")
    shutil.rmtree(runs / "fold-2")

    def make_the_other(*_: object) -> None:
        # While this process waits for a lock, another one finishes fold 2.
        shutil.copytree(bench / runs.relative_to(target) / "fold-2", runs / "fold-2")
        raise BusyOutputError("another training is writing here")

    monkeypatch.setattr("cellenhance.tasks.benchmark.benchmark.make_scored", make_the_other)
    done = cli("benchmark", tiny_dataset, "-o", target, *TWO)
    assert done.exit_code == 4
    assert "light-unet, seed 0, fold 1: another process is working on it" in done.stderr
    assert "3 of 4 runs finished, 1 left" in done.stderr


def test_other_settings_are_refused_and_replaced_on_request(
    cli: Any, tiny_dataset: Path, bench: Path, tmp_path: Path
) -> None:
    shutil.copytree(bench, tmp_path / "bench")
    other = ("benchmark", tiny_dataset, "-o", tmp_path / "bench", *TWO, "--batch-size", 1)
    done = cli(*other, "--dry-run")
    assert done.exit_code == 2
    assert "recipe.batch_size: 2, now 1" in done.stderr
    plan = json.loads(cli(*other, "--dry-run", "--overwrite", "--json").stdout)
    assert (plan["runs"], plan["runs to do"]) == (4, 4)


def test_a_benchmark_out_of_time_goes_on_to_the_same_result(
    cli: Any, tiny_dataset: Path, bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bench"
    command = ("benchmark", tiny_dataset, "-o", target, *TWO)
    clock = iter(range(0, 10**6))
    monkeypatch.setattr("cellenhance.tasks.benchmark.benchmark.time.monotonic", lambda: next(clock))
    done = cli(*command, "--max-hours", 3 / 3600)  # of a clock that ticks when it is looked at
    assert done.exit_code == 4
    assert "0 of 4 runs finished, 4 left" in done.stderr
    begun = target / "runs" / "as-is" / "light-unet" / "seed-0" / "fold-1"
    assert (begun / "checkpoints" / "last.safetensors").is_file()
    monkeypatch.undo()
    done = cli(*command)
    assert done.exit_code == 0, done.stderr
    one, other = rows_of(target / "results.csv"), rows_of(bench / "results.csv")
    for row in (*one, *other):
        del row["training_s"]
    assert one == other


def test_a_copy_at_a_lower_dose_is_made_once_and_checked(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    target = tmp_path / "bench"
    command = ("benchmark", tiny_dataset, "-o", target, "-m", "light-unet", *TINY, "--folds", "1")
    done = cli(*command, "--photons", "20", "--json")
    assert done.exit_code == 0, done.stderr
    names = [each["name"] for each in json.loads(done.stdout)["conditions"]]
    assert names == ["as-is", "photons-20"]
    table = target / "data" / "photons-20" / "degradation.csv"
    table.write_text(table.read_text().replace(",20.0,", ",21.0,"))
    done = cli(*command, "--photons", "20")
    assert done.exit_code == 2
    assert "was made at 21.0 photons" in done.stderr


def test_a_protocol_fills_in_the_request_and_prints_its_numbers_beside_ours(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    command = ("benchmark", tiny_dataset, "-o", tmp_path / "bench", "--protocol", "aep-liver")
    small = ("-m", "unetpp-l1", "--split", "folds", "--folds", "1", "--epochs", 1, "--probing")
    done = cli(*command, *small, "--batch-size", 2, "--set", "settings.deep_supervision=false")
    assert done.exit_code == 0, done.stderr
    assert "2 folds where it has 5; 8 images where it has 50" in done.stderr
    values = json.loads((tmp_path / "bench" / "benchmark.json").read_text())
    assert values["conditions"][0]["models"][0]["recipe"] == "aep-paper"
    published = {row[0]: row for row in values["tables"][-1]["rows"]}
    assert published["U-Net, published"][1] == "57.90 ± 1.33"
    ours = values["conditions"][0]["models"][0]["mean"]["mIoU"]
    assert published["unetpp-l1, here"][1] == f"{100 * ours:.2f}"  # of one fold: no deviation
    notes = values["tables"][-1]["notes"]
    assert any("typesetting error" in note for note in notes)
    [probing] = values["extra"]
    assert [row["name"] for row in probing["rows"]] == [
        "unetpp-l1, intact",
        "without deep maps at H",
    ]


def test_without_its_data_a_protocol_says_what_to_get(cli: Any, tmp_path: Path) -> None:
    done = cli("benchmark", tmp_path / "none", "-o", tmp_path / "out", "--protocol", "isbi2012")
    assert done.exit_code == 3
    assert "github.com/BrianWU-S/electron_microscopy_image_segmentation" in done.stderr
    assert "dataset prepare" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-m", "light-unet,light-unet"), "light-unet is listed twice"),
        (("-m", ","), "name at least one model"),
        (("-m", "light-unet", "--folds", "3"), "has the folds 1 to 2"),
        (("-m", "light-unet", "--subset", "train"), "expected test or val"),
        (("-m", "light-unet", "--photons", "0"), "--photons 0: expected a number above 0"),
        (("-m", "light-unett"), "light-unet"),
    ],
)
def test_what_is_wrong_is_said_before_any_training(
    cli: Any, tiny_dataset: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = cli("benchmark", tiny_dataset, "-o", tmp_path / "out", "--split", "folds", *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_plan_of_all_runs_comes_first_and_dry_run_has_the_total(
    cli: Any, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8 images of 48 px a fold trains on 3: 4 steps of 2 crops of 32 px; 2 models x 2 folds."""
    monkeypatch.setattr(draft, "measure_pace", lambda *_: Pace(step_s=600, epoch_end_s=1200))
    words = ("benchmark", tiny_dataset, "-o", tmp_path / "bench", *TWO)
    planned = cli(*words, "--dry-run", "--json")
    assert planned.exit_code == 0, planned.stderr
    assert json.loads(planned.stdout)["minutes"] == 4 * (4 * 10 + 20)
    table = " ".join(cli(*words, "--dry-run").stdout.replace("\u2502", " ").split())
    assert "about 4 h on this CPU (light-unet about 2 h, unet-pair about 2 h); quicker:" in table
    assert list(tmp_path.iterdir()) == []

    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    to_do, data, time, first = done.stderr.splitlines()[:4]
    assert to_do.startswith("4 of 4 runs to do: light-unet (853,843 parameters), unet-pair (")
    assert data.startswith("each: 3 training images, 1 validation image; crops of 32 px")
    assert time.startswith("about 4 h on this CPU")
    assert first.startswith("1/4  as-is, light-unet, seed 0, fold 1")
    # What is left is known once each model that is left has a finished run.
    assert " left" not in first
    assert done.stderr.splitlines()[4].endswith("less than a minute left")
    again = cli(*words)
    assert "runs to do" not in again.stderr


def test_finished_runs_on_other_pixels_are_refused_by_name_and_replaced_when_asked(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(tiny_dataset, dataset)
    words = ("benchmark", dataset, "-o", tmp_path / "bench", "-m", "light-unet", *TINY)
    assert cli(*words).exit_code == 0
    record = tmp_path / "bench" / "runs" / "as-is" / "light-unet" / "seed-0" / "fold-1"
    [sample, *_] = [row["id"] for row in rows_of(record / "samples.csv")]
    mask = dataset / "masks" / f"{sample}.tif"
    tifffile.imwrite(mask, np.zeros_like(tifffile.imread(mask)))
    refused = cli(*words)
    assert refused.exit_code == 2
    assert f"the dataset or its split has changed: other mask of {sample}" in refused.stderr
    assert cli(*words, "--overwrite").exit_code == 0
