"""SegNet: VGG16's names and counts, unpooling to the places of the maxima, the fusion."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from cellenhance.networks.blocks import InputConv2d
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.segnet import SegNet, SegNetSettings
from cellenhance.networks.vgg import VGG16


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("batch_norm", "last", "expected"), [(False, 28, 14_714_688), (True, 40, 14_723_136)]
)
def test_the_trunk_is_torchvisions_vgg16(batch_norm: bool, last: int, expected: int) -> None:
    with torch.device("meta"):
        trunk = VGG16(3, batch_norm=batch_norm)
    assert count_parameters(trunk) == expected
    state = trunk.state_dict()
    assert tuple(state["features.0.weight"].shape) == (64, 3, 3, 3)
    assert tuple(state[f"features.{last}.weight"].shape) == (512, 512, 3, 3)
    assert isinstance(trunk.features[0], InputConv2d)


def test_indices_lead_every_maximum_back_to_its_place() -> None:
    network = VGG16(1, batch_norm=True).eval()
    with torch.no_grad():
        stages = network(noise(1, 1, 64, 96))
    for number, stage in enumerate(stages):
        height, width = 64 >> number, 96 >> number
        assert tuple(stage.maps.shape[-2:]) == (height, width)
        restored = functional.max_unpool2d(stage.pooled, stage.indices, [2, 2])
        kept = restored != 0
        assert torch.equal(restored[kept], stage.maps[kept])
        # By hand: each 2 x 2 window keeps at most one value, and it is the window's largest.
        windows = restored.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
        originals = stage.maps.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
        assert int((windows != 0).sum(-1).max()) == 1
        assert torch.equal(windows.sum(-1), originals.max(-1).values)


def test_the_fusion_hands_the_encoders_maps_to_every_decoder_stage() -> None:
    network = SegNet(1, 2, SegNetSettings(fusion="cat")).eval()
    image = noise(1, 1, 64, 64)
    seen: list[torch.Tensor] = []
    for block in network.decoder:
        block.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(image)
        stages = network.encoder(image)
    assert len(seen) == 5
    for joined, stage in zip(seen, reversed(stages), strict=True):
        width = stage.maps.shape[1]
        assert joined.shape[1] == 2 * width
        assert torch.equal(joined[:, width:], stage.maps)


@pytest.mark.parametrize("stage", range(5))
def test_the_fused_maps_reach_the_result(stage: int) -> None:
    network = SegNet(1, 2, SegNetSettings(fusion="cat")).eval()
    image = noise(1, 1, 64, 64)
    with torch.no_grad():
        before = network(image).logits
        decoder: Any = network.decoder
        convolution = decoder[stage][0][0]
        convolution.weight[:, convolution.in_channels // 2 :] = 0
        after = network(image).logits
    assert float((after - before).abs().max()) > 1e-6
