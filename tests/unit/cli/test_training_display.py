"""Lines of a run without a terminal, by a clock that the test turns."""

from __future__ import annotations

import pytest

from cellenhance.cli import console
from cellenhance.cli.training_display import training_display
from cellenhance.engine.training.records import EpochReport, StepReport


def step(epoch: int, step: int) -> StepReport:
    return StepReport(epoch, n_epochs=4, step=step, n_steps=10, loss=0.5)


def epoch(number: int) -> EpochReport:
    return EpochReport(number, 4, 0.001, {"total": 0.5}, None, False, 60.0, 0.0, 120)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(console, "note", lines.append)
    return lines


def test_every_epoch_says_what_is_left(said: list[str]) -> None:
    now = [0.0]
    with training_display("run", clock=lambda: now[0]) as report:
        for number in (1, 2, 3, 4):
            for each in range(1, 11):
                report(step(number, each))
            now[0] += 90
            report(epoch(number))
    assert [line.split("images/s  ")[1] for line in said] == [
        "2 min, about 4 min left",  # 90 s, 3 x 90 s = 4.5 min
        "3 min, about 3 min left",
        "4 min, about 2 min left",  # 270 s = 4.5 min, 90 s = 1.5 min
        "6 min",
    ]


def test_a_long_epoch_speaks_every_five_minutes(said: list[str]) -> None:
    now = [0.0]
    with training_display("run", clock=lambda: now[0]) as report:
        for each in range(1, 11):
            now[0] += 120
            report(step(1, each))
    assert said == [
        # 3 of 40 steps in 6 minutes: 37 are left, of 2 minutes each.
        "run: epoch 1/4, loss 0.5000, step 3/10, about 1 h 14 min left",
        "run: epoch 1/4, loss 0.5000, step 6/10, about 1 h 8 min left",
        "run: epoch 1/4, loss 0.5000, step 9/10, about 1 h 2 min left",
    ]


def test_a_resumed_run_counts_from_where_it_began(said: list[str]) -> None:
    now = [0.0]
    with training_display("run", clock=lambda: now[0]) as report:
        for each in (6, 7, 8, 9, 10):  # half an epoch in 5 minutes, a whole one is left
            now[0] += 60
            report(step(3, each))
    assert said == ["run: epoch 3/4, loss 0.5000, step 10/10, about 10 min left"]
