"""Attention U-Net: parameters of the usual form, gates against their formula by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from cellenhance.catalog import load_catalog
from cellenhance.networks.attention_unet import (
    AttentionUNet,
    CommonGate,
    OpenGate,
    OriginalGate,
)
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network


def build(name: str, channels: int = 1, classes: int = 2) -> AttentionUNet:
    network = build_network(load_catalog().resolve(name), channels, classes)
    assert isinstance(network, AttentionUNet)
    return network


@pytest.mark.parametrize(
    ("channels", "classes", "expected"),
    [(1, 1, 34_877_421), (1, 2, 34_877_486), (1, 3, 34_877_551), (3, 1, 34_878_573)],
)
def test_parameters_are_the_published_ones(channels: int, classes: int, expected: int) -> None:
    with torch.device("meta"):
        network = build("attention-unet", channels, classes)
    assert count_parameters(network) == expected


def test_the_common_gate_is_its_formula() -> None:
    """W_x = (1, 2), W_g = (3, -1), psi = 0.5 with bias -1; normalisations divide by sqrt(1.00001).

    skip (1, 1), g (1, 2): 3 + 1 = 4, q = 0.5 * 4 - 1 = 1; skip (-1, -1), g (0, 0): ReLU(-3) = 0,
    q = -1.
    """
    gate: Any = CommonGate(2, 1).eval()
    with torch.no_grad():
        for part, weights in ((gate.of_skip, [1.0, 2.0]), (gate.of_signal, [3.0, -1.0])):
            part[0].weight.copy_(torch.tensor(weights).view(1, 2, 1, 1))
            part[0].bias.zero_()
        gate.psi[0].weight.fill_(0.5)
        gate.psi[0].bias.fill_(-1)
    skip = torch.tensor([[1.0, -1.0], [1.0, -1.0]]).view(1, 2, 1, 2)
    signal = torch.tensor([[1.0, 0.0], [2.0, 0.0]]).view(1, 2, 1, 2)
    with torch.no_grad():
        alpha = gate.attention(skip, signal)
        gated = gate(skip, upsampled=signal, coarser=signal)
    expected = torch.tensor([1 / (1 + math.exp(-1)), 1 / (1 + math.exp(1))]).view(1, 1, 1, 2)
    torch.testing.assert_close(alpha, expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(gated, skip * expected, rtol=1e-4, atol=0)


def test_the_original_gate_works_at_half_the_resolution() -> None:
    """W_x adds up each 2 x 2 block, W_g is 0, psi = 1: alpha = sigmoid(block sum), resized.

    Blocks of 0 and of 1: q = 0 and 4; between their centres bilinear mixes 3 : 1 and 1 : 3.
    """
    gate: Any = OriginalGate(1, 1).eval()
    with torch.no_grad():
        gate.of_skip.weight.fill_(1)
        gate.of_signal.weight.zero_()
        gate.of_signal.bias.zero_()
        gate.psi.weight.fill_(1)
        gate.psi.bias.zero_()
        gate.out[0].weight.fill_(2)
        gate.out[0].bias.fill_(1)
    skip = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 2, 4)
    coarser = torch.rand(1, 2, 1, 2, generator=torch.Generator().manual_seed(1))
    low, high = 0.5, 1 / (1 + math.exp(-4))
    row = torch.tensor([low, 0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high, high])
    with torch.no_grad():
        alpha = gate.attention(skip, coarser)
        gated = gate(skip, upsampled=skip, coarser=coarser)
    torch.testing.assert_close(alpha, row.expand(1, 1, 2, 4), rtol=1e-5, atol=0)
    torch.testing.assert_close(gated, 2 * skip * row + 1, rtol=1e-4, atol=0)
    assert gate.of_skip.bias is None


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("attention-unet", [CommonGate] * 4),
        ("attention-unet-original", [OriginalGate] * 3 + [OpenGate]),
    ],
)
def test_each_form_has_its_gates(name: str, kinds: list[type[nn.Module]]) -> None:
    with torch.device("meta"):
        network = build(name)
    assert [type(gate) for gate in network.gates] == kinds


def test_closed_gates_leave_only_the_way_through_the_bottom() -> None:
    """With alpha = 0 the skips cannot matter: noise added to them changes nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = build("attention-unet").eval()
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(1))

    def change_skip(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        return (inputs[0] + 1,)

    def with_psi_bias(bias: float) -> tuple[torch.Tensor, torch.Tensor]:
        for gate in network.gates:
            nn.init.constant_(gate.psi[1].bias, bias)  # type: ignore[index,union-attr]
        plain = network(image).logits
        hooks = [gate.register_forward_pre_hook(change_skip) for gate in network.gates]
        changed = network(image).logits
        for hook in hooks:
            hook.remove()
        return plain, changed

    with torch.no_grad():
        closed, closed_changed = with_psi_bias(-200)
        opened, opened_changed = with_psi_bias(200)
    assert torch.equal(closed, closed_changed)
    assert not torch.allclose(opened, opened_changed, atol=1e-3)


def test_original_supervision_maps_are_the_penultimate_maps() -> None:
    network = build("attention-unet-original", classes=3).eval()
    image = torch.rand(1, 1, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = network(image)
        again = network.classifier(output.features)
    assert output.features.shape == (1, 12, 32, 48)
    assert [head.in_channels for head in network.side_heads] == [512, 256, 128, 64]
    torch.testing.assert_close(output.logits, again, rtol=1e-5, atol=1e-6)
