"""The light U-Net of the published AEP program: 0.85 M parameters, three stride-2 stages.

Source: official code of Kato & Hotta, arXiv 2108.13118, where it is both network 1 and network 2.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from cellenhance.networks.blocks import Dropout, SegmentationNetwork, conv_norm_act, up_norm_act
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings


class LightUNetSettings(Settings):
    """Settings of `LightUNet`."""

    dropout: float = Field(0.5, ge=0, lt=1, description="drop probability after each row except f")
    n_features: int = Field(16, ge=1, description="width of the penultimate maps")
    width: float = Field(
        1.0, gt=0, le=8, description="factor on all widths, rounded to multiples of 4"
    )
    n_stem: int = Field(
        1, ge=1, le=16, description="convolutions at full resolution before the first stride"
    )


class LightUNet(SegmentationNetwork):
    """Each row is convolution, batch normalisation, ReLU, dropout; there is no full-size skip.

    The skips A, B and D are the activations of the stride-2 convolutions BEFORE their dropout, and
    the first concatenation is at the bottleneck.
    """

    Settings = LightUNetSettings
    stride = 8
    min_size = 8

    def __init__(self, in_channels: int, n_classes: int, settings: LightUNetSettings) -> None:
        super().__init__(in_channels, n_classes, settings.n_features)
        w16, w32, w64, w128 = (4 * round(settings.width * w / 4) for w in (16, 32, 64, 128))
        # Each further stem convolution sees one pixel more on either side.
        self.receptive_field_px = 87 + 2 * (settings.n_stem - 1)
        self.conv1 = conv_norm_act(in_channels, w32, 3, first=True)
        self.stem = nn.ModuleList(conv_norm_act(w32, w32, 3) for _ in range(settings.n_stem - 1))
        self.down_a = conv_norm_act(w32, w64, 4, stride=2)
        self.conv_a = conv_norm_act(w64, w64, 3)
        self.down_b = conv_norm_act(w64, w64, 4, stride=2)
        self.conv_b = conv_norm_act(w64, w64, 3)
        self.down_d = conv_norm_act(w64, w128, 4, stride=2)
        self.conv_d = conv_norm_act(w128, w128, 3)
        self.up_d = up_norm_act(2 * w128, w64)
        self.conv_up_d = conv_norm_act(w64, w64, 3)
        self.up_b = up_norm_act(2 * w64, w32)
        self.conv_up_b = conv_norm_act(w32, w32, 3)
        self.up_a = up_norm_act(w32 + w64, w16)
        self.conv_features = conv_norm_act(w16, settings.n_features, 3)
        self.classifier = nn.Conv2d(settings.n_features, n_classes, 1)
        self.dropout = Dropout(settings.dropout)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 8."""
        self.check_input(image)
        drop = self.dropout
        x = drop(self.conv1(image))  # B,32,H,W
        for convolution in self.stem:
            x = drop(convolution(x))
        skip_a = self.down_a(x)  # B,64,H/2,W/2
        x = drop(self.conv_a(drop(skip_a)))
        skip_b = self.down_b(x)  # B,64,H/4,W/4
        x = drop(self.conv_b(drop(skip_b)))
        skip_d = self.down_d(x)  # B,128,H/8,W/8
        x = drop(self.conv_d(drop(skip_d)))
        x = drop(self.up_d(torch.cat([x, skip_d], dim=1)))  # B,64,H/4,W/4
        x = drop(self.conv_up_d(x))
        x = drop(self.up_b(torch.cat([x, skip_b], dim=1)))  # B,32,H/2,W/2
        x = drop(self.conv_up_b(x))
        x = drop(self.up_a(torch.cat([x, skip_a], dim=1)))  # B,16,H,W
        features = self.conv_features(x)
        return SegmentationOutput(logits=self.classifier(features), features=features)
