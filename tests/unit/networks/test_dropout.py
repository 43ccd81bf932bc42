"""Dropout from cheap random bits: its rate, its scale, its replay, its memory layouts."""

from __future__ import annotations

import pytest
import torch

from cellenhance.engine import seeding
from cellenhance.networks.blocks import Dropout

SHAPE = (4, 16, 32, 32)


def drop(x: torch.Tensor, probability: float = 0.5, seed: int = 0) -> torch.Tensor:
    with seeding.seeded(seed, "dropout"):
        return Dropout(probability).train()(x)


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.75])
def test_the_drop_rate_is_the_probability_on_a_grid_of_256(probability: float) -> None:
    dropped = float((drop(torch.ones(SHAPE), probability) == 0).double().mean())
    exact = round(probability * 256) / 256
    sigma = (exact * (1 - exact) / torch.ones(SHAPE).numel()) ** 0.5
    assert abs(dropped - exact) < 5 * sigma


@pytest.mark.parametrize("probability", [0.25, 0.5, 0.75])
def test_what_is_kept_is_scaled_so_that_the_mean_stays(probability: float) -> None:
    kept = drop(torch.full(SHAPE, 3.0), probability)
    assert set(kept.unique().tolist()) == {0.0, 3.0 / (1 - probability)}


def test_a_probability_off_the_grid_scales_by_what_is_really_kept() -> None:
    kept = drop(torch.ones(SHAPE), 0.1)
    assert kept.max().item() == pytest.approx(256 / (256 - 26), rel=1e-6)


def test_the_same_seed_drops_the_same_elements() -> None:
    x = torch.ones(SHAPE)
    assert torch.equal(drop(x, seed=1), drop(x, seed=1))
    assert not torch.equal(drop(x, seed=1), drop(x, seed=2))


def test_neighbours_are_dropped_independently() -> None:
    dropped = (drop(torch.ones(SHAPE)) == 0).double().flatten()
    both = float((dropped[1:] * dropped[:-1]).mean())
    assert abs(both - 0.25) < 5 * (0.25 * 0.75 / dropped.numel()) ** 0.5


def test_channels_last_stays_channels_last_with_the_same_statistics() -> None:
    x = torch.ones(SHAPE).contiguous(memory_format=torch.channels_last)
    kept = drop(x)
    assert kept.is_contiguous(memory_format=torch.channels_last)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert abs(float(kept.mean()) - 1) < 0.05


def test_bfloat16_stays_bfloat16() -> None:
    assert drop(torch.ones(SHAPE, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_a_number_of_elements_that_fills_no_word_is_served() -> None:
    assert drop(torch.ones(1, 1, 3, 3)).shape == (1, 1, 3, 3)


def test_gradients_pass_where_values_passed() -> None:
    x = torch.ones(SHAPE, requires_grad=True)
    kept = drop(x)
    (gradient,) = torch.autograd.grad(kept.sum(), x)
    assert torch.equal(gradient, kept)


def test_in_evaluation_and_at_zero_nothing_changes() -> None:
    x = torch.ones(SHAPE)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x
