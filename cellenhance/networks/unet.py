"""The U-Net in its usual form: same padding, batch normalisation, transposed convolutions.

Source: Ronneberger et al., arXiv 1505.04597 (topology and widths); same padding and batch
normalisation as in common PyTorch code (31,042,369 parameters for 1 channel and 1 class).
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import SegmentationNetwork, double_conv, double_conv_to
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings

WIDTHS = (64, 128, 256, 512, 1024)


class UNetSettings(Settings):
    """Settings of `UNet`."""

    n_features: int = Field(64, ge=1, description="width of the penultimate maps")


class UNet(SegmentationNetwork):
    """Five scales of double convolutions, max-pooling down, transposed convolution k2s2 up.

    Concatenation order: upsampled maps first, skip second.
    """

    Settings = UNetSettings
    stride = 16
    min_size = 16
    receptive_field_px = 215

    def __init__(self, in_channels: int, n_classes: int, settings: UNetSettings) -> None:
        super().__init__(in_channels, n_classes, settings.n_features)
        inputs = (in_channels, *WIDTHS[:-1])
        self.encoder = nn.ModuleList(
            double_conv(below, width, first=scale == 0)
            for scale, (below, width) in enumerate(zip(inputs, WIDTHS, strict=True))
        )
        up_widths = WIDTHS[-2::-1]  # 512, 256, 128, 64
        ends = (*up_widths[:-1], settings.n_features)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in up_widths)
        self.decoder = nn.ModuleList(
            double_conv_to(2 * width, width, end)
            for width, end in zip(up_widths, ends, strict=True)
        )
        self.classifier = nn.Conv2d(settings.n_features, n_classes, 1)

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
