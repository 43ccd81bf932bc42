"""Folded batch normalisation: the same function with fewer layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cellenhance.catalog import load_catalog
from cellenhance.engine.checkpoints import fold_batch_norm
from cellenhance.networks.blocks import InputConv2d, SegmentationNetwork
from cellenhance.networks.registry import build_network


def make_network(name: str) -> SegmentationNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build_network(load_catalog().resolve(name), 1, 2).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.get_buffer("running_mean"), 0, 0.2)
                nn.init.uniform_(module.get_buffer("running_var"), 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
    return network


@pytest.mark.parametrize("name", ["light-unet", "unet", "aep"])
def test_a_folded_network_computes_the_same(name: str) -> None:
    network = make_network(name)
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    image = torch.rand(2, 1, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        one, two = network(image), folded(image)
    torch.testing.assert_close(two.logits, one.logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(two.features, one.features, rtol=1e-5, atol=1e-5)


def test_the_original_keeps_its_weights_and_layers() -> None:
    network = make_network("light-unet")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fold_batch_norm(network)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_first_convolutions_stay_in_float32() -> None:
    folded = fold_batch_norm(make_network("aep"))
    assert sum(isinstance(module, InputConv2d) for module in folded.modules()) == 2


def test_a_network_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="only a network in eval mode"):
        fold_batch_norm(make_network("light-unet").train())
