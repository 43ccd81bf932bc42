"""The fine U-Net: as light as the light U-Net, but its maps carry no lattice.

Transposed convolutions leave a pattern of their stride (2, 4 and 8 px) in every map that follows,
and so in filters and enhanced images. Here a decoder step is a 1 x 1 convolution, bilinear
resizing, the skip and a 3 x 3 convolution; bilinear weights treat all pixels of a cell alike. A
skip at full resolution brings the detail of the image itself.

Source: this project. Widths and the strided encoder are those of the light U-Net (official code of
Kato & Hotta, arXiv 2108.13118).
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from cellenhance.networks.blocks import Dropout, SegmentationNetwork, bilinear_up, conv_norm_act
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings


class FineUNetSettings(Settings):
    """Settings of `FineUNet`."""

    dropout: float = Field(
        0.0, ge=0, lt=1, description="drop probability after each convolution except the last"
    )
    n_features: int = Field(16, ge=1, description="width of the penultimate maps")
    width: float = Field(
        1.0, gt=0, le=8, description="factor on all widths, rounded to multiples of 4"
    )


class FineUNet(SegmentationNetwork):
    """Four scales, each convolution with batch normalisation and ReLU; bilinear upsampling."""

    Settings = FineUNetSettings
    stride = 8
    min_size = 8
    receptive_field_px = 87

    def __init__(self, in_channels: int, n_classes: int, settings: FineUNetSettings) -> None:
        super().__init__(in_channels, n_classes, settings.n_features)
        w16, w32, w64, w128 = (4 * round(settings.width * w / 4) for w in (16, 32, 64, 128))
        self.conv1 = conv_norm_act(in_channels, w32, 3, first=True)
        self.down_a = conv_norm_act(w32, w64, 4, stride=2)
        self.conv_a = conv_norm_act(w64, w64, 3)
        self.down_b = conv_norm_act(w64, w64, 4, stride=2)
        self.conv_b = conv_norm_act(w64, w64, 3)
        self.down_d = conv_norm_act(w64, w128, 4, stride=2)
        self.conv_d = conv_norm_act(w128, w128, 3)
        self.up_b = bilinear_up(w128, w64)
        self.conv_up_b = conv_norm_act(2 * w64, w64, 3)
        self.up_a = bilinear_up(w64, w32)
        self.conv_up_a = conv_norm_act(w32 + w64, w32, 3)
        self.up_1 = bilinear_up(w32, w16)
        self.conv_features = conv_norm_act(w16 + w32, settings.n_features, 3)
        self.classifier = nn.Conv2d(settings.n_features, n_classes, 1)
        self.dropout = Dropout(settings.dropout)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 8."""
        self.check_input(image)
        drop = self.dropout
        skip_1 = self.conv1(image)  # B,32,H,W
        skip_a = drop(self.conv_a(drop(self.down_a(drop(skip_1)))))  # B,64,H/2,W/2
        skip_b = drop(self.conv_b(drop(self.down_b(skip_a))))  # B,64,H/4,W/4
        x = drop(self.conv_d(drop(self.down_d(skip_b))))  # B,128,H/8,W/8
        x = drop(self.conv_up_b(torch.cat([self.up_b(x), skip_b], dim=1)))
        x = drop(self.conv_up_a(torch.cat([self.up_a(x), skip_a], dim=1)))  # B,32,H/2,W/2
        features = self.conv_features(torch.cat([self.up_1(x), skip_1], dim=1))  # B,16,H,W
        return SegmentationOutput(logits=self.classifier(features), features=features)
