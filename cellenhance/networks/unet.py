"""The U-Net with same padding: with or without batch normalisation, two ways up.

Source: Ronneberger et al., arXiv 1505.04597 (topology, widths, He initialisation where there is no
normalisation). Same padding and batch normalisation as in common PyTorch code; parameters for 1
channel and 1 class: 31,042,369 as usual, 31,030,593 with norm none, 28,953,409 with up bilinear.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import (
    DeepInput,
    Norm,
    SegmentationNetwork,
    bilinear_up,
    double_conv,
    double_conv_to,
    first_convolution,
    initialise_he_,
    level_name,
)
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings

WIDTHS = (64, 128, 256, 512, 1024)


class UNetSettings(Settings):
    """Settings of `UNet`."""

    n_features: int = Field(64, ge=1, description="width of the penultimate maps")
    norm: Norm = Field(
        "batch", description="batch: normalisation after each 3 x 3 convolution; none: as published"
    )
    up: Literal["deconv", "bilinear"] = Field(
        "deconv",
        description="deconv: transposed convolution k2s2; bilinear: resize x 2 and 1 x 1 "
        "convolution",
    )


class UNet(SegmentationNetwork):
    """Five scales of double convolutions, max-pooling down, a learned halving of channels up.

    Concatenation order: upsampled maps first, skip second.
    """

    Settings = UNetSettings
    stride = 16
    min_size = 16

    def __init__(self, in_channels: int, n_classes: int, settings: UNetSettings) -> None:
        super().__init__(in_channels, n_classes, settings.n_features)
        self.receptive_field_px = 215 if settings.up == "deconv" else 245
        inputs = (in_channels, *WIDTHS[:-1])
        self.encoder = nn.ModuleList(
            double_conv(below, width, first=scale == 0, norm=settings.norm)
            for scale, (below, width) in enumerate(zip(inputs, WIDTHS, strict=True))
        )
        up_widths = WIDTHS[-2::-1]  # 512, 256, 128, 64
        ends = (*up_widths[:-1], settings.n_features)
        make_up = deconv if settings.up == "deconv" else bilinear_up
        self.ups = nn.ModuleList(make_up(2 * width, width) for width in up_widths)
        self.decoder = nn.ModuleList(
            double_conv_to(2 * width, width, end, norm=settings.norm)
            for width, end in zip(up_widths, ends, strict=True)
        )
        self.classifier = nn.Conv2d(settings.n_features, n_classes, 1)
        if settings.norm == "none":
            initialise_he_(self)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 16."""
        self.check_input(image)
        skips = [self.encoder[0](image)]  # B,64,H,W
        for block in list(self.encoder)[1:]:
            skips.append(block(functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()  # B,1024,H/16,W/16
        for up, block in zip(self.ups, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        return SegmentationOutput(logits=self.classifier(x), features=x)

    def deep_inputs(self) -> tuple[DeepInput, ...]:
        """Return the upsampled half of each decoder stage's input."""
        found = []
        for at, block in enumerate(self.decoder):
            convolution = first_convolution(block)
            deep = slice(0, convolution.in_channels // 2)
            found.append(DeepInput(level_name(len(self.decoder) - 1 - at), convolution, deep))
        return tuple(found)


def deconv(in_channels: int, out_channels: int) -> nn.Module:
    """Return the transposed convolution k2s2, which doubles both sides."""
    return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)
