"""Xception U-Net: published parameters, padding as in Keras, blocks by their formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from cellenhance.catalog import load_catalog
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.networks.xception import pool_same
from cellenhance.networks.xception_unet import DoublingDeconv, ResidualBlock, XceptionUNet


def build(channels: int, classes: int) -> XceptionUNet:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = build_network(load_catalog().resolve("xception-unet"), channels, classes)
    assert isinstance(network, XceptionUNet)
    return network


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = build(3, 3)
    trunk = count_parameters(network.encoder)
    assert trunk == 15_310_632
    assert count_parameters(network) - trunk == 23_059_411
    assert count_parameters(network) == 38_370_043
    statistics = [each for key, each in network.named_buffers() if "num_batches" not in key]
    assert 38_370_043 + sum(each.numel() for each in statistics) == 38_431_483


def test_taps_of_256_pixels_have_the_published_sizes() -> None:
    with torch.device("meta"):
        taps = build(3, 3).encoder(torch.empty(1, 3, 256, 256))
    assert [tuple(tap.shape[1:]) for tap in (taps.half, taps.quarter, taps.eighth)] == [
        (128, 125, 125),
        (256, 63, 63),
        (728, 32, 32),
    ]
    assert taps.sixteenth.shape == (1, 1024, 16, 16)


def test_every_normalisation_has_the_defaults_of_keras() -> None:
    with torch.device("meta"):
        norms = [each for each in build(1, 2).modules() if isinstance(each, nn.BatchNorm2d)]
    # stem 2, blocks 2 to 4 three each, blocks 5 to 12 three each, block 13 two; 12 residual blocks
    assert len(norms) == 2 + 9 + 24 + 2 + 12 * 4
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}


def test_the_four_taps_are_not_activated() -> None:
    with torch.no_grad():
        taps = build(1, 2).eval().encoder(torch.rand(1, 1, 64, 64))
    for tap in (taps.half, taps.quarter, taps.eighth, taps.sixteenth):
        assert float(tap.min()) < 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 1, 2, 3, 9], [5, 3, 9]),  # odd: windows of (-, 5, 1), (1, 2, 3), (3, 9, -)
        ([5, 1, 2, 3, 0, -4], [5, 3, 0]),  # even: (5, 1, 2), (2, 3, 0), (0, -4, -)
        ([-5, -1, -2, -8], [-1, -2]),  # padding never wins
    ],
)
def test_max_pooling_is_padded_as_in_keras(values: list[float], expected: list[float]) -> None:
    row = torch.tensor(values, dtype=torch.float32).expand(1, 1, len(values), -1)
    found = pool_same(row)
    assert found.shape == (1, 1, len(expected), len(expected))
    assert found[0, 0, 0].tolist() == expected


def test_the_deconvolution_writes_pixel_i_to_2i_and_the_two_after_it() -> None:
    """Keras's 'same': row (1, 10) with taps (1, 2, 3) gives (1, 2, 3 + 10, 20); 30 is cut off."""
    up = DoublingDeconv(1, 1)
    with torch.no_grad():
        up.weight.zero_()
        up.weight[0, 0, 0] = torch.tensor([1.0, 2.0, 3.0])
        up.bias.zero_()  # type: ignore[union-attr]
        found = up(torch.tensor([[[[1.0, 10.0]]]]))
    assert found.shape == (1, 1, 2, 4)
    assert found[0, 0].tolist() == [[1, 2, 13, 20], [0, 0, 0, 0]]


def test_the_residual_block_is_its_formula() -> None:
    """On one pixel a convolution is its centre tap; normalisations are told apart by their shift.

    s = 2 x + 1; u = LReLU(x) + 10; u = LReLU(-3 u + 20); u = 5 u + 30.
    x = 4: 9; 14; LReLU(-22) = -2.2; 19: 28. x = -20: -39; 8; LReLU(-4) = -0.4; 28: -11.
    """
    block: Any = ResidualBlock(1).eval()
    first, conv_a, norm_a, conv_b, norm_b = (block.convolutions[i] for i in (1, 2, 3, 5, 6))
    with torch.no_grad():
        for norm, scale, shift in (
            (block.shortcut, 2, 1),
            (first, 1, 10),
            (norm_a, 1, 20),
            (norm_b, 1, 30),
        ):
            norm.weight.fill_(scale * (1 + 1e-3) ** 0.5)  # undoes epsilon
            norm.bias.fill_(shift)
        for convolution, weight in ((conv_a, -3), (conv_b, 5)):
            convolution.weight.zero_()
            convolution.weight[0, 0, 1, 1] = weight
            convolution.bias.zero_()
        found = block(torch.tensor([4.0, -20.0]).view(2, 1, 1, 1))
    torch.testing.assert_close(found.flatten(), torch.tensor([28.0, -11.0]), rtol=1e-5, atol=1e-5)


def test_skips_are_padded_at_the_top_and_the_left() -> None:
    """The last decoder stage sees (deconvolution, skip): 3 rows and columns of zeros come first."""
    network = build(1, 2).eval()
    seen: list[torch.Tensor] = []
    network.decoder[3].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        network(image)
        tap = network.encoder(image).half
    skip = seen[0][:, 32:]
    assert skip.shape == (1, 128, 32, 32)
    assert not skip[..., :3, :].any()
    assert not skip[..., :3].any()
    torch.testing.assert_close(skip[..., 3:, 3:], functional.leaky_relu(tap, 0.1))
