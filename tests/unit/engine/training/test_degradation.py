"""Training degrades by the code of datasets: images only, keyed draws, noise after geometry."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.dataset.samples import Sample, SampleStore
from cellenhance.data.degrade.physics import degrade_image
from cellenhance.data.normalize import Normalization
from cellenhance.engine import seeding
from cellenhance.engine.device import choose_compute
from cellenhance.engine.training.batches import Crop, TrainingImages
from cellenhance.engine.training.degradation import DegradationSettings, TrainingDegrader
from cellenhance.engine.training.records import FitPlan, TrainingData
from cellenhance.engine.training.settings import RecipeSettings, resolve_recipe
from cellenhance.engine.training.trainer import Trainer
from cellenhance.errors import SettingsError
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader, TrainingState

LIMITS = Normalization(method="dataset", low=(100.0,), high=(4100.0,))


def half_bright(side: int = 256) -> Sample:
    """Counts 1100 on the left, 100 (no light) on the right."""
    image = np.full((side, side, 1), 100, np.uint16)
    image[:, : side // 2] = 1100
    return Sample("a", image, (image[..., 0] > 500).astype(np.uint8))


def degrader_of(sample: Sample, **settings: Any) -> tuple[TrainingDegrader, TrainingImages]:
    images = TrainingImages([sample], LIMITS, SampleStore(2**40))
    chosen = DegradationSettings.model_validate({"probability": 1, **settings})
    return TrainingDegrader(chosen, images, LIMITS), images


def as_tensor(images: TrainingImages) -> torch.Tensor:
    return torch.from_numpy(images.images[0]).permute(2, 0, 1)[None]


def test_shot_noise_of_a_crop_is_that_of_the_counts() -> None:
    """20 photons at 1000 counts above dark: variance 20 photons^2, 50 counts each."""
    degrader, images = degrader_of(half_bright(), photons=20)
    degrade = degrader.at([Crop(0, 0, 0, 256, 256)], 0, 1, 0)
    done = degrade(as_tensor(images))[0, 0].double() * 4000 + 100
    assert np.unique(done[:, 128:].numpy()) == pytest.approx(100)
    assert float(done[:, :128].mean()) == pytest.approx(1100, rel=0.01)
    assert float(done[:, :128].var()) == pytest.approx(20 * 50**2, rel=0.04)


def test_it_is_the_code_of_datasets_between_undone_and_done_normalisation() -> None:
    sample = half_bright(64)
    degrader, images = degrader_of(
        sample, photons="5..50", blur_px="0.5..1", vignetting=0.3, background=0.1, read_noise_e=2
    )
    [parameters] = degrader.draw([0], np.random.default_rng(4))
    assert parameters is not None
    assert parameters.bright_adu == pytest.approx((1100,))
    expected = LIMITS.apply(degrade_image(sample.image.astype(np.float64), parameters))
    done = degrader.apply([parameters], as_tensor(images))[0].permute(1, 2, 0)
    np.testing.assert_allclose(done, expected, atol=2e-4)  # counts came from float32


def test_a_dark_crop_gets_the_photon_number_of_its_image() -> None:
    """The right half holds nothing bright, but a tenth of the light at 1100 - 100."""
    sample = half_bright(64)
    sample.image[:, 32:] = 200
    degrader, images = degrader_of(sample, photons=100)
    crop = as_tensor(images)[..., 32:]
    done = degrader.at([Crop(0, 0, 32, 64, 32)], 0, 1, 0)(crop).double() * 4000 + 100
    assert float(done.mean()) == pytest.approx(200, rel=0.02)
    assert float(done.var()) == pytest.approx(10 * 10**2, rel=0.1)


def test_a_share_of_the_crops_is_degraded_and_the_others_are_untouched() -> None:
    degrader, images = degrader_of(half_bright(32), photons=3, probability=0.25)
    draws = degrader.draw([0] * 2000, np.random.default_rng(0))
    assert sum(each is not None for each in draws) == pytest.approx(500, rel=0.12)
    image = as_tensor(images).expand(3, -1, -1, -1)
    found = degrader.apply([None, next(filter(None, draws)), None], image)
    assert torch.equal(found[0], image[0])
    assert torch.equal(found[2], image[0])
    assert not torch.equal(found[1], image[0])


CHANGES = {"crop_px": 32, "epochs": 2, "batch_size": 2}
LOSSES = {"photons": [3, 30], "blur_px": [0, 1], "probability": 0.5}


def make_trainer(folder: Path, *, losing: bool = True) -> Trainer:
    """The light U-Net on 4 images of 48 px with every change of the recipe."""
    catalog = load_catalog()
    entry = catalog.resolve("light-unet")
    rng = np.random.default_rng(0)
    samples = [
        Sample(
            str(i),
            rng.integers(100, 4000, (48, 48, 1)).astype(np.uint16),
            rng.integers(0, 2, (48, 48)).astype(np.uint8),
        )
        for i in range(4)
    ]
    classes = tuple(SegmentationClass(index=i, name="ab"[i], color="#000000") for i in range(2))
    changes: dict[str, Any] = {**CHANGES}
    if losing:
        changes["augmentation"] = {"degradation": LOSSES}
    with seeding.seeded(0, "initialisation"):
        network = build_network(entry, 1, 2)
    plan = FitPlan(
        recipe=resolve_recipe(catalog, "cellenhance", changes),
        seed=0,
        compute=choose_compute("cpu", "fp32"),
        header=ModelHeader(entry=entry, in_channels=1, classes=classes, normalization=LIMITS),
        best_path=folder / "best.safetensors",
        last_path=folder / "last.safetensors",
        class_pixels=(1, 1),
    )
    return Trainer(
        network, TrainingData(TrainingImages(samples, LIMITS, SampleStore(2**40)), []), plan
    )


def test_a_batch_depends_on_its_key_alone_and_masks_never_change(tmp_path: Path) -> None:
    trainer, plain = make_trainer(tmp_path), make_trainer(tmp_path, losing=False)
    first = {key: trainer._batch(*key) for key in ((1, 0), (1, 1), (2, 0))}
    again = make_trainer(tmp_path)
    for key in reversed(first):
        for found, expected in zip(again._batch(*key), first[key], strict=True):
            assert torch.equal(found, expected)
        assert torch.equal(plain._batch(*key)[1], first[key][1])
    pairs = itertools.combinations([image for image, _ in first.values()], 2)
    assert not any(torch.equal(a, b) for a, b in pairs)
    assert any(not torch.equal(plain._batch(*key)[0], first[key][0]) for key in first)


def test_noise_comes_after_affine_changes_and_is_not_smoothed(tmp_path: Path) -> None:
    """Neighbours are as independent as photons are; interpolated noise would correlate."""
    catalog = load_catalog()
    flat = Sample("a", np.full((64, 64, 1), 2100, np.uint16), np.zeros((64, 64), np.uint8))
    images = TrainingImages([flat], LIMITS, SampleStore(2**40))
    augmentation = {
        "affine": {"rotation_deg": 30},
        "intensity": None,
        "degradation": {"photons": 100, "probability": 1},
    }
    trainer = make_trainer(tmp_path)
    recipe = resolve_recipe(
        catalog, "cellenhance", {"crop_px": 64, "batch_size": 8, "augmentation": augmentation}
    )
    plan = FitPlan(
        **{
            name: getattr(trainer.plan, name)
            for name in ("seed", "compute", "header", "best_path", "last_path", "class_pixels")
        },
        recipe=recipe,
    )
    image, _ = Trainer(trainer.network, TrainingData(images, []), plan)._batch(1, 0)
    noise = image[:, 0] - image[:, 0].mean(dim=(1, 2), keepdim=True)
    beside = float((noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.square().mean())
    assert abs(beside) < 0.02
    assert float(noise.std()) == pytest.approx(0.5 / 10, rel=0.03)


def test_a_stopped_training_goes_on_to_bitwise_the_same_weights(tmp_path: Path) -> None:
    straight = make_trainer(tmp_path / "a")
    straight.fit(TrainingState(), lambda _: None, lambda: None)
    calls = itertools.count()
    stopped = make_trainer(tmp_path / "b")
    stopped.fit(TrainingState(), lambda _: None, lambda: 2 if next(calls) == 3 else None)
    resumed = make_trainer(tmp_path / "b")
    state = resumed.resume()
    assert 0 < state.step < resumed.n_steps
    resumed.fit(state, lambda _: None, lambda: None)
    expected = straight.network.state_dict()
    for name, tensor in resumed.network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augmentation": {"degradation": {"probability": 0.5}}}, "nothing is lost"),
        ({"augmentation": {"degradation": {"blur_um": 1}}}, "training knows pixels alone"),
        ({"augmentation": {"degradation": {"fraction": 0.1}}}, "give gain_adu and offset_adu"),
        ({"augmentation": {"degradation": {"fotons": 3}}}, "did you mean 'photons'"),
        (
            {"augmentation": {"degradation": {"photons": 3}}, "preprocessing": "clahe"},
            "preprocessing has filtered them",
        ),
        (
            {"augmentation": {"degradation": {"photons": 3}}, "normalization": "per-image"},
            "per-image limits",
        ),
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        resolve_recipe(load_catalog(), "cellenhance", changes)


def test_a_recipe_comes_back_from_its_record() -> None:
    changes = {"augmentation": {"degradation": {"photons": "3..30", "blur_px": 1}}}
    recipe = resolve_recipe(load_catalog(), "cellenhance", changes)
    assert RecipeSettings.model_validate(recipe.model_dump(mode="json")) == recipe
