"""Never lost: after a kill or a signal, ``--resume`` ends with the weights of a straight run."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
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
