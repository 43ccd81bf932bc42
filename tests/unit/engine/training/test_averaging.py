"""Averaged weights: the moving mean, the mean of epochs, the statistics that go with them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from cellenhance.engine.training.averaging import (
    AveragingSettings,
    WeightAverage,
    collecting_statistics,
)
from cellenhance.errors import SettingsError
from cellenhance.settings import validate_settings


def settings(**values: Any) -> AveragingSettings:
    return validate_settings(AveragingSettings, values, where="recipe")


class Scalar(nn.Module):
    """One weight and one buffer that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def become(self, value: float) -> None:
        with torch.no_grad():
            self.weight.fill_(value)


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_ema_by_hand(decay: float) -> None:
    network, average = Scalar(), WeightAverage(settings(name="ema", decay=decay), 3)
    expected = 0.0
    for n_done, value in enumerate([4.0, 2.0, -1.0, 7.0], start=1):
        network.become(value)
        average.take_step(network, n_done)
        d = min(decay, (1 + n_done) / (10 + n_done))
        expected = value if n_done == 1 else d * expected + (1 - d) * value
        average.take_epoch(network, 1)  # changes nothing
        assert float(average.tensors["weight"]) == pytest.approx(expected)
    assert set(average.tensors) == {"weight"}
    assert not average.needs_statistics


@pytest.mark.parametrize(("n_epochs", "expected"), [(6, [None] * 4 + [5, 5.5]), (2, [1, 1.5])])
def test_swa_is_the_mean_of_the_last_epochs(n_epochs: int, expected: list[float | None]) -> None:
    network, average = Scalar(), WeightAverage(settings(name="swa", last_epochs=2), n_epochs)
    for epoch in range(1, n_epochs + 1):
        network.become(float(epoch))
        average.take_step(network, epoch)  # changes nothing
        average.take_epoch(network, epoch)
        found = average.tensors.get("weight")
        assert (None if found is None else float(found)) == expected[epoch - 1]
        assert average.needs_statistics == (found is not None)


def test_swa_of_a_continued_run_averages_the_added_epochs_alone() -> None:
    """Epochs 3 to 5 are added, the last two are averaged; the average of 1 and 2 is left behind."""
    network = Scalar()
    average = WeightAverage(settings(name="swa", last_epochs=2), n_epochs=5, first_epoch=3)
    average.load({"weight": torch.tensor([1.5])}, network, n_done=2)
    found = []
    for epoch in (3, 4, 5):
        network.become(float(epoch))
        average.take_epoch(network, epoch)
        found.append(average.tensors.get("weight"))
        found[-1] = None if found[-1] is None else found[-1].clone()
    assert found == [None, 4, 4.5]
    resumed = WeightAverage(settings(name="swa", last_epochs=2), n_epochs=5, first_epoch=3)
    resumed.load({"weight": torch.tensor([4.0])}, network, n_done=4)
    assert float(resumed.tensors["weight"]) == 4


def test_the_average_stands_in_and_goes_again() -> None:
    network, average = Scalar(), WeightAverage(settings(name="swa", last_epochs=2), 2)
    with average.shown_in(network):
        assert network.weight.item() == 0  # nothing to show yet
    for epoch in (1, 2):
        network.become(float(epoch))
        average.take_epoch(network, epoch)
    with average.shown_in(network):
        assert network.weight.item() == 1.5
        network.get_buffer("count").add_(1)
    assert network.weight.item() == 2
    assert int(network.get_buffer("count")) == 0


def test_statistics_are_the_plain_mean_over_the_batches() -> None:
    norm = nn.BatchNorm2d(2)
    network = nn.Sequential(norm, nn.Dropout(0.5)).eval()
    batches = [torch.randn(3, 2, 4, 4) + shift for shift in (0.0, 5.0, 1.0)]
    with collecting_statistics(network):
        assert norm.training
        for batch in batches:
            network(batch)
    means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(dim=0)
    variances = torch.stack([batch.var(dim=(0, 2, 3)) for batch in batches]).mean(dim=0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances)
    assert norm.momentum == 0.1
    assert not network.training


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "ema", "last_epochs": 2}, "last_epochs belongs to swa"),
        ({"name": "swa"}, "swa needs last_epochs"),
        ({"name": "swa", "last_epochs": 2, "decay": 0.9}, "takes no decay"),
        ({"name": "ema", "decay": 1}, "less than 1"),
        ({"name": "mean"}, "'ema' or 'swa'"),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    assert message in str(caught.value)
