"""The training loop's draws, step size and step, without a run folder."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.dataset.samples import Sample, SampleStore
from cellenhance.data.normalize import Normalization
from cellenhance.engine import seeding
from cellenhance.engine.checkpoints import load_model
from cellenhance.engine.device import choose_compute
from cellenhance.engine.training.batches import TrainingImages
from cellenhance.engine.training.records import FitPlan, TrainingData
from cellenhance.engine.training.settings import resolve_recipe
from cellenhance.engine.training.trainer import Trainer
from cellenhance.errors import SettingsError
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader, TrainingState

N_IMAGES = 5


def make_trainer(recipe: str = "cellenhance", **changes: Any) -> Trainer:
    """A trainer of the light U-Net on 5 images of 32 px, each of one grey level of its own."""
    catalog = load_catalog()
    entry = catalog.resolve("light-unet")
    normalization = Normalization(method="unit", low=(0.0,), high=(255.0,))
    samples = [
        Sample(str(i), np.full((32, 32, 1), 10 * i, np.uint8), np.full((32, 32), i % 2, np.uint8))
        for i in range(N_IMAGES)
    ]
    classes = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
    with seeding.seeded(0, "initialisation"):
        network = build_network(entry, 1, 2)
    values = {"epochs": 4, "batch_size": 2} | changes
    plan = FitPlan(
        recipe=resolve_recipe(catalog, recipe, values),
        seed=0,
        compute=choose_compute("cpu", "fp32"),
        header=ModelHeader(
            entry=entry, in_channels=1, classes=classes, normalization=normalization
        ),
        best_path=Path("best.safetensors"),
        last_path=Path("last.safetensors"),
        class_pixels=(3 * 32**2, 2 * 32**2),
    )
    images = TrainingImages(samples, normalization, SampleStore(2**40))
    return Trainer(network, TrainingData(images, []), plan)


def test_cosine_falls_from_the_full_step_size_over_all_steps() -> None:
    trainer = make_trainer(crop_px=32)
    assert trainer.n_steps == 3  # ceil(5 x 32^2 / (2 x 32^2))
    rates = [trainer.learning_rate(epoch, step) for epoch in range(1, 5) for step in range(3)]
    expected = [1e-3 * (1 + math.cos(math.pi * done / 12)) / 2 for done in range(12)]
    assert rates == pytest.approx(expected, rel=1e-12)
    assert trainer.learning_rate(3, 0) == pytest.approx(5e-4)


def test_the_published_schedule_is_constant_adam() -> None:
    trainer = make_trainer("aep-code")
    assert {trainer.learning_rate(epoch, 1) for epoch in range(1, 5)} == {1e-3}
    [group] = trainer.optimizer.param_groups
    assert isinstance(trainer.optimizer, torch.optim.Adam)
    assert (group["betas"], group["weight_decay"]) == ((0.9, 0.999), 0)


def test_an_epoch_of_whole_images_takes_each_once_the_last_partial_batch_too() -> None:
    trainer = make_trainer("aep-code")
    assert trainer.n_steps == 3
    orders = []
    for epoch in (1, 2):
        batches = [trainer._draw(epoch, step) for step in range(3)]
        assert [len(batch) for batch in batches] == [2, 2, 1]
        orders.append([crop.index for batch in batches for crop in batch])
        assert sorted(orders[-1]) == list(range(N_IMAGES))
    assert orders[0] != orders[1]


def test_every_step_draws_crops_of_its_own() -> None:
    trainer = make_trainer(crop_px=16, batch_size=8)
    draws = [tuple(trainer._draw(epoch, step)) for epoch in (1, 2) for step in (0, 1)]
    assert len(set(draws)) == 4
    assert tuple(trainer._draw(2, 0)) == draws[2]


def test_every_step_is_augmented_and_dropped_by_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys: list[tuple[Any, ...]] = []
    derive = seeding.derive_seed

    def remember_and_derive(*key: Any) -> int:
        keys.append(key)
        return derive(*key)

    monkeypatch.setattr(seeding, "derive_seed", remember_and_derive)
    trainer = make_trainer(crop_px=16)
    keys.clear()
    trainer.network.train()
    trainer.train_step(2, 1)
    assert set(keys) == {(0, 2, 1, purpose) for purpose in ("crops", "augmentation", "dropout")}


def test_a_step_is_the_one_of_adam_by_hand() -> None:
    """The first step of Adam moves every weight by the step size against its gradient's sign."""
    trainer = make_trainer("aep-code", batch_size=5)
    before = {name: p.detach().clone() for name, p in trainer.network.named_parameters()}
    trainer.network.train()
    losses, n_images = trainer.train_step(1, 0)
    assert n_images == 5
    assert list(losses) == ["total"]
    for name, parameter in trainer.network.named_parameters():
        gradient, moved = parameter.grad, parameter.detach() - before[name]
        assert gradient is not None
        clear = gradient.abs() > 1e-4
        expected = -1e-3 * gradient[clear].sign()
        torch.testing.assert_close(moved[clear], expected, rtol=0, atol=1e-6)


def test_the_loss_falls_on_what_can_be_learned() -> None:
    """Ten steps on the same five images."""
    trainer = make_trainer("aep-code", batch_size=5)
    trainer.network.train()
    losses = [float(trainer.train_step(epoch, 0)[0]["total"]) for epoch in range(1, 11)]
    assert losses[-1] < 0.8 * losses[0]


SGD = {"name": "sgd", "momentum": 0.9, "nesterov": True}


def test_a_step_of_sgd_with_normalised_gradients_has_the_length_of_the_step_size() -> None:
    """The first nesterov step is 1 + momentum times the gradient, which has norm 1."""
    trainer = make_trainer("aep-code", batch_size=5, optimizer={**SGD, "normalize_gradients": True})
    before = [p.detach().clone() for p in trainer.network.parameters()]
    trainer.network.train()
    trainer.train_step(1, 0)
    for old, new in zip(before, trainer.network.parameters(), strict=True):
        assert float((new.detach() - old).norm()) == pytest.approx(1.9e-3, rel=1e-3)


def test_swa_validates_and_keeps_the_mean_with_statistics_of_its_own(tmp_path: Path) -> None:
    trainer = make_trainer(
        crop_px=16, batch_size=8, epochs=3, averaging={"name": "swa", "last_epochs": 2}
    )
    trainer.plan = dataclasses.replace(
        trainer.plan, best_path=tmp_path / "best.safetensors", last_path=tmp_path / "last.st"
    )
    ends: list[dict[str, torch.Tensor]] = []
    save = trainer.save_last

    def remember(state: TrainingState) -> None:
        ends.append({k: v.clone() for k, v in trainer.network.state_dict().items()})
        save(state)

    trainer.save_last = remember  # type: ignore[method-assign]
    trainer.fit(TrainingState(), lambda _: None, lambda: None)
    kept = load_model(tmp_path / "best.safetensors").network.state_dict()
    for name, parameter in trainer.network.named_parameters():
        torch.testing.assert_close(kept[name], (ends[-2][name] + ends[-1][name]) / 2)
        assert torch.equal(parameter, ends[-1][name])
    statistics = [name for name in kept if name.endswith("running_mean")]
    assert statistics
    assert all(not torch.equal(kept[name], ends[-1][name]) for name in statistics)
    counts = {int(kept[name]) for name in kept if name.endswith("num_batches_tracked")}
    assert counts == {trainer.n_steps}


def test_ema_keeps_the_moving_mean(tmp_path: Path) -> None:
    trainer = make_trainer(crop_px=16, batch_size=8, epochs=1, averaging={"name": "ema"})
    trainer.plan = dataclasses.replace(
        trainer.plan, best_path=tmp_path / "best.safetensors", last_path=tmp_path / "last.st"
    )
    trainer.fit(TrainingState(), lambda _: None, lambda: None)
    assert trainer.average is not None
    kept = load_model(tmp_path / "best.safetensors").network.state_dict()
    for name, tensor in trainer.average.tensors.items():
        assert torch.equal(kept[name], tensor)
    names = [name for name, _ in trainer.network.named_parameters()]
    trained = trainer.network.state_dict()
    assert any(not torch.equal(kept[name], trained[name]) for name in names)


def test_swa_and_patience_contradict_each_other() -> None:
    with pytest.raises(SettingsError, match="leave out patience"):
        make_trainer(averaging={"name": "swa", "last_epochs": 2}, patience=3)
