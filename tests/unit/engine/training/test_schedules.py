"""Step sizes over a run: each schedule by hand, products, every refusal."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cellenhance.engine.training.schedules import Schedules, compute_factor

N_STEPS, N_EPOCHS = 4, 12


def factors(value: Any, step: int = 0) -> list[float]:
    schedules = TypeAdapter(Schedules).validate_python(value)
    return [
        compute_factor(schedules, epoch, step, N_STEPS, N_EPOCHS)
        for epoch in range(1, N_EPOCHS + 1)
    ]


def test_constant_is_1() -> None:
    assert factors("constant") == [1] * N_EPOCHS


@pytest.mark.parametrize("step", [0, 3])
def test_cosine_and_poly_fall_over_all_steps(step: int) -> None:
    done = [(4 * epoch + step) / 48 for epoch in range(12)]
    assert factors("cosine", step) == pytest.approx([(1 + math.cos(math.pi * d)) / 2 for d in done])
    assert factors("poly", step) == pytest.approx([(1 - d) ** 0.9 for d in done])
    squared = factors({"name": "poly", "power": 2}, step)
    assert squared == pytest.approx([(1 - d) ** 2 for d in done])


def test_steps_come_every_so_many_epochs_or_at_some() -> None:
    every = factors({"name": "step", "factor": 0.1, "every_epochs": 5}, step=3)
    assert every == pytest.approx([1] * 5 + [0.1] * 5 + [0.01] * 2)
    at = factors({"name": "step", "factor": 0.5, "at_epochs": [2, 9]})
    assert at == pytest.approx([1] * 2 + [0.5] * 7 + [0.25] * 3)


def test_exponential_begins_after_some_epochs() -> None:
    found = factors({"name": "exponential", "rate": 0.05, "after_epochs": 10})
    assert found == pytest.approx([1] * 10 + [math.exp(-0.05), math.exp(-0.1)])
    assert factors({"name": "exponential", "rate": 1})[:2] == pytest.approx(
        [math.exp(-1), math.exp(-2)]
    )


def test_several_are_multiplied() -> None:
    """The published EM schedule: 5e-4 for two epochs, then 1e-4, from the 11th on e^-0.05 each."""
    both = factors(
        [
            {"name": "step", "factor": 0.2, "at_epochs": [2]},
            {"name": "exponential", "rate": 0.05, "after_epochs": 10},
        ]
    )
    rates = [5e-4 * factor for factor in both]
    expected = [5e-4] * 2 + [1e-4] * 8 + [1e-4 * math.exp(-0.05), 1e-4 * math.exp(-0.1)]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("cosin", "Input should be 'constant', 'cosine'"),
        ({"name": "cosine", "power": 2}, "power belongs to poly, the schedule is cosine"),
        ({"name": "poly", "rate": 2}, "rate belongs to exponential"),
        ({"name": "step", "factor": 0.1}, "either every_epochs or at_epochs"),
        ({"name": "step", "every_epochs": 2}, "step needs factor"),
        (
            {"name": "step", "factor": 0.1, "every_epochs": 2, "at_epochs": [1]},
            "either every_epochs or at_epochs",
        ),
        ({"name": "exponential"}, "exponential needs rate"),
        ([], "at least 1 item"),
    ],
)
def test_what_does_not_fit_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Schedules).validate_python(value)
    assert message in str(caught.value)


def test_a_schedule_is_read_back_as_it_was_recorded() -> None:
    adapter = TypeAdapter(Schedules)
    for value in ("cosine", {"name": "step", "factor": 0.1, "at_epochs": [2]}):
        schedules = adapter.validate_python(value)
        assert adapter.validate_python(adapter.dump_python(schedules, mode="json")) == schedules
