"""AEP over any network, and the controls it is compared with."""

from typing import Any

import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.networks.aep import adapt_features
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.complexity import count_flops, count_parameters, summarise_layers
from cellenhance.networks.registry import build_network

CATALOG = load_catalog()


def build(name: str) -> SegmentationNetwork:
    torch.manual_seed(0)
    return build_network(CATALOG.resolve(name), 1, 2).eval()


def test_filters_have_the_size_of_the_image_and_are_not_negative() -> None:
    image = torch.rand(1, 1, 8, 8)
    maps = torch.tensor([[[[-1.0, 2.0], [2.0, -1.0]]]])
    filters = adapt_features(maps, image)
    assert filters.shape == (1, 1, 8, 8)
    # Half-pixel centres: the corners show the maps themselves, clipped at 0.
    assert (filters[0, 0, 0, 0], filters[0, 0, 0, 7]) == (0, 2)
    assert filters.min() == 0


def test_maps_that_fit_already_are_only_clipped() -> None:
    image, maps = torch.rand(2, 3, 8, 8), torch.randn(2, 4, 8, 8)
    assert torch.equal(adapt_features(maps, image), maps.clamp(min=0))


def test_muted_every_translation_is_sigma_of_the_image() -> None:
    network, image = build("aep-muted"), torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        output = network(image)
    assert output.filters.abs().sum() == 0
    for k in range(2):
        torch.testing.assert_close(output.translations[:, k], torch.sigmoid(image))
    torch.testing.assert_close(output.branch_logits[1], output.branch_logits[2])


def test_the_pair_sees_the_image_itself_twice() -> None:
    network: Any = build("unet-pair")
    image = torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        output = network(image)
        second = network.segmenter(image).logits
    assert network.branch_names == ("network 1", "branch 1")
    torch.testing.assert_close(output.branch_logits[1], second)
    torch.testing.assert_close(output.logits, (output.branch_logits[0] + second) / 2)


def test_the_wide_network_costs_what_aep_costs() -> None:
    wide, aep = build("light-unet-wide"), build("aep")
    assert count_parameters(wide) == pytest.approx(count_parameters(aep), rel=0.02)
    assert count_flops(wide) == pytest.approx(count_flops(aep), rel=0.02)


def test_the_wide_fine_network_costs_what_aep_fine_costs() -> None:
    wide, aep = build("fine-unet-wide"), build("aep-fine")
    assert count_flops(wide) == pytest.approx(count_flops(aep), rel=0.02)


@pytest.mark.parametrize("name", ["aep-unet", "aep-attention-unet", "aep-unetpp"])
def test_aep_over_another_network_is_twice_it_and_four_weights(name: str) -> None:
    with torch.device("meta"):
        pair = build_network(CATALOG.resolve(name), 1, 2)
        single = build_network(CATALOG.resolve(name.removeprefix("aep-")), 1, 2)
    assert count_parameters(pair) == 2 * count_parameters(single) + 4


def test_the_layer_summary_adds_up_and_lists_network_2_once() -> None:
    network = build("aep")
    layers = summarise_layers(network)
    assert len({layer.name for layer in layers}) == len(layers)
    assert sum(layer.n_parameters for layer in layers) == count_parameters(network)
    first = layers[0]
    assert (first.name, first.kind) == ("translator.conv1.0", "InputConv2d")
    assert (first.output_shape, first.n_parameters) == ((1, 32, 256, 256), 320)
