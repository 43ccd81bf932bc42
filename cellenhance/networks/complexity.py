"""Parameters, floating-point operations and activation memory of a network, without running it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cellenhance.networks.blocks import SegmentationNetwork


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters (running statistics not counted)."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_flops(network: SegmentationNetwork, side: int = 256) -> int:
    """Return the floating-point operations (2 x multiply-adds) for one image of `side` pixels.

    Convolutions and matrix products are counted, as is usual; elementwise work is not.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    image = torch.empty(1, network.in_channels, side, side, device="meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        shadow(image)
    return int(counter.get_total_flops())


def activation_bytes_per_pixel(network: SegmentationNetwork) -> int:
    """Return the total bytes of all layers' float32 outputs, per input pixel.

    An upper estimate of what one image keeps alive in training; prediction needs less.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    side = 4 * network.stride * -(-network.min_size // network.stride)
    total = 0

    def add(_module: nn.Module, _inputs: tuple[Tensor, ...], output: object) -> None:
        nonlocal total
        if isinstance(output, Tensor):
            total += output.numel() * 4

    handles = [
        module.register_forward_hook(add) for module in shadow.modules() if not [*module.children()]
    ]
    with torch.no_grad():
        shadow(torch.empty(1, network.in_channels, side, side, device="meta"))
    for handle in handles:
        handle.remove()
    return -(-total // side**2)


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer that has parameters, as it is reached first: its output's shape and parameters."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    n_parameters: int


def summarise_layers(network: SegmentationNetwork, side: int = 256) -> list[LayerSummary]:
    """Return the layers with parameters in the order they compute, for one image of `side` px.

    A layer that computes several times (AEP's network 2) is listed once.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    rows: dict[str, LayerSummary] = {}
    handles = []
    for name, module in shadow.named_modules():
        if not [*module.children()] and count_parameters(module):

            def add(module: nn.Module, _inputs: object, output: object, name: str = name) -> None:
                shape = tuple(output.shape) if isinstance(output, Tensor) else ()
                kind = type(module).__name__
                rows.setdefault(name, LayerSummary(name, kind, shape, count_parameters(module)))

            handles.append(module.register_forward_hook(add))
    with torch.no_grad():
        shadow(torch.empty(1, network.in_channels, side, side, device="meta"))
    for handle in handles:
        handle.remove()
    return list(rows.values())
