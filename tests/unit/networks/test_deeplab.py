"""DeepLabv3+: counts of all forms, resolutions, image pooling, and what the fusions join."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from cellenhance.networks.deeplab import (
    DeepLab,
    DeepLabSettings,
    FusingDecoder,
    PooledBatchNorm2d,
    Pyramid,
)
from cellenhance.networks.resnet import ResNetMaps


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("fusion", "pyramid_step", "features_step"),
    [("none", 16, 4), ("cat", 8, 1), ("add", 8, 1), ("cat_no_stem", 8, 2)],
)
def test_maps_have_the_published_resolutions(
    fusion: str, pyramid_step: int, features_step: int
) -> None:
    with torch.device("meta"):
        network = DeepLab(1, 2, DeepLabSettings(fusion=fusion)).eval()
        pyramids: list[torch.Tensor] = []
        network.pyramid.register_forward_hook(lambda *call: pyramids.append(call[-1]))
        output = network(torch.empty(1, 1, 64, 96))
    assert tuple(pyramids[0].shape) == (1, 256, 64 // pyramid_step, 96 // pyramid_step)
    assert tuple(output.features.shape) == (1, 256, 64 // features_step, 96 // features_step)
    assert tuple(output.logits.shape) == (1, 2, 64, 96)


def test_the_pyramid_hands_the_mean_of_the_whole_image_to_every_pixel() -> None:
    pyramid = Pyramid(4, dropout=0.0).eval()
    with torch.no_grad():
        for part in pyramid.parts:
            part.get_parameter("0.weight").zero_()
    x = noise(1, 4, 8, 60)
    farther = x.clone()
    farther[..., -1] += 1  # 42 pixels or more to the right of what is looked at
    with torch.no_grad():
        change = (pyramid(farther) - pyramid(x))[..., :18]
    assert float(change.abs().max()) > 1e-6
    torch.testing.assert_close(change, change[:, :, :1, :1].expand_as(change))


def test_a_lone_image_can_be_trained_on() -> None:
    network = DeepLab(1, 2, DeepLabSettings()).train()
    output = network(noise(1, 1, 32, 32))
    output.logits.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_pooled_normalisation_is_the_plain_one_for_more_than_one_image() -> None:
    plain: Any = nn.BatchNorm2d(3).train()
    pooled: Any = PooledBatchNorm2d(3).train()
    x = noise(4, 3, 1, 1)
    assert torch.equal(plain(x), pooled(x))
    assert torch.equal(plain.running_var, pooled.running_var)
    before = pooled.running_mean.clone()
    expected = (x[:1] - pooled.running_mean.view(1, 3, 1, 1)) / (
        pooled.running_var.view(1, 3, 1, 1) + pooled.eps
    ).sqrt()
    torch.testing.assert_close(pooled(x[:1]), expected)
    assert torch.equal(pooled.running_mean, before)


@pytest.mark.parametrize("fusion", ["cat", "add", "cat_no_stem"])
def test_every_joined_map_reaches_the_decoders_result(fusion: Any) -> None:
    decoder = FusingDecoder((256, 512, 1024, 2048), fusion).eval()
    low = [
        noise(1, 64, 32, 32).requires_grad_(),
        noise(1, 256, 16, 16).requires_grad_(),
        noise(1, 512, 8, 8).requires_grad_(),
        noise(1, 1024, 4, 4).requires_grad_(),
    ]
    unused = torch.zeros(1, 2048, 4, 4)
    maps = ResNetMaps(stem=low[0], layers=(low[1], low[2], low[3], unused))
    joined = decoder(noise(1, 256, 4, 4), maps)
    side = 16 if fusion == "cat_no_stem" else 32
    assert tuple(joined.shape) == (1, decoder.width, side, side)
    gradients = torch.autograd.grad(joined.sum(), low, allow_unused=True)
    reached = [g is not None and float(g.abs().sum()) > 0 for g in gradients]
    assert reached == [fusion != "cat_no_stem", True, True, True]
