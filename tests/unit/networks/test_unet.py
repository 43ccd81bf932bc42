"""The forms of the U-Net: parameters as published, what stands in each block."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from cellenhance.catalog import load_catalog
from cellenhance.networks.blocks import bilinear_up
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("unet", {}, 31_042_369),
        ("unet-nobn", {}, 31_030_593),
        ("unet-bilinear", {}, 28_953_409),
        ("unet-bilinear", {"norm": "none"}, 28_941_633),
    ],
)
def test_parameters_of_one_channel_and_one_class(
    name: str, changes: dict[str, Any], expected: int
) -> None:
    with torch.device("meta"):
        network = build_network(load_catalog().resolve(name, {"settings": changes}), 1, 1)
    assert count_parameters(network) == expected


@pytest.mark.parametrize(("name", "n_norms"), [("unet", 18), ("unet-nobn", 0)])
def test_each_double_convolution_is_normalised_twice_or_never(name: str, n_norms: int) -> None:
    with torch.device("meta"):
        network = build_network(load_catalog().resolve(name), 1, 2)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == n_norms
    assert sum(isinstance(module, nn.ReLU) for module in network.modules()) == 18


def test_without_normalisation_weights_keep_the_size_of_activations() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network: Any = build_network(load_catalog().resolve("unet-nobn"), 1, 2)
    bottom = network.encoder[4][1][0]  # 1024 -> 1024, 3 x 3: 9216 inputs of each output
    up = network.ups[0]  # 1024 -> 512, k2s2: one tap, 1024 inputs of each output
    assert float(bottom.weight.detach().std()) == pytest.approx(math.sqrt(2 / 9216), rel=0.01)
    assert float(up.weight.detach().std()) == pytest.approx(math.sqrt(2 / 1024), rel=0.01)
    assert not any(
        parameter.any() for key, parameter in network.named_parameters() if "bias" in key
    )


def test_the_bilinear_way_up_resizes_then_convolves() -> None:
    up = bilinear_up(4, 2)
    x = torch.rand(1, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    resized = functional.interpolate(x, size=(6, 10), mode="bilinear", align_corners=False)
    expected = functional.conv2d(resized, up[0].weight, up[0].bias)  # type: ignore[index]
    torch.testing.assert_close(up(x), expected, rtol=1e-5, atol=1e-6)
