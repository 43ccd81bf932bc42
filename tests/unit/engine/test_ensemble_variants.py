"""Mixing the branches of one trained AEP network in other ways, counted in the same pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.dataset.samples import Sample
from cellenhance.data.normalize import Normalization
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import evaluate_samples, variant_names
from cellenhance.engine.inference import Predictor
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import ModelHeader
from cellenhance.runs.stored_confusion import FIXED_WEIGHTS

CPU = choose_compute("cpu", "fp32")
UNIT = Normalization(method="unit", low=(0.0,), high=(255.0,))
CLASSES = tuple(SegmentationClass(index=i, name="abc"[i], color="#000000") for i in range(3))


def make_model(name: str, **settings: Any) -> LoadedModel:
    entry = load_catalog().resolve(name, {"settings": settings})
    torch.manual_seed(4)
    network = build_network(entry, 1, 3).eval()
    for module in network.modules():  # as drawn, a network says one class everywhere
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.get_buffer("running_mean"), 0, 0.2)
            torch.nn.init.uniform_(module.get_buffer("running_var"), 0.02, 0.1)
    header = ModelHeader(entry=entry, in_channels=1, classes=CLASSES, normalization=UNIT)
    return LoadedModel(network, header, Path("x.safetensors"))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    rng = np.random.default_rng(2)
    return [
        Sample(
            name,
            rng.integers(0, 256, (40, 56, 1), dtype=np.uint8),
            rng.integers(0, 3, (40, 56), dtype=np.uint8),
        )
        for name in ("one", "two")
    ]


@pytest.mark.parametrize("tile_px", [None, 32])
def test_fixed_weights_are_what_a_network_of_fixed_weights_does(
    samples: list[Sample], tile_px: int | None
) -> None:
    learned = make_model("aep")
    learned.network.get_parameter("ensemble.weight").data = torch.tensor([1.0, -1.0, 0.5, -0.5])
    fixed = make_model("aep", ensemble="fixed")
    fixed.network.load_state_dict(learned.network.state_dict(), strict=False)
    expected = evaluate_samples(Predictor([fixed], CPU), samples)
    predictor = Predictor([learned], CPU, tile=tile_px)
    for found, each in zip(
        evaluate_samples(predictor, samples, variants=True), expected, strict=True
    ):
        assert found.outputs[FIXED_WEIGHTS].tolist() == each.matrix.tolist()
        assert found.matrix.tolist() != each.matrix.tolist()


def test_one_pass_gives_every_branch_the_result_and_the_variants(samples: list[Sample]) -> None:
    model = make_model("aep")
    predictor = Predictor([model], CPU)
    [first, _] = evaluate_samples(predictor, samples, variants=True, probabilities=True)
    branches = ["network 1", "branch 1", "branch 2", "branch 3"]
    assert list(first.outputs) == [*branches, "ensemble", "fixed weights"]
    assert first.outputs["ensemble"].tolist() == first.matrix.tolist()
    whole = predictor.predict(samples[0].image)
    assert np.array_equal(first.mask, whole.mask)
    assert first.probabilities is not None
    assert np.array_equal(first.probabilities, whole.probabilities)
    single = make_model("aep", ensemble="none", final_branch=2)
    kept = {k: v for k, v in model.network.state_dict().items() if not k.startswith("ensemble")}
    single.network.load_state_dict(kept)
    [second, _] = evaluate_samples(Predictor([single], CPU), samples)
    assert first.outputs["branch 2"].tolist() == second.matrix.tolist()


def test_only_a_network_that_mixes_otherwise_has_variants(samples: list[Sample]) -> None:
    assert variant_names(make_model("light-unet").network) == ()
    assert variant_names(make_model("aep", ensemble="fixed").network) == ()
    assert variant_names(make_model("aep", ensemble="none", final_branch=1).network) != ()
    two = [make_model("aep"), replace(make_model("aep"), path=Path("y.safetensors"))]
    [first, _] = evaluate_samples(Predictor(two, CPU), samples, variants=True)
    assert first.outputs == {}
