"""The Xception encoder with a decoder of residual blocks, made for beads and cells.

Source: arXiv 1907.03576 and the public code `ektas0330/cell-segmentation` (TensorFlow/Keras).
38,370,043 parameters for 3 channels and 3 classes, 23,059,411 of them in the decoder. The result is
logits; the code's own result is linear too.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import Dropout, SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.xception import Xception, keras_norm
from cellenhance.settings import Settings

SLOPE = 0.1
MIDDLE_WIDTH = 512
STAGE_WIDTHS = (256, 128, 64, 32)
"""Of the decoder's stages with a skip, from H/16 to H/2."""
LAST_WIDTH = 16


class XceptionUNetSettings(Settings):
    """Settings of `XceptionUNet`."""

    dropout: float = Field(
        0.1, ge=0, lt=1, description="drop probability in each stage; half of it at the end"
    )


class XceptionUNet(SegmentationNetwork):
    """Taps of the trunk, activated, are the skips; two residual blocks after each concatenation.

    The taps at H/2 and H/4 are 3 and 1 pixels short (valid stem) and padded with zeros at the top
    and the left.
    """

    Settings = XceptionUNetSettings
    stride = 32
    min_size = 32
    receptive_field_px = 1655

    def __init__(self, in_channels: int, n_classes: int, settings: XceptionUNetSettings) -> None:
        super().__init__(in_channels, n_classes, LAST_WIDTH)
        dropout = settings.dropout
        self.encoder = Xception(in_channels)
        skips = self.encoder.tap_widths[::-1]
        self.middle = residual_stage(skips[0], MIDDLE_WIDTH, dropout)
        self.ups = nn.ModuleList(
            DoublingDeconv(below, width)
            for below, width in pairwise((MIDDLE_WIDTH, *STAGE_WIDTHS, LAST_WIDTH))
        )
        self.decoder = nn.ModuleList(
            residual_stage(width + skip, width, dropout)
            for width, skip in zip(STAGE_WIDTHS, skips, strict=True)
        )
        self.last = residual_stage(LAST_WIDTH, LAST_WIDTH, dropout)
        self.dropout = Dropout(dropout / 2)
        self.classifier = nn.Conv2d(LAST_WIDTH, n_classes, 1)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 32."""
        self.check_input(image)
        taps = self.encoder(image)
        skips = [
            functional.leaky_relu(tap, SLOPE)
            for tap in (
                taps.sixteenth,  # B,1024,H/16,W/16
                taps.eighth,  # B,728,H/8,W/8
                functional.pad(taps.quarter, (1, 0, 1, 0)),  # B,256,H/4,W/4
                functional.pad(taps.half, (3, 0, 3, 0)),  # B,128,H/2,W/2
            )
        ]
        x = self.middle(functional.max_pool2d(skips[0], 2))  # B,512,H/32,W/32
        for skip, up, stage in zip(skips, self.ups[:-1], self.decoder, strict=True):
            x = stage(torch.cat([up(x), skip], dim=1))
        features = self.last(self.ups[-1](x))  # B,16,H,W
        return SegmentationOutput(logits=self.classifier(self.dropout(features)), features=features)


class DoublingDeconv(nn.ConvTranspose2d):
    """Transposed convolution k3s2 that doubles both sides, aligned as Keras's 'same'."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, stride=2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return (B, out, 2 h, 2 w): the last of the 2 h + 1 rows and 2 w + 1 columns is cut."""
        return super().forward(x, output_size)[..., :-1, :-1]


class ResidualBlock(nn.Module):
    """BN(x) + BN(conv(LReLU(BN(conv(BN(LReLU(x))))))), convolutions 3 x 3 with bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shortcut = keras_norm(width)
        self.convolutions = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            keras_norm(width),
            nn.Conv2d(width, width, 3, padding=1),
            keras_norm(width),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            keras_norm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, h, w) like `x`."""
        result: Tensor = self.convolutions(x) + self.shortcut(x)
        return result


def residual_stage(in_channels: int, width: int, dropout: float) -> nn.Sequential:
    """Return dropout, 3 x 3 convolution, two residual blocks, LeakyReLU."""
    return nn.Sequential(
        Dropout(dropout),
        nn.Conv2d(in_channels, width, 3, padding=1),
        ResidualBlock(width),
        ResidualBlock(width),
        nn.LeakyReLU(SLOPE),
    )
