"""HRNet-W32 in a small form: four resolutions side by side, one exchange per stage.

Source: Sun et al., arXiv 1904.04514 (HRNetV2); the small form and the stem of stride 1: low-level
feature fusion (PRCV 2021) and its code, cbmi-group/icss-segmentation (9,983,105 parameters for 1
channel and 1 class with either stem). Its sigmoid is left to the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import InputConv2d, SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.resnet import BasicBlock, Bottleneck
from cellenhance.settings import Settings

STEM_WIDTH = 64
WIDTHS = (32, 64, 128, 256)
"""Widths of the branches; each has half the resolution of the one before."""
N_BLOCKS = 4
"""Residual blocks in layer1 and, in every stage, in each branch."""


class HRNetSettings(Settings):
    """Settings of `HRNet`."""

    stem_stride: Literal[1, 2] = Field(
        2,
        description="of both stem convolutions; 2: branches at H/4 to H/32, upsampled to H before "
        "the head; 1: at H to H/8",
    )


class HRNet(SegmentationNetwork):
    """A branch of half the resolution joins at each of three stages; all enter the head."""

    Settings = HRNetSettings

    def __init__(self, in_channels: int, n_classes: int, settings: HRNetSettings) -> None:
        super().__init__(in_channels, n_classes, sum(WIDTHS))
        stem_stride = settings.stem_stride
        self.stride = 8 * stem_stride**2
        self.min_size = 2 * self.stride
        self.receptive_field_px = {1: 277, 2: 1101}[stem_stride]
        self.stem = nn.Sequential(
            InputConv2d(in_channels, STEM_WIDTH, 3, stride=stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(STEM_WIDTH),
            nn.ReLU(inplace=True),
            _conv_norm_act(STEM_WIDTH, STEM_WIDTH, stem_stride),
        )
        wide = Bottleneck.expansion * WIDTHS[0]
        inputs = (STEM_WIDTH, *[wide] * (N_BLOCKS - 1))
        self.layer1 = nn.Sequential(*(Bottleneck(below, WIDTHS[0]) for below in inputs))
        self.first = _conv_norm_act(wide, WIDTHS[0])
        belows = (wide, *WIDTHS[1:-1])
        self.downs = nn.ModuleList(
            _conv_norm_act(below, width, stride=2)
            for below, width in zip(belows, WIDTHS[1:], strict=True)
        )
        self.stages = nn.ModuleList(Stage(WIDTHS[:n]) for n in range(2, len(WIDTHS) + 1))
        self.mix = nn.Sequential(
            nn.Conv2d(self.feature_channels, self.feature_channels, 1),
            nn.BatchNorm2d(self.feature_channels),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Conv2d(self.feature_channels, n_classes, 1)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by `stride`."""
        self.check_input(image)
        x = self.layer1(self.stem(image))  # B,128,H/s,W/s with s = stem_stride ** 2
        branches = [self.first(x)]
        for down, stage in zip(self.downs, self.stages, strict=True):
            branches = stage([*branches, down(x)])
            x = branches[-1]
        size = (image.shape[-2], image.shape[-1])
        maps = torch.cat([_resize(branch, size) for branch in branches], dim=1)
        features = self.mix(maps)  # B,480,H,W
        return SegmentationOutput(logits=self.classifier(features), features=features)


class Stage(nn.Module):
    """Residual blocks in every branch, then the exchange: each branch becomes a sum over all."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width) for _ in range(N_BLOCKS))) for width in widths
        )
        self.exchange = nn.ModuleList(
            nn.ModuleList(_path(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return as many maps of the same shapes as came in."""
        deep = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused = []
        for paths, own in zip(self.exchange, deep, strict=True):
            size = (own.shape[-2], own.shape[-1])
            assert isinstance(paths, nn.ModuleList)
            moved = [_resize(path(x), size) for path, x in zip(paths, deep, strict=True)]
            fused.append(functional.relu(sum(moved[1:], start=moved[0])))
        return fused


def _path(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """Return the layers from one branch to another; where it goes up, resizing follows."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(widths[source], widths[target], 1, bias=False),
            nn.BatchNorm2d(widths[target]),
        )
    width = widths[source]
    halvings = [_conv_norm_act(width, width, stride=2) for _ in range(target - source - 1)]
    last = nn.Conv2d(width, widths[target], 3, stride=2, padding=1, bias=False)
    return nn.Sequential(*halvings, last, nn.BatchNorm2d(widths[target]))


def _conv_norm_act(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Return convolution k3p1 without bias, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `x` at `size`, bilinear over pixel centres; itself where it has that size."""
    if x.shape[-2:] == size:
        return x
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
