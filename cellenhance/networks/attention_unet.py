"""The Attention U-Net: gates weigh every skip, pixel by pixel, before it is concatenated.

Source: Oktay et al., arXiv 1804.03999; the usual 2-D form as in LeeJunHyun's code (parameters for 1
channel and 1 class: 34,877,421), and the gates of the authors' code as an option.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import SegmentationNetwork, conv_norm_act, double_conv
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings

WIDTHS = (64, 128, 256, 512, 1024)


class AttentionUNetSettings(Settings):
    """Settings of `AttentionUNet`."""

    gate: Literal["common", "original"] = Field(
        "common",
        description="common: four gates steered by the upsampled map; original: three gates "
        "steered by the coarser map, none at full resolution, deep supervision maps joined",
    )
    inner_width: Literal["half", "full"] = Field(
        "half", description="width inside a gate, relative to the skip"
    )


class AttentionUNet(SegmentationNetwork):
    """Five scales of double convolutions; each skip is gated, then (skip, up) concatenated.

    With the original gates the last four decoder maps each give K maps, resized to the input, and
    the classifier reads the 4 K of them: these are then the penultimate maps.
    """

    Settings = AttentionUNetSettings
    stride = 16
    min_size = 16
    receptive_field_px = 245

    def __init__(self, in_channels: int, n_classes: int, settings: AttentionUNetSettings) -> None:
        original = settings.gate == "original"
        super().__init__(in_channels, n_classes, 4 * n_classes if original else WIDTHS[0])
        inputs = (in_channels, *WIDTHS[:-1])
        self.encoder = nn.ModuleList(
            double_conv(below, width, first=scale == 0)
            for scale, (below, width) in enumerate(zip(inputs, WIDTHS, strict=True))
        )
        widths = WIDTHS[-2::-1]  # 512, 256, 128, 64: the decoder's stages
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), conv_norm_act(2 * width, width, 3))
            for width in widths
        )
        self.gates = nn.ModuleList(
            make_gate(width, settings, is_top=width == WIDTHS[0]) for width in widths
        )
        self.decoder = nn.ModuleList(double_conv(2 * width, width) for width in widths)
        self.side_heads = nn.ModuleList(
            nn.Conv2d(width, n_classes, 1) for width in (widths if original else ())
        )
        self.classifier = nn.Conv2d(self.feature_channels, n_classes, 1)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 16."""
        self.check_input(image)
        skips = [self.encoder[0](image)]  # B,64,H,W
        for block in list(self.encoder)[1:]:
            skips.append(block(functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()  # B,1024,H/16,W/16
        stages = []
        for up, gate, block in zip(self.ups, self.gates, self.decoder, strict=True):
            upsampled = up(x)
            skip = gate(skips.pop(), upsampled=upsampled, coarser=x)
            x = block(torch.cat([skip, upsampled], dim=1))
            stages.append(x)
        features = self._join_sides(stages) if self.side_heads else x
        return SegmentationOutput(logits=self.classifier(features), features=features)

    def _join_sides(self, stages: list[Tensor]) -> Tensor:
        """Return the K maps of each decoder stage at the input's size, (B, 4 K, H, W)."""
        sides = []
        for stage, head in zip(stages, self.side_heads, strict=True):
            factor = stages[-1].shape[-1] // stage.shape[-1]
            side = head(stage)
            if factor > 1:
                side = functional.interpolate(side, scale_factor=factor, mode="bilinear")
            sides.append(side)
        return torch.cat(sides, dim=1)


def make_gate(width: int, settings: AttentionUNetSettings, *, is_top: bool) -> nn.Module:
    """Return the gate of a skip of `width` channels."""
    inner = width // 2 if settings.inner_width == "half" else width
    if settings.gate == "common":
        return CommonGate(width, inner)
    return OpenGate() if is_top else OriginalGate(width, inner)


class CommonGate(nn.Module):
    """skip' = sigmoid(psi(ReLU(W_x skip + W_g g))) * skip, with g the upsampled map; 1 x 1 + BN."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.of_skip = nn.Sequential(nn.Conv2d(width, inner, 1), nn.BatchNorm2d(inner))
        self.of_signal = nn.Sequential(nn.Conv2d(width, inner, 1), nn.BatchNorm2d(inner))
        self.psi = nn.Sequential(nn.Conv2d(inner, 1, 1), nn.BatchNorm2d(1))

    def attention(self, skip: Tensor, upsampled: Tensor) -> Tensor:
        """Return alpha in [0, 1], (B, 1, h, w), for both maps (B, width, h, w)."""
        both = functional.relu(self.of_skip(skip) + self.of_signal(upsampled))
        return torch.sigmoid(self.psi(both))

    def forward(self, skip: Tensor, *, upsampled: Tensor, coarser: Tensor) -> Tensor:  # noqa: ARG002
        """Return the weighted skip; the coarser map is not looked at."""
        return skip * self.attention(skip, upsampled)


class OriginalGate(nn.Module):
    """skip' = BN(W(alpha * skip)), alpha found at half the skip's resolution and resized to it.

    W_x is a 2 x 2 convolution of stride 2 without bias; the signal is the coarser map, (2 * width).
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.of_skip = nn.Conv2d(width, inner, 2, stride=2, bias=False)
        self.of_signal = nn.Conv2d(2 * width, inner, 1)
        self.psi = nn.Conv2d(inner, 1, 1)
        self.out = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))

    def attention(self, skip: Tensor, coarser: Tensor) -> Tensor:
        """Return alpha in [0, 1], (B, 1, h, w), for skip (B, width, h, w), coarser at h/2, w/2."""
        both = functional.relu(self.of_skip(skip) + self.of_signal(coarser))
        alpha = torch.sigmoid(self.psi(both))  # B,1,h/2,w/2
        return functional.interpolate(alpha, scale_factor=2, mode="bilinear")

    def forward(self, skip: Tensor, *, upsampled: Tensor, coarser: Tensor) -> Tensor:  # noqa: ARG002
        """Return the weighted and projected skip; the upsampled map is not looked at."""
        gated: Tensor = self.out(skip * self.attention(skip, coarser))
        return gated


class OpenGate(nn.Module):
    """The skip at full resolution, which the original form leaves as it is."""

    def forward(self, skip: Tensor, *, upsampled: Tensor, coarser: Tensor) -> Tensor:  # noqa: ARG002
        """Return the skip."""
        return skip
