"""The fine U-Net: its cost, and that its maps carry no lattice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.metrics.lattice import lattice_peak
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.complexity import count_flops
from cellenhance.networks.registry import build_network

CATALOG = load_catalog()
NOISE_PEAK = 30
"""Above the largest of 39 exponential ratios but once in ten million."""


def build(name: str, seed: int = 0) -> SegmentationNetwork:
    torch.manual_seed(seed)
    return build_network(CATALOG.resolve(name), 1, 2)


def lattice_of_maps(network: SegmentationNetwork) -> float:
    """The mean lattice of the penultimate maps of noise, batch normalisation in training mode."""
    noise = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps = network.train()(noise).features[0].numpy()
    return float(np.mean([lattice_peak(each) for each in maps if each.std() > 0]))


def test_transposed_convolutions_leave_a_lattice_and_bilinear_resizing_none() -> None:
    assert lattice_of_maps(build("light-unet")) > 3 * NOISE_PEAK
    assert lattice_of_maps(build("fine-unet")) < NOISE_PEAK


def test_it_costs_no_more_than_the_light_unet() -> None:
    assert count_flops(build("fine-unet")) <= count_flops(build("light-unet"))


def test_the_finest_detail_reaches_the_result() -> None:
    # A chequered pattern of single pixels vanishes in a strided encoder's skips at H/2 and below
    # unless convolutions carry it; here the skip at full resolution does so directly.
    network = build("fine-unet").eval()
    with torch.no_grad():
        for module in (network.up_b, network.up_a, network.up_1):
            for parameter in module.parameters():  # type: ignore[union-attr]
                parameter.zero_()
        image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(1))
        changed = image.clone()
        changed[0, 0, 8, 8] += 0.5
        difference = (network(changed).features - network(image).features).abs().amax(dim=1)[0]
    touched = torch.nonzero(difference)
    assert touched.amin(dim=0).tolist() == [6, 6]  # two 3 x 3 convolutions: 5 x 5 pixels
    assert touched.amax(dim=0).tolist() == [10, 10]


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_the_width_scales_every_map_but_the_penultimate(width: float) -> None:
    network = build_network(CATALOG.resolve("fine-unet", {"settings": {"width": width}}), 1, 2)
    with torch.no_grad():
        output = network.eval()(torch.rand(1, 1, 8, 16))
    assert output.features.shape == (1, 16, 8, 16)
    assert network.state_dict()["conv_d.0.weight"].shape[:2] == (128 * width, 128 * width)
