"""``cellenhance pretrain``: a file of start weights, the plan, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import RunCli

SMALL = ("--set", "crop_px=32", "--set", "batch_size=2", "--device", "cpu")


def test_training_starts_from_what_pretrain_wrote(
    cli: RunCli, tiny_dataset: Path, tiny_training: tuple[str, ...], tmp_path: Path
) -> None:
    start = tmp_path / "start.safetensors"
    made = cli("pretrain", "world", tiny_dataset, "-o", start, "--steps", 2, *SMALL, "--json")
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["steps"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["start.safetensors", "start.yaml"]
    run = tmp_path / "run"
    words = ("-m", "aep-fine", "-o", run, "--epochs", 1, *tiny_training, "--init", start)
    trained = cli("train", tiny_dataset, *words, "-v")
    assert trained.exit_code == 0, trained.stderr
    # Two of the ensemble, and both heads: their classes are others than the regions.
    assert "6 start at random" in trained.stderr


def test_the_plan_says_how_long_and_writes_nothing(cli: RunCli, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    done = cli("pretrain", "world", "-o", start, *SMALL, "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 3000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("sources", "name", "rest", "message", "code"),
    [
        (["world"], "start.pt", [], "ends in .safetensors", 2),
        (["nowhere"], "start.safetensors", [], "there is no such file or folder", 3),
        (["world"], "start.safetensors", ["--set", "photon=3"], "photons", 2),
        (["world"] * 3, "start.safetensors", [], "batch_size=3", 2),
    ],
)
def test_what_cannot_be_done_is_one_line(
    cli: RunCli,
    tmp_path: Path,
    sources: list[str],
    name: str,
    rest: list[str],
    message: str,
    code: int,
) -> None:
    done = cli("pretrain", *sources, "-o", tmp_path / name, *SMALL, *rest)
    assert done.exit_code == code
    assert message in done.stderr
    assert not list(tmp_path.iterdir())
