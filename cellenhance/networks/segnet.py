"""SegNet, and SegNet with low-level feature fusion: VGG16 and its mirror, unpooled by indices.

Source: Badrinarayanan et al., arXiv 1511.00561; the fusion and the exact widths: low-level feature
fusion (PRCV 2021) and its code, cbmi-group/icss-segmentation (29,442,433 and 34,935,169 parameters
for 1 channel and 1 class). Its sigmoid is left to the loss.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import SegmentationNetwork, conv_norm_act, full_precision
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.vgg import STAGES, VGG16, initialise_convolutions
from cellenhance.settings import Settings

DECODER = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))
"""Widths of the decoder's convolutions, deepest stage first."""


class SegNetSettings(Settings):
    """Settings of `SegNet`."""

    fusion: Literal["none", "cat"] = Field(
        "none",
        description="none: the decoder sees the unpooled maps only; cat: beside them the maps of "
        "the encoder's last convolution of the same stage",
    )


class SegNet(SegmentationNetwork):
    """Each decoder stage puts its input back where the encoder's maxima stood, then convolves.

    The last convolution, to logits, is 3 x 3. The encoder always computes in float32: in bfloat16
    neighbours become equal, and the maxima move to other pixels.
    """

    Settings = SegNetSettings
    stride = 32
    min_size = 32
    receptive_field_px = 423

    def __init__(self, in_channels: int, n_classes: int, settings: SegNetSettings) -> None:
        super().__init__(in_channels, n_classes, DECODER[-1][-1])
        self.fuses = settings.fusion == "cat"
        self.encoder = VGG16(in_channels, batch_norm=True)
        self.decoder = nn.ModuleList()
        for encoded, widths in zip(reversed(STAGES), DECODER, strict=True):
            inputs = (encoded[-1] * (2 if self.fuses else 1), *widths[:-1])
            self.decoder.append(
                nn.Sequential(
                    *(conv_norm_act(a, b, 3) for a, b in zip(inputs, widths, strict=True))
                )
            )
        self.head = nn.Conv2d(self.feature_channels, n_classes, 3, padding=1)
        initialise_convolutions(self)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 32."""
        self.check_input(image)
        with full_precision(image.device):
            stages = self.encoder(image.float())
        x = stages[-1].pooled  # B,512,H/32,W/32
        for stage, block in zip(reversed(stages), self.decoder, strict=True):
            x = functional.max_unpool2d(x, stage.indices, [2, 2])
            x = block(torch.cat([x, stage.maps], dim=1) if self.fuses else x)
        return SegmentationOutput(logits=self.head(x), features=x)
