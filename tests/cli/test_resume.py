"""Never lost: after a kill or a signal, ``--resume`` ends with the weights of a straight run."""

from __future__ import annotations

import csv
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import yaml
from safetensors.torch import load_file

from cellenhance.engine.checkpoints import load_state
from cellenhance.engine.training.trainer import Trainer

EPOCHS = 3


@pytest.fixture(scope="module")
def words(tiny_dataset: Path, tiny_training: tuple[str, ...]) -> tuple[str, ...]:
    """A command with crops, augmentation, dropout and a schedule: everything that draws."""
    return (
        *("train", str(tiny_dataset), "-m", "light-unet", "--epochs", str(EPOCHS)),
        *("--set", "settings.dropout=0.5", *tiny_training),
    )


@pytest.fixture(scope="module")
def straight(words: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody interrupts."""
    from typer.testing import CliRunner

    from cellenhance.cli.app import app

    run = tmp_path_factory.mktemp("straight") / "run"
    done = CliRunner().invoke(app, [*words, "-o", str(run)])
    assert done.exit_code == 0, done.stderr
    return run


def check_equal(run: Path, straight: Path) -> None:
    """Compare weights, optimizer and rows, bit by bit."""
    for name in ("best", "last"):
        found, expected = (
            load_file(each / "checkpoints" / f"{name}.safetensors") for each in (run, straight)
        )
        assert found.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(found[key], tensor), f"{name} {key}"
    assert (run / "metrics.csv").read_text() == (straight / "metrics.csv").read_text()
    for each in (run, straight):
        with (each / "timing.csv").open(newline="") as file:
            assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def start(words: tuple[str, ...], run: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cellenhance", *words, "-o", str(run)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(12_000):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    process.kill()
    raise AssertionError(f"{path} never came")


def test_killed_at_any_moment_and_resumed(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start(words, run)
    wait_for(run / "checkpoints" / "last.safetensors", process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = cli(*words, "-o", run, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "going on in epoch" in done.stderr
    check_equal(run, straight)


def test_sigterm_saves_and_exits_with_143(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = start(words, run)
    wait_for(run / "metrics.csv", process)
    process.terminate()
    stderr = process.communicate()[1]
    assert process.returncode == 143, stderr
    assert "state saved in" in stderr
    assert "go on with --resume" in stderr
    assert "Traceback" not in stderr
    assert cli(*words, "-o", run, "--resume").exit_code == 0
    check_equal(run, straight)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(("epoch", "step"), [(1, 0), (2, 2), (2, 4)])
def test_a_signal_in_any_step_is_resumed_bitwise(
    cli: Any,
    words: tuple[str, ...],
    straight: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
    epoch: int,
    step: int,
) -> None:
    run, train_step = tmp_path / "run", Trainer.train_step

    def signalled(self: Trainer, *place: int) -> Any:
        if place == (epoch, step):
            signal.raise_signal(number)
        return train_step(self, *place)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", signalled)
        done = cli(*words, "-o", run)
    assert done.exit_code == code, done.stderr
    assert f"stopped in epoch {epoch} after step {step + 1}, state saved in" in done.stderr
    done = cli(*words, "-o", run, "--resume")
    assert done.exit_code == 0, done.stderr
    assert f"going on in epoch {epoch} at step {step + 1}" in done.stderr
    check_equal(run, straight)


class Killed(BaseException):
    """Stands for kill -9: nothing of ours handles it."""


@pytest.mark.parametrize("place", ["save_model", "save_training", "append_row"])
def test_a_kill_between_the_files_of_an_epoch_is_resumed_bitwise(
    cli: Any,
    words: tuple[str, ...],
    straight: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    """The second epoch's best, rows or last checkpoint are never written."""
    from cellenhance.engine import checkpoints
    from cellenhance.runs import folder as run_folder

    room: Any = run_folder if place == "append_row" else checkpoints
    write, run, calls = getattr(room, place), tmp_path / "run", []

    def killed(*args: Any) -> None:
        calls.append(args)
        # Rows are appended to metrics.csv and timing.csv: the 4th is the second of epoch 2.
        if len(calls) == (4 if place == "append_row" else 2):
            raise Killed
        write(*args)

    with monkeypatch.context() as patch:
        patch.setattr(room, place, killed)
        with pytest.raises(Killed):
            cli(*words, "-o", run)
    done = cli(*words, "-o", run, "--resume")
    assert done.exit_code == 0, done.stderr
    check_equal(run, straight)


@pytest.mark.parametrize(
    "averaging",
    [
        ("averaging.name=ema", "averaging.decay=0.9"),
        ("averaging.name=swa", "averaging.last_epochs=2"),
    ],
    ids=["ema", "swa"],
)
def test_momentum_and_averaged_weights_are_resumed_bitwise(
    cli: Any,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    averaging: tuple[str, ...],
) -> None:
    """SGD with momentum; killed within the last epoch, when the average is in the making."""
    sgd = ("optimizer.name=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true")
    more = [word for key in (*sgd, *averaging) for word in ("--set", f"recipe.{key}")]
    straight, run, train_step = tmp_path / "straight", tmp_path / "run", Trainer.train_step
    assert cli(*words, *more, "-o", straight).exit_code == 0

    def stopped(self: Trainer, *place: int) -> Any:
        if place == (3, 1):
            signal.raise_signal(signal.SIGTERM)
        return train_step(self, *place)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", stopped)
        assert cli(*words, *more, "-o", run).exit_code == 143
    done = cli(*words, *more, "-o", run, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "going on in epoch 3 at step 2" in done.stderr
    check_equal(run, straight)
    names = {key.partition(".")[0] for key in load_file(run / "checkpoints" / "last.safetensors")}
    assert names == {"model", "optimizer", "average"}


def test_a_row_cut_short_is_written_again(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run, train_step = tmp_path / "run", Trainer.train_step

    def killed(self: Trainer, *place: int) -> Any:
        if place == (2, 1):
            raise Killed
        return train_step(self, *place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", killed)
        with pytest.raises(Killed):
            cli(*words, "-o", run)
    with (run / "metrics.csv").open("a") as file:
        file.write("2,0.001,1.2")
    assert cli(*words, "-o", run, "--resume").exit_code == 0
    check_equal(run, straight)


def test_without_a_checkpoint_it_starts_over_and_says_so(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.yaml").write_bytes((straight / "run.yaml").read_bytes())
    done = cli(*words, "-o", run, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "has no checkpoint yet: starting over" in done.stderr
    check_equal(run, straight)


def test_a_finished_run_says_so_and_stays(cli: Any, words: tuple[str, ...], straight: Path) -> None:
    files = sorted(path for path in straight.rglob("*") if path.is_file())
    before = [path.read_bytes() for path in files]
    done = cli(*words, "-o", straight, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "is finished already (all 3 epochs done)" in done.stderr
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--seed", "9"), "seed: 0, now 9"),
        (("--set", "recipe.learning_rate=0.5"), "recipe.learning_rate: 0.001, now 0.5"),
        (("--set", "settings.dropout=0.1"), "model.settings.dropout: 0.5, now 0.1"),
        (("--precision", "bf16"), "precision: fp32, now bf16"),
    ],
)
def test_another_setting_is_refused_by_name(
    cli: Any, words: tuple[str, ...], straight: Path, more: tuple[str, ...], message: str
) -> None:
    done = cli(*words, "-o", straight, "--resume", *more)
    assert done.exit_code == 3
    assert message in done.stderr
    assert "repeat the first command with --resume" in done.stderr


def test_a_changed_split_is_refused(
    cli: Any, words: tuple[str, ...], straight: Path, tiny_dataset: Path
) -> None:
    path = tiny_dataset / "splits" / "default.csv"
    before = path.read_text()
    try:
        path.write_text(before.replace(",val\n", ",train\n", 1))
        done = cli(*words, "-o", straight, "--resume")
    finally:
        path.write_text(before)
    assert done.exit_code == 3
    assert "the dataset or its split has changed" in done.stderr


def test_a_damaged_last_checkpoint_is_named(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "run.yaml").write_bytes((straight / "run.yaml").read_bytes())
    whole = (straight / "checkpoints" / "last.safetensors").read_bytes()
    (run / "checkpoints" / "last.safetensors").write_bytes(whole[:5000])
    done = cli(*words, "-o", run, "--resume")
    assert done.exit_code == 3
    assert "last.safetensors: is damaged" in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
@pytest.mark.parametrize("command", ["benchmark", "all folds"])
def test_a_signal_in_the_last_validation_of_a_run_stops_the_other_runs_too(
    cli: Any,
    tiny_dataset: Path,
    tiny_training: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
    command: str,
) -> None:
    name, more = ("benchmark", ()) if command == "benchmark" else ("train", ("--fold", "all"))
    options = ("-m", "light-unet", "--split", "folds", "--epochs", 1, *more, *tiny_training)
    validate = Trainer._validate

    def signalled(self: Trainer) -> Any:
        signal.raise_signal(number)
        return validate(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_validate", signalled)
        done = cli(name, tiny_dataset, "-o", tmp_path / "runs", *options)
    assert done.exit_code == code, done.stderr
    # The run that was under way is complete; the one after it was not begun.
    [record] = (tmp_path / "runs").rglob("run.yaml")
    assert (record.parent / "checkpoints" / "best.safetensors").is_file()
    assert load_state(record.parent / "checkpoints" / "last.safetensors").finished


@pytest.fixture
def stopped(
    cli: Any, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> tuple[Path, tuple[str, ...]]:
    """A copy of the dataset, and the command of a run on it that was stopped in epoch 2."""
    dataset, train_step = tmp_path / "dataset", Trainer.train_step
    shutil.copytree(tiny_dataset, dataset)
    words = (
        *("train", str(dataset), "-m", "light-unet", "-o", str(tmp_path / "run")),
        *("--epochs", "2", *tiny_training),
    )

    def signalled(self: Trainer, *place: int) -> Any:
        if place == (2, 1):
            signal.raise_signal(signal.SIGINT)
        return train_step(self, *place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", signalled)
        assert cli(*words).exit_code == 130
    return dataset, words


def invert_image(dataset: Path, sample: str) -> None:
    path = dataset / "images" / f"{sample}.tif"
    tifffile.imwrite(path, 65535 - tifffile.imread(path))


def empty_mask(dataset: Path, sample: str) -> None:
    path = dataset / "masks" / f"{sample}.tif"
    tifffile.imwrite(path, np.zeros_like(tifffile.imread(path)))


def swap_names(dataset: Path, _sample: str) -> None:
    path = dataset / "dataset.yaml"
    text = path.read_text().replace("membrane", "?").replace("nucleus", "membrane")
    path.write_text(text.replace("?", "nucleus"))


def move_to_test(dataset: Path, sample: str) -> None:
    path = dataset / "splits" / "default.csv"
    path.write_text(path.read_text().replace(f"{sample},1,train", f"{sample},1,test"))


def forget_hashes(dataset: Path, sample: str) -> None:
    """As a run of an earlier version is, whose image has changed."""
    (dataset.parent / "run" / "samples.csv").unlink()
    invert_image(dataset, sample)


def training_sample(dataset: Path) -> str:
    lines = (dataset / "splits" / "default.csv").read_text().splitlines()
    return next(line.split(",")[0] for line in lines if line.endswith(",train"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (invert_image, "other image of {0}"),
        (empty_mask, "other mask of {0}"),
        (swap_names, "classes cytoplasm, membrane, nucleus, now cytoplasm, nucleus, membrane"),
        (move_to_test, "no longer in the training part: {0}"),
        (forget_hashes, "other image of {0}"),
    ],
)
def test_changed_data_are_refused_by_name_unless_accepted(
    cli: Any, stopped: tuple[Path, tuple[str, ...]], change: Any, message: str
) -> None:
    dataset, words = stopped
    run, sample = Path(words[words.index("-o") + 1]), training_sample(dataset)
    change(dataset, sample)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    refused = cli(*words, "--resume")
    assert refused.exit_code == 3
    assert f"has changed since the run began ({message.format(sample)})" in refused.stderr
    assert "--accept-changed-data" in refused.stderr
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before

    accepted = cli(*words, "--resume", "--accept-changed-data")
    assert accepted.exit_code == 0, accepted.stderr
    assert f"warning: going on with data that have changed since the run began: {message}".format(
        sample
    ) in " ".join(accepted.stderr.split())
    record, old = (
        yaml.safe_load(each) for each in ((run / "run.yaml").read_text(), before[run / "run.yaml"])
    )
    assert record["accepted_changes"] == [f"epoch 2, step 2: {message.format(sample)}"]
    assert record["normalization"] == old["normalization"]
    # The data are those of the run now.
    again = cli(*words, "--resume")
    assert again.exit_code == 0, again.stderr
    assert "is finished already" in again.stderr


def test_a_dataset_that_was_moved_is_the_same(
    cli: Any, stopped: tuple[Path, tuple[str, ...]], tmp_path: Path
) -> None:
    dataset, words = stopped
    moved = dataset.rename(tmp_path / "elsewhere")
    done = cli("train", moved, *words[2:], "--resume")
    assert done.exit_code == 0, done.stderr
    record = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert record["dataset"] == str(moved)
    assert record["accepted_changes"] == []


def test_changed_data_are_accepted_for_a_run_that_goes_on_alone(
    cli: Any, words: tuple[str, ...], tmp_path: Path
) -> None:
    done = cli(*words, "-o", tmp_path / "run", "--accept-changed-data")
    assert done.exit_code == 2
    assert "--accept-changed-data goes with --resume" in done.stderr
    assert list(tmp_path.iterdir()) == []


def rates(run: Path) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row["learning_rate"]) for row in csv.DictReader(file)]


def continued(words: tuple[str, ...], epochs: int) -> tuple[str, ...]:
    """The command of a finished run with more epochs."""
    at = words.index("--epochs") + 1
    return (*words[:at], str(epochs), *words[at + 1 :], "--resume")


def test_a_finished_run_goes_on_with_more_epochs_and_a_new_cosine(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    """5 steps an epoch: the last step of an epoch of two is 4/10 or 9/10 through the cosine."""
    run = tmp_path / "run"
    shutil.copytree(straight, run)
    done = cli(*continued(words, EPOCHS + 2), "-o", run)
    assert done.exit_code == 0, done.stderr
    assert (
        "going on in epoch 4 at step 0; a new cosine schedule runs from a rate of 0.001 over the "
        "epochs 4 to 5"
    ) in " ".join(done.stderr.split())
    assert "5 epochs, all 5 epochs done" in done.stderr
    new = [5e-4 * (1 + math.cos(math.pi * done)) for done in (0.4, 0.9)]
    assert rates(run)[:EPOCHS] == rates(straight)
    assert rates(run)[EPOCHS:] == pytest.approx(new, rel=1e-12)
    record = yaml.safe_load((run / "run.yaml").read_text())
    assert record["settings"]["recipe"]["epochs"] == 5
    assert record["continued"] == [{"first_epoch": 4, "learning_rate": 0.001}]


def test_a_continuation_starts_from_the_rate_that_is_given_and_can_be_resumed_bitwise(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    through, stopped_run, train_step = tmp_path / "through", tmp_path / "run", Trainer.train_step
    command = (*continued(words, EPOCHS + 2), "--set", "recipe.learning_rate=0.0002")
    for run in (through, stopped_run):
        shutil.copytree(straight, run)
    assert cli(*command, "-o", through).exit_code == 0

    def signalled(self: Trainer, *place: int) -> Any:
        if place == (4, 2):
            signal.raise_signal(signal.SIGINT)
        return train_step(self, *place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", signalled)
        assert cli(*command, "-o", stopped_run).exit_code == 130
    done = cli(*command, "-o", stopped_run)
    assert done.exit_code == 0, done.stderr
    assert rates(through)[EPOCHS] == pytest.approx(1e-4 * (1 + math.cos(0.4 * math.pi)))
    for name in ("best", "last"):
        one, other = (
            load_file(run / "checkpoints" / f"{name}.safetensors") for run in (through, stopped_run)
        )
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert rates(through) == rates(stopped_run)


def test_a_continuation_that_was_killed_before_its_first_checkpoint_begins_again(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(straight, run)

    def killed(_self: Trainer, *_place: int) -> Any:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "fit", killed)
        with pytest.raises(Killed):
            cli(*continued(words, EPOCHS + 1), "-o", run)
    done = cli(*continued(words, EPOCHS + 1), "-o", run)
    assert done.exit_code == 0, done.stderr
    assert "4 epochs, all 4 epochs done" in done.stderr
    assert len(yaml.safe_load((run / "run.yaml").read_text())["continued"]) == 1


def test_the_first_command_of_a_continued_run_finds_it_finished(
    cli: Any, words: tuple[str, ...], straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(straight, run)
    assert cli(*continued(words, EPOCHS + 1), "-o", run).exit_code == 0
    done = cli(*words, "-o", run, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "is finished already (all 4 epochs done)" in done.stderr


def test_more_epochs_are_for_finished_runs_alone(
    cli: Any, stopped: tuple[Path, tuple[str, ...]]
) -> None:
    _, words = stopped
    done = cli(*continued(words, 9))
    assert done.exit_code == 3
    assert "recipe.epochs: 2, now 9" in done.stderr
