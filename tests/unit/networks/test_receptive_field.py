"""Receptive fields of the deep networks, exact: measured on twins of a few channels.

Width does not matter to a receptive field. In the twins every convolution has positive weights,
max-pooling is a mean (each pixel of a window decides), unpooling gives the maximum to its whole
window (where it goes depends on each of them) and gates do not saturate, so the gradient is
positive wherever there is any influence, and float64 keeps it from fading to zero.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional

from cellenhance.networks import (
    attention_unet,
    fcn,
    hrnet,
    segnet,
    unet,
    unetpp,
    vgg,
    xception,
    xception_unet,
)
from cellenhance.networks.blocks import SegmentationNetwork

THIN_VGG = ((1, 1), (1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1))


def mean_pool(
    x: torch.Tensor,
    size: int,
    stride: int | None = None,
    padding: int | tuple[int, int] = 0,
    dilation: int = 1,
    *,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    assert dilation == 1
    pooled = functional.avg_pool2d(x, size, stride, padding, ceil_mode)
    return (pooled, torch.zeros_like(pooled)) if return_indices else pooled


def spread(x: torch.Tensor, *_: Any) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (vgg, "STAGES", THIN_VGG),
        (segnet, "STAGES", THIN_VGG),
        (segnet, "DECODER", (*reversed(THIN_VGG[1:]), (1,))),
        (fcn, "STAGES", THIN_VGG),
        (fcn, "WIDTHS", (1, 1, 1, 1, 1)),
        (hrnet, "STEM_WIDTH", 1),
        (hrnet, "WIDTHS", (1, 1, 1, 1)),
        (unet, "WIDTHS", (2, 4, 8, 16, 32)),  # its deconvolutions halve them
        (unetpp, "WIDTHS", (1, 1, 1, 1, 1)),
        (attention_unet, "WIDTHS", (2, 4, 8, 16, 32)),  # as do gates
        (xception, "STEM_WIDTHS", (1, 1)),
        (xception, "ENTRY_WIDTHS", (1, 1, 1)),
        (xception, "EXIT_WIDTH", 1),
        (xception_unet, "MIDDLE_WIDTH", 1),
        (xception_unet, "STAGE_WIDTHS", (1, 1, 1, 1)),
        (xception_unet, "LAST_WIDTH", 1),
    ):
        assert isinstance(module, ModuleType)
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(functional, "max_pool2d", mean_pool)
    monkeypatch.setattr(functional, "max_unpool2d", spread)
    monkeypatch.setattr(torch, "sigmoid", lambda x: x)


def measure(network: SegmentationNetwork, height: int) -> int:
    """The receptive field: twice the farthest reach of any row of a stride, up or down, plus 1."""
    network = network.double().eval()
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.5 if parameter.ndim > 1 else 1.0)
    image = torch.full((1, 1, height, network.min_size), 1.0, dtype=torch.float64)
    image.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)  # keep InputConv2d in float64
        logits = network(image).logits
    reach = 0
    middle = height // 2 // network.stride * network.stride
    for row in range(middle, middle + network.stride):
        (gradient,) = torch.autograd.grad(logits[0, 0, row].sum(), image, retain_graph=True)
        assert torch.isfinite(gradient).all()
        touched = torch.nonzero(gradient[0, 0].sum(dim=1)).flatten()
        assert touched.min() > 0, "the image is too small to tell"
        assert touched.max() < height - 1, "the image is too small to tell"
        reach = max(reach, row - int(touched.min()), int(touched.max()) - row)
    return 2 * reach + 1


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize(
    ("architecture", "settings", "height"),
    [
        (segnet.SegNet, segnet.SegNetSettings(fusion="none"), 1024),
        (segnet.SegNet, segnet.SegNetSettings(fusion="cat"), 1024),
        (fcn.FCN, fcn.FCNSettings(fusion="none"), 1024),
        (fcn.FCN, fcn.FCNSettings(fusion="add"), 1024),
        (fcn.FCN, fcn.FCNSettings(fusion="cat"), 1024),
        (hrnet.HRNet, hrnet.HRNetSettings(stem_stride=1), 2048),
        (hrnet.HRNet, hrnet.HRNetSettings(stem_stride=2), 2048),
        (xception_unet.XceptionUNet, xception_unet.XceptionUNetSettings(), 2048),
        (unet.UNet, unet.UNetSettings(n_features=1), 512),
        (unet.UNet, unet.UNetSettings(n_features=1, norm="none"), 512),
        (unet.UNet, unet.UNetSettings(n_features=1, up="bilinear"), 512),
        *(
            (
                unetpp.UNetPlusPlus,
                unetpp.UNetPlusPlusSettings(form="keras", depth=depth, deep_supervision=several),
                512,
            )
            for depth, several in ((1, False), (2, False), (3, False), (4, False), (4, True))
        ),
        (attention_unet.AttentionUNet, attention_unet.AttentionUNetSettings(), 512),
        (attention_unet.AttentionUNet, attention_unet.AttentionUNetSettings(gate="original"), 512),
    ],
)
def test_the_receptive_field_is_stated_exactly(
    architecture: Any, settings: Any, height: int
) -> None:
    network = architecture(1, 1, settings)
    assert network.receptive_field_px == measure(network, height)
