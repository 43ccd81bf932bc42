"""Optimisers and gradients by hand; every refusal."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from cellenhance.engine.training.optimizers import (
    OptimizerSettings,
    build_optimizer,
    prepare_gradients,
)
from cellenhance.errors import SettingsError
from cellenhance.settings import validate_settings


def settings(**values: Any) -> OptimizerSettings:
    return validate_settings(OptimizerSettings, values, where="recipe")


def parameters(*values: list[float]) -> list[nn.Parameter]:
    return [nn.Parameter(torch.tensor(each, dtype=torch.float64)) for each in values]


def step(parameter: nn.Parameter, optimizer: torch.optim.Optimizer, gradient: float) -> float:
    parameter.grad = torch.tensor([gradient], dtype=torch.float64)
    optimizer.step()
    return float(parameter.detach())


def test_plain_gradient_descent_with_weight_decay() -> None:
    [w] = parameters([2.0])
    optimizer = build_optimizer([w], settings(name="sgd", weight_decay=0.1), 0.5)
    assert step(w, optimizer, 1.0) == pytest.approx(2 - 0.5 * (1 + 0.1 * 2))


def test_momentum_and_nesterov_by_hand() -> None:
    for nesterov in (False, True):
        [w] = parameters([0.0])
        more = {"momentum": 0.9, "nesterov": nesterov}
        optimizer = build_optimizer([w], settings(name="sgd", **more), 0.1)
        expected, velocity = 0.0, 0.0
        for gradient in (1.0, 2.0, -1.0):
            velocity = 0.9 * velocity + gradient
            expected -= 0.1 * (gradient + 0.9 * velocity if nesterov else velocity)
            assert step(w, optimizer, gradient) == pytest.approx(expected)


def test_adam_is_the_default_and_takes_weight_decay() -> None:
    [w] = parameters([2.0])
    optimizer = build_optimizer([w], settings(weight_decay=0.1), 1e-3)
    assert isinstance(optimizer, torch.optim.Adam)
    # The gradient -0.1 is turned round by the decay of 0.1 x 2.
    assert step(w, optimizer, -0.1) == pytest.approx(2 - 1e-3, abs=1e-9)


def test_each_gradient_is_divided_by_its_own_norm_and_zero_stays() -> None:
    tensors = parameters([3.0, 4.0], [0.0, 0.0], [1e-3, 0.0], [1.0])
    for each in tensors[:3]:
        each.grad = each.detach().clone()
    prepare_gradients(tensors, settings(normalize_gradients=True))
    found = [each.grad.tolist() for each in tensors[:3] if each.grad is not None]
    assert found == [pytest.approx([0.6, 0.8]), [0, 0], pytest.approx([1, 0])]
    assert tensors[3].grad is None


@pytest.mark.parametrize(("limit", "scale"), [(6.5, 0.5), (13.0, 1.0), (20.0, 1.0)])
def test_gradients_are_clipped_by_their_common_norm(limit: float, scale: float) -> None:
    tensors = parameters([3.0, 4.0], [12.0])
    for each in tensors:
        each.grad = each.detach().clone()
    prepare_gradients(tensors, settings(clip_norm=limit))
    assert [each.grad.tolist() for each in tensors if each.grad is not None] == [
        pytest.approx([3 * scale, 4 * scale], rel=1e-5),
        pytest.approx([12 * scale], rel=1e-5),
    ]


def test_by_default_gradients_stay_as_they_are() -> None:
    [w] = parameters([3.0, 4.0])
    w.grad = w.detach().clone()
    prepare_gradients([w], settings())
    assert w.grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"momentum": 0.9}, "momentum and nesterov belong to sgd"),
        ({"name": "sgd", "nesterov": True}, "nesterov needs a momentum"),
        ({"name": "sgd", "momentum": 1}, "less than 1"),
        ({"normalize_gradients": True, "clip_norm": 1}, "leave out clip_norm"),
        ({"clip_norm": 0}, "greater than 0"),
        ({"name": "adamw"}, "'adam' or 'sgd'"),
        ({"momentun": 0.9}, "did you mean 'momentum'?"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    assert message in str(caught.value)
