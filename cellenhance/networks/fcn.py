"""FCN-32s on VGG16, and FCN with low-level feature fusion of all poolings (add or cat).

Source: Long et al., arXiv 1411.4038 (the idea); the five transposed convolutions and the fusions:
low-level feature fusion (PRCV 2021) and its code, cbmi-group/icss-segmentation (18,642,561
parameters for 1 channel and 1 class; cat 20,209,281). The trunk has no batch normalisation.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.vgg import STAGES, VGG16
from cellenhance.settings import Settings

WIDTHS = (512, 256, 128, 64, 32)
"""Widths of the transposed convolutions; the first four are those of poolings 4, 3, 2 and 1."""


class FCNSettings(Settings):
    """Settings of `FCN`."""

    fusion: Literal["none", "add", "cat"] = Field(
        "none",
        description="none: FCN-32s; add, cat: poolings 4 to 1 join the maps of their size",
    )


class FCN(SegmentationNetwork):
    """Pooling 5 of VGG16, five times doubled by [transposed convolution k3s2, ReLU, BN]."""

    Settings = FCNSettings
    stride = 32
    min_size = 32
    receptive_field_px = 305

    def __init__(self, in_channels: int, n_classes: int, settings: FCNSettings) -> None:
        super().__init__(in_channels, n_classes, WIDTHS[-1])
        self.fusion = settings.fusion
        self.encoder = VGG16(in_channels, batch_norm=False)
        wider = 2 if self.fusion == "cat" else 1
        inputs = (STAGES[-1][-1], *(wider * width for width in WIDTHS[:-1]))
        self.ups = nn.ModuleList(_up(a, b) for a, b in zip(inputs, WIDTHS, strict=True))
        self.classifier = nn.Conv2d(self.feature_channels, n_classes, 1)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 32."""
        self.check_input(image)
        *skips, x = [stage.pooled for stage in self.encoder(image)]  # H/2, H/4, H/8, H/16; H/32
        for up in self.ups:
            x = up(x)
            if skips:
                x = self._fuse(x, skips.pop())
        return SegmentationOutput(logits=self.classifier(x), features=x)

    def _fuse(self, x: Tensor, skip: Tensor) -> Tensor:
        if self.fusion == "add":
            return x + skip
        return torch.cat([x, skip], dim=1) if self.fusion == "cat" else x


def _up(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return transposed convolution k3s2p1 (doubles both sides), ReLU, batch normalisation."""
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(out_channels),
    )
