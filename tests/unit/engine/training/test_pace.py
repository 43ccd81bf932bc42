"""How long a run takes by a clock that tests turn, and schedules that are fitted to a time."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.engine import checkpoints
from cellenhance.engine.training import pace
from cellenhance.engine.training.pace import ImageShapes, Pace, fit_to_time, measure_pace
from cellenhance.engine.training.schedules import compute_factor
from cellenhance.engine.training.settings import RecipeSettings, resolve_recipe
from cellenhance.engine.training.trainer import Trainer
from tests.unit.engine.training.test_trainer import make_trainer


def recipe(**changes: Any) -> RecipeSettings:
    return resolve_recipe(load_catalog(), "cellenhance", {"epochs": 50, **changes})


def measured(
    monkeypatch: pytest.MonkeyPatch, step_s: list[float], validation_s: float, **arguments: Any
) -> tuple[Pace, int]:
    """The pace of a run of 4 epochs of 3 steps whose steps take so long; and the steps it timed."""
    now, steps = [0.0], list(step_s)
    train_step = Trainer.train_step

    def stepped(self: Trainer, *place: int) -> Any:
        now[0] += steps.pop(0)
        return train_step(self, *place)

    def evaluated(*_: object) -> None:
        now[0] += validation_s

    monkeypatch.setattr(Trainer, "train_step", stepped)

    def saved(*_: object) -> None:
        now[0] += 0.25

    monkeypatch.setattr(pace, "evaluate", evaluated)
    for name in ("save_model", "save_training"):
        monkeypatch.setattr(checkpoints, name, saved)
    trainer = make_trainer(crop_px=32, batch_size=2)
    before = copy.deepcopy(trainer.network.state_dict())
    shapes = ImageShapes(((32, 32),) * 5, ((32, 32), (64, 32)))
    found = measure_pace(trainer.network, trainer.plan, shapes, clock=lambda: now[0], **arguments)
    after = trainer.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    return found, len(step_s) - len(steps)


def test_the_first_step_warms_up_and_three_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    found, n_timed = measured(monkeypatch, [90, 10, 11, 12], 4.0)
    assert n_timed == 4
    assert found.step_s == 11
    # The larger of two images was timed, 2048 px; together they have 3072 px. Two files are saved.
    assert found.epoch_end_s == 4.0 * 3072 / 2048 + 0.5
    assert found.seconds(4, 3) == 4 * (3 * 11 + 6.5)


def test_a_short_run_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 steps of 2 s, and validation as a third of a step of 2 x 32^2 px by pixels: 28 s."""
    found, n_timed = measured(monkeypatch, [2.0], 99.0)
    assert n_timed == 1
    assert found.step_s == 2
    assert found.epoch_end_s == pytest.approx(2 / 3 * 3072 / 2048)


def test_what_counts_as_short_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, [2.0, 1, 1, 1], 1.0, short_s=20)[1] == 4


@pytest.mark.parametrize(
    ("limit_s", "epochs", "steps"),
    [
        (10_000, 50, None),  # all 50 epochs of 24 s fit
        (1_200, 45, None),  # 0.9 x 1200 / 24
        (27, 1, None),
        (26, 1, 9),  # 23.4 s: no epoch of 10 steps and a validation of 4 s, but 9 steps
        (7, 1, 1),
        (0, 1, 1),
    ],
)
def test_epochs_are_chosen_with_a_tenth_in_reserve(
    limit_s: float, epochs: int, steps: int | None
) -> None:
    found = fit_to_time(recipe(), Pace(step_s=2, epoch_end_s=4), 10, limit_s)
    assert (found.epochs, found.steps_per_epoch) == (epochs, steps)


def test_the_cosine_of_a_shorter_run_still_ends_at_the_end() -> None:
    found = fit_to_time(recipe(), Pace(2, 4), 10, 270)
    assert found.epochs == 10
    last = compute_factor(found.schedule, 10, 9, 10, found.epochs)
    assert last == pytest.approx((1 + math.cos(math.pi * 99 / 100)) / 2)


@pytest.mark.parametrize(
    ("schedule", "fitted"),
    [
        ({"name": "step", "factor": 0.1, "at_epochs": [30, 45]}, {"at_epochs": (6, 9)}),
        ({"name": "step", "factor": 0.1, "every_epochs": 20}, {"every_epochs": 4}),
        (
            {"name": "exponential", "rate": 0.02, "after_epochs": 10},
            {"rate": 0.02 / 0.2, "after_epochs": 2},
        ),
    ],
)
def test_steps_of_a_schedule_come_at_the_same_share_of_the_run(
    schedule: dict[str, Any], fitted: dict[str, Any]
) -> None:
    [found] = fit_to_time(recipe(schedule=schedule), Pace(2, 4), 10, 270).schedule
    assert {name: getattr(found, name) for name in fitted} == fitted


def test_averaging_the_last_epochs_costs_another_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    swa = {"name": "swa", "last_epochs": 2}
    monkeypatch.setattr(pace, "_TIMED_STEPS", 1)
    trainer = make_trainer(crop_px=32, batch_size=2, averaging=swa)
    ticks = iter([0, 100, 100, 112, 112, 112])
    found = measure_pace(
        trainer.network, trainer.plan, ImageShapes(((32, 32),) * 5, ()), clock=lambda: next(ticks)
    )
    assert found.step_s == 16
