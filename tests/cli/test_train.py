"""``cellenhance train``: the run folder, the plan, the folds, and every refusal."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellenhance.engine.checkpoints import load_model
from cellenhance.engine.training.pace import Pace
from cellenhance.engine.training.trainer import Trainer
from cellenhance.tasks.train import draft


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_folder_has_all_its_parts(tiny_run: Path) -> None:
    record = yaml.safe_load((tiny_run / "run.yaml").read_text())
    assert record["settings"]["recipe"]["epochs"] == 2
    assert record["settings"]["recipe"]["crop_px"] == 32
    assert record["settings"]["model"]["components"]["translator"]["architecture"] == "light_unet"
    assert [each["name"] for each in record["classes"]] == ["cytoplasm", "membrane", "nucleus"]
    assert record["n_train"] == 4
    assert record["n_val"] == 2
    assert record["versions"]["torch"]
    assert (tiny_run / "figures" / "curves.png").stat().st_size > 0
    for name in ("best", "last"):
        assert (tiny_run / "checkpoints" / f"{name}.safetensors").is_file()


def test_every_file_of_a_run_follows_the_umask(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    rights = {stat.S_IMODE(each.stat().st_mode) for each in tiny_run.rglob("*") if each.is_file()}
    assert rights == {stat.S_IMODE((tmp_path / "plain").stat().st_mode)}


def test_metrics_have_a_row_an_epoch_with_every_output(tiny_run: Path) -> None:
    rows = rows_of(tiny_run / "metrics.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    parts = ["network_1", "branch_1", "branch_2", "branch_3", "final"]
    for row in rows:
        total = sum(float(row[f"{name}_loss"]) for name in parts)
        assert float(row["loss"]) == pytest.approx(total, rel=1e-5)
        ious = [float(row[f"val_iou_{name}"]) for name in ("cytoplasm", "membrane", "nucleus")]
        assert float(row["val_miou"]) == pytest.approx(sum(ious) / 3)
        assert {"val_miou_network_1", "val_miou_branch_3", "val_miou_ensemble"} <= set(row)
    assert len(rows_of(tiny_run / "timing.csv")) == 2


def test_the_best_checkpoint_is_that_of_the_highest_validation_miou(tiny_run: Path) -> None:
    rows = rows_of(tiny_run / "metrics.csv")
    mious = [float(row["val_miou"]) for row in rows]
    running = [max(mious[: i + 1]) for i in range(len(mious))]
    expected = [str(int(miou >= top)) for miou, top in zip(mious, running, strict=True)]
    assert [row["is_best"] for row in rows] == expected


def test_validation_scores_the_weights_that_are_kept(cli: Any, tiny_run: Path) -> None:
    [best] = [row for row in rows_of(tiny_run / "metrics.csv") if row["is_best"] == "1"][-1:]
    done = cli("evaluate", tiny_run, "--subset", "val", "--json")
    pooled = json.loads(done.stdout)["pooled"]
    # Evaluation folds the batch normalisation, which may turn single pixels.
    assert float(best["val_miou"]) == pytest.approx(pooled["miou"], abs=1e-3)
    assert float(best["val_accuracy"]) == pytest.approx(pooled["accuracy"], abs=1e-3)


def test_ties_go_to_the_later_epoch(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mious = iter([0.5, 0.5, 0.4])
    monkeypatch.setattr("cellenhance.engine.training.trainer.miou_of", lambda _: next(mious))
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run", "--json")
    done = cli(*args, "--epochs", 3, *tiny_training)
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["best_epoch"], result["best_validation_miou"]) == (2, 0.5)
    assert [row["is_best"] for row in rows_of(tmp_path / "run" / "metrics.csv")] == ["1", "1", "0"]


def test_patience_stops_and_says_so(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mious = iter([0.5, 0.4, 0.4, 0.4])
    monkeypatch.setattr("cellenhance.engine.training.trainer.miou_of", lambda _: next(mious))
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run", "--patience", 2)
    done = cli(*args, "--epochs", 9, *tiny_training)
    assert done.exit_code == 0, done.stderr
    assert "3 epochs, no better validation mIoU for 2 epochs; best is epoch 1" in done.stderr


def test_a_run_that_patience_ended_goes_on_with_more_epochs_and_waits_anew(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Best is epoch 1; after epoch 3 patience ended it, and two more without a better one do."""
    mious = iter([0.5, 0.4, 0.4, 0.4, 0.4, 0.6])
    monkeypatch.setattr("cellenhance.engine.training.trainer.miou_of", lambda _: next(mious))
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run", "--patience", 2)
    assert cli(*words, "--epochs", 9, *tiny_training).exit_code == 0
    same = cli(*words, "--epochs", 9, *tiny_training, "--resume")
    assert "is finished already (no better validation mIoU for 2 epochs)" in same.stderr
    more = cli(*words, "--epochs", 12, *tiny_training, "--resume")
    assert more.exit_code == 0, more.stderr
    assert "5 epochs, no better validation mIoU for 2 epochs; best is epoch 1" in more.stderr


def test_the_time_limit_ends_in_a_complete_run(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--time-limit", 0)
    done = cli(*args, "--epochs", 50, *tiny_training)
    assert done.exit_code == 0, done.stderr
    assert "within the time limit of 0 s: 1 of 50 epochs" in done.stderr
    assert "1 epoch, all done; best is epoch 1" in done.stderr
    assert len(rows_of(run / "metrics.csv")) == 1
    load_model(run / "checkpoints" / "best.safetensors")


def test_after_the_time_limit_a_run_goes_on_to_its_end(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 3, *tiny_training)
    assert cli(*args, "--time-limit", 0).exit_code == 0
    done = cli(*args, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "going on in epoch 2" in done.stderr
    assert "3 epochs, all 3 epochs done" in done.stderr
    assert [row["epoch"] for row in rows_of(run / "metrics.csv")] == ["1", "2", "3"]


@pytest.fixture
def a_second_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As measured on every machine: a second for a step, and one for validation."""
    monkeypatch.setattr(draft, "measure_pace", lambda *_: Pace(step_s=1, epoch_end_s=1))


@pytest.mark.usefixtures("a_second_a_step")
def test_a_time_limit_fits_the_schedule_which_is_kept_when_the_run_goes_on(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Epochs of 5 steps and a validation take 6 s: 3 of them in nine tenths of 20 s."""
    run, through = tmp_path / "run", tmp_path / "through"
    words = ("train", tiny_dataset, "-m", "light-unet", "--epochs", 50, *tiny_training)
    limited = (*words, "--time-limit", "20s")
    straight = cli(*limited, "-o", through)
    assert straight.exit_code == 0, straight.stderr
    assert "less than a minute on this CPU, within the time limit of 20 s: 3 of 50 epochs" in (
        straight.stderr
    )
    assert "3 epochs, all 3 epochs done" in straight.stderr
    record = yaml.safe_load((through / "run.yaml").read_text())
    assert record["settings"]["recipe"]["epochs"] == 3
    budget = record["time_budget"]
    assert (budget["limit_s"], budget["step_s"], budget["asked"]["epochs"]) == (20, 1, 50)
    rates = [float(row["learning_rate"]) for row in rows_of(through / "metrics.csv")]
    assert rates[-1] == pytest.approx(5e-4 * (1 + math.cos(math.pi * 14 / 15)), rel=1e-12)

    train_step = Trainer.train_step

    def signalled(self: Trainer, *place: int) -> Any:
        if place == (2, 1):
            signal.raise_signal(signal.SIGINT)
        return train_step(self, *place)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", signalled)
        assert cli(*limited, "-o", run).exit_code == 130
    # Now the machine is faster; the schedule stays, with the limit repeated and without it.
    monkeypatch.setattr(draft, "measure_pace", lambda *_: Pace(step_s=0.1, epoch_end_s=0.1))
    resumed = cli(*limited, "-o", run, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    best = [each / "checkpoints" / "best.safetensors" for each in (run, through)]
    assert best[0].read_bytes() == best[1].read_bytes()
    unlimited = cli("train", *words[1:4], *tiny_training, "-o", run, "--resume")
    assert unlimited.exit_code == 0, unlimited.stderr
    assert "is finished already (all 3 epochs done)" in unlimited.stderr


@pytest.mark.usefixtures("a_second_a_step")
def test_where_no_epoch_fits_one_of_fewer_steps_is_made(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run", *tiny_training)
    done = cli(*words, "--time-limit", "5s")  # 4.5 s: 3 steps and a validation
    assert done.exit_code == 0, done.stderr
    assert "3 steps per epoch, 1 epoch" in done.stderr
    recipe = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())["settings"]["recipe"]
    assert (recipe["epochs"], recipe["steps_per_epoch"]) == (1, 3)


@pytest.mark.usefixtures("a_second_a_step")
def test_another_time_limit_for_a_run_that_began_is_refused(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run", *tiny_training)
    assert cli(*words, "--time-limit", "10s").exit_code == 0
    done = cli(*words, "--time-limit", "2h", "--resume")
    assert done.exit_code == 2
    assert "--time-limit 120" in done.stderr
    assert "its limit was 10 s" in done.stderr


def test_the_plan_comes_first_in_three_lines(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2 epochs of 5 steps of 40 min and a validation of 20 min: 440 min."""
    monkeypatch.setattr(draft, "measure_pace", lambda *_: Pace(2400, 1200))
    words = ("train", tiny_dataset, "-m", "aep", "-o", tmp_path / "run", "--epochs", 2)
    done = cli(*words, *tiny_training)
    assert done.exit_code == 0, done.stderr
    model, data, time, first = done.stderr.splitlines()[:4]
    assert model.startswith("aep (1,707,691 parameters), recipe 'cellenhance', on CPU")
    assert data == (
        "4 training images, 2 validation images; crops of 32 px in batches of 2, 5 steps per "
        "epoch, 2 epochs"
    )
    assert time.startswith("about 7 h 20 min on this CPU; quicker: --time-limit 30m")
    assert re.search(r"-m light-unet \(about \d+ times\)", time)
    assert first.startswith("epoch 1/2")
    dry = cli(*words, *tiny_training, "--dry-run", "--overwrite")
    shown = " ".join(dry.stdout.replace("\u2502", " ").split())
    assert "1,707,691 parameters" in shown
    assert "about 7 h 20 min on this CPU" in shown
    quiet = cli(*words, *tiny_training, "--overwrite", "-q")
    assert "about 7 h 20 min" not in quiet.stderr


def test_two_trainings_never_write_into_one_folder(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    from cellenhance.runs.lock import locked

    run = tmp_path / "run"
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 1, *tiny_training)
    with locked(run):
        done = cli(*args)
        assert done.exit_code == 2
        assert "another training is writing here" in done.stderr
        assert [path.name for path in run.iterdir()] == [".lock"]
    assert cli(*args).exit_code == 0


def test_a_class_that_training_never_sees_is_said(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    import shutil

    import tifffile

    dataset = tmp_path / "dataset"
    shutil.copytree(tiny_dataset, dataset)
    for path in (dataset / "masks").glob("*.tif"):
        mask = tifffile.imread(path)
        mask[mask == 2] = 0
        tifffile.imwrite(path, mask)
    args = ("train", dataset, "-m", "light-unet", "-o", tmp_path / "run", "--epochs", 1)
    done = cli(*args, *tiny_training)
    assert "no training mask has nucleus" in done.stderr


def test_the_published_recipe_trains_on_whole_images(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    args = ("train", tiny_dataset, "-m", "aep-code", "-o", tmp_path / "run", "--epochs", 1)
    done = cli(*args, "--batch-size", 2, "--precision", "fp32")
    assert done.exit_code == 0, done.stderr
    assert "recipe 'aep-code' asks for unit normalisation" in done.stderr  # 16-bit images
    record = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert record["normalization"]["method"] == "dataset"


def test_losses_are_added_and_outputs_weighed_by_name(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    """Twice the same run, the second with Dice besides and without network 1."""
    first, second = tmp_path / "first", tmp_path / "second"
    words = ("train", tiny_dataset, "-m", "aep", "--epochs", 1, *tiny_training)
    assert cli(*words, "-o", first).exit_code == 0
    more = ("--set", "recipe.loss.dice=1", "--set", "recipe.output_weights.network 1=0")
    done = cli(*words, "-o", second, *more)
    assert done.exit_code == 0, done.stderr
    recipe = yaml.safe_load((second / "run.yaml").read_text())["settings"]["recipe"]
    assert recipe["loss"]["cross_entropy"]["weight"] == recipe["loss"]["dice"]["weight"] == 1
    [plain], [summed] = rows_of(first / "metrics.csv"), rows_of(second / "metrics.csv")
    assert "network_1_loss" in plain
    assert "network_1_loss" not in summed
    assert float(summed["final_loss"]) > float(plain["final_loss"]) + 0.2


def without_validation(dataset: Path, root: Path) -> Path:
    copy = root / "dataset"
    shutil.copytree(dataset, copy)
    split = copy / "splits" / "default.csv"
    split.write_text(split.read_text().replace(",val\n", ",train\n"))
    return copy


def test_without_a_validation_part_the_last_epoch_is_kept_and_that_is_said(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    dataset, run = without_validation(tiny_dataset, tmp_path), tmp_path / "run"
    done = cli("train", dataset, "-m", "light-unet", "-o", run, "--epochs", 2, *tiny_training)
    assert done.exit_code == 0, done.stderr
    assert "has no validation part: the weights of the last epoch are kept" in done.stderr
    assert "best is epoch 2" in done.stderr
    best, last = (load_model(run / "checkpoints" / f"{n}.safetensors") for n in ("best", "last"))
    for one, two in zip(
        best.network.state_dict().values(), last.network.state_dict().values(), strict=True
    ):
        assert one.equal(two)


def test_the_same_command_gives_the_same_weights_and_another_seed_others(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    """With dropout, augmentation and random crops all on."""
    files = []
    for name, seed in (("one", 4), ("two", 4), ("other", 5)):
        done = cli(
            *("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / name, "--seed", seed),
            *("--epochs", 1, "--set", "settings.dropout=0.5", *tiny_training),
        )
        assert done.exit_code == 0, done.stderr
        files.append((tmp_path / name / "checkpoints" / "best.safetensors").read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_dry_run_says_the_plan_and_writes_nothing(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    args = ("train", tiny_dataset, "-m", "aep", "-o", tmp_path / "run", "--dry-run")
    done = cli(*args, "--epochs", 3, *tiny_training, "--json")
    assert done.exit_code == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["parameters"] == 1_707_691
    assert (plan["training images"], plan["validation images"]) == (4, 2)
    assert (plan["steps per epoch"], plan["epochs"]) == (5, 3)  # ceil(4 x 48^2 / (2 x 32^2))
    assert plan["memory, GiB, at most"] > 0
    assert "Plan; nothing was written" in cli(*args, "--epochs", 3, *tiny_training).stdout
    assert list(tmp_path.iterdir()) == []


def test_all_folds_train_evaluate_and_predict_together(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    args = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--split", "folds")
    done = cli(*args, "--fold", "all", "--epochs", 1, *tiny_training, "--json")
    assert done.exit_code == 0, done.stderr
    runs = [each["run"] for each in json.loads(done.stdout)]
    assert runs == [str(run / "fold-1"), str(run / "fold-2")]

    done = cli("evaluate", run, "--json")
    assert done.exit_code == 0, done.stderr
    folds = json.loads(done.stdout)["folds"]
    assert set(folds) == {"fold-1", "fold-2"}
    assert sum(fold["n_images"] for fold in folds.values()) == 8
    table = " ".join(cli("evaluate", run).stdout.split())
    assert "population standard deviation over 2 folds" in table

    image = next((tiny_dataset / "images").iterdir())
    done = cli("predict", run, image, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-m", "aepp"], 2, "unknown model 'aepp'; did you mean 'aep'?"),
        (["--set", "recipe.epoch=5"], 2, "did you mean 'epochs'?"),
        (["--set", "recipes.epochs=5"], 2, "did you mean 'recipe'?"),
        (["--set", "settings.n_filter=5"], 2, "did you mean 'n_filters'?"),
        (["--set", "recipe.epochs"], 2, "expected key=value"),
        (["--set", "recipe.learning_rate=fast"], 2, "'learning_rate' in recipe 'cellenhance'"),
        (["--set", "recipe.crop_px=33"], 2, "use --set recipe.crop_px=40"),
        (["--set", "recipe.loss.dise=1"], 2, "did you mean 'dice'?"),
        (["--set", "recipe.loss.cross_entropy=0"], 2, "no loss has a weight above 0"),
        (["--set", "recipe.output_weights.network=1"], 2, "did you mean 'network 1'?"),
        (["--recipe", "aep-cod"], 2, "did you mean 'aep-code'?"),
        (["--split", "defualt"], 3, "defualt"),
        (["--split", "folds"], 2, "has 2 folds; choose one with --fold K"),
        (["--split", "folds", "--fold", "3"], 2, "folds 1 to 2"),
        (["--fold", "x"], 2, "--fold x"),
        (["--device", "gpu"], 2, "unknown device 'gpu'"),
        (["--precision", "fp16"], 2, "fp16 is not possible on the CPU"),
        (["--models", "none.yaml"], 2, "none.yaml: cannot be read"),
        (["--resume", "--overwrite"], 2, "contradict each other"),
        (["--time-limit", "soon"], 2, "--time-limit soon: expected minutes, or a time such as 30m"),
        (["--time-limit", "-3"], 2, "--time-limit"),
        (["--epochs", "0"], 2, "epochs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused_with_the_cure(
    cli: Any, tiny_dataset: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    done = cli("train", tiny_dataset, "-o", tmp_path / "run", *words)
    assert done.exit_code == code, done.stderr
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_dataset_is_bad_input(cli: Any, tmp_path: Path) -> None:
    done = cli("train", tmp_path / "none", "-o", tmp_path / "run")
    assert done.exit_code == 3
    assert str(tmp_path / "none") in done.stderr


def test_a_run_that_exists_is_kept_unless_overwritten(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 1, *tiny_training)
    assert cli(*words).exit_code == 0
    before = (run / "run.yaml").read_bytes()
    refused = cli(*words, "--seed", 1)
    assert refused.exit_code == 2
    assert "holds a run already; go on with --resume, replace it with --overwrite" in refused.stderr
    assert (run / "run.yaml").read_bytes() == before
    assert cli(*words, "--seed", 1, "--overwrite").exit_code == 0
    assert yaml.safe_load((run / "run.yaml").read_text())["settings"]["seed"] == 1
    assert len(rows_of(run / "metrics.csv")) == 1


def test_a_folder_that_is_no_run_is_never_written_into(
    cli: Any, tiny_dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for more in ((), ("--overwrite",), ("--resume",)):
        done = cli("train", tiny_dataset, "-o", tmp_path, *more)
        assert done.exit_code == 2
        assert "is not empty and is not a run folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_too_large_a_batch_is_cut_down_and_that_is_said_and_resumed(
    cli: Any, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, free = tmp_path / "run", "cellenhance.tasks.train.memory.free_memory_bytes"
    monkeypatch.setattr(free, lambda _: 60 << 20)
    words = ["train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 1]
    words += ["--set", "recipe.crop_px=64", "--batch-size", 64, "--precision", "fp32"]
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    said = re.search(r"batch size 64 needs about .* training with batch size (\d+)", done.stderr)
    assert said is not None, done.stderr
    record = yaml.safe_load((run / "run.yaml").read_text())
    assert record["settings"]["recipe"]["batch_size"] == int(said[1]) < 64
    assert record["asked_batch_size"] == 64
    monkeypatch.setattr(free, lambda _: 1 << 40)
    resumed = cli(*words, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert "is finished already" in resumed.stderr


def test_too_little_memory_for_one_image_is_said_before_the_first_step(
    cli: Any, tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellenhance.tasks.train.memory.free_memory_bytes", lambda _: 1 << 20)
    done = cli("train", tiny_dataset, "-m", "light-unet", "-o", tmp_path / "run")
    assert done.exit_code == 5
    assert "even at batch size 1" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    step = Trainer.train_step

    def explode(self: Trainer, epoch: int, index: int) -> Any:
        parts, n = step(self, epoch, index)
        return ({key: x * float("nan") for key, x in parts.items()} if epoch == 2 else parts), n

    monkeypatch.setattr(Trainer, "train_step", explode)
    words = ("train", tiny_dataset, "-m", "light-unet", "-o", run, "--epochs", 3, *tiny_training)
    done = cli(*words)
    assert done.exit_code == 1
    assert "the training loss became nan in epoch 2" in done.stderr
    assert len(rows_of(run / "metrics.csv")) == 1
    load_model(run / "checkpoints" / "best.safetensors")
