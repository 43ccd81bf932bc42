"""DeepLabv3+ on ResNet-50/101, and its forms with low-level feature fusion.

Source: Chen et al., arXiv 1802.02611, with ResNet as in arXiv 1706.05587; the fusions: low-level
feature fusion (PRCV 2021) and its code, cbmi-group/icss-segmentation. Modules that the published
classes carry but never call are left out: 40,340,769 parameters for ResNet-50, 1 channel and 1
class; cat 43,048,129, add 41,942,209. Cat without stem has 42,896,449: the usual count, 42,900,673,
still holds the stem's 1 x 1 convolution and normalisation (4,224), which that form never calls. The
published sigmoid is left to the loss.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import Dropout, SegmentationNetwork, double_conv
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.resnet import STEM_WIDTH, ResNet, ResNetMaps
from cellenhance.settings import Settings

WIDTH = 256
"""Of the pyramid and of the penultimate maps."""
RATES = (6, 12, 18)
LAYER4_DILATIONS = (2, 4, 8)


class DeepLabSettings(Settings):
    """Settings of `DeepLab`."""

    depth: Literal[50, 101] = Field(50, description="layers of the ResNet")
    fusion: Literal["none", "cat", "add", "cat_no_stem"] = Field(
        "none",
        description="none: DeepLabv3+, stem of stride 2; cat, add: stem of stride 1 and a decoder "
        "that joins layer3, layer2, layer1 and the stem; cat_no_stem: the same without the stem",
    )
    dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="drop probability after the pyramid and the head's first convolution; after "
        "its second at most 0.1",
    )


class DeepLab(SegmentationNetwork):
    """ResNet with a dilated last layer, atrous spatial pyramid, decoder, head; resized at the end.

    The logits of the head (at H/4; with a fusion at H, without the stem at H/2) are resized to the
    input with aligned corners, as published. Image pooling looks at the whole input.
    """

    Settings = DeepLabSettings
    receptive_field_px = None

    def __init__(self, in_channels: int, n_classes: int, settings: DeepLabSettings) -> None:
        super().__init__(in_channels, n_classes, WIDTH)
        stem_stride: Literal[1, 2] = 2 if settings.fusion == "none" else 1
        self.stride = 8 * stem_stride
        self.min_size = 2 * self.stride
        self.trunk = ResNet(
            settings.depth, in_channels, stem_stride=stem_stride, layer4_dilations=LAYER4_DILATIONS
        )
        self.pyramid = Pyramid(self.trunk.widths[-1], settings.dropout)
        self.decoder = (
            PlainDecoder(self.trunk.widths)
            if settings.fusion == "none"
            else FusingDecoder(self.trunk.widths, settings.fusion)
        )
        self.head = nn.Sequential(
            _conv_norm_act(self.decoder.width, WIDTH, 3),
            Dropout(settings.dropout),
            _conv_norm_act(WIDTH, WIDTH, 3),
            Dropout(min(settings.dropout, 0.1)),
        )
        self.classifier = nn.Conv2d(WIDTH, n_classes, 1)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by `stride`."""
        self.check_input(image)
        maps = self.trunk(image)
        features = self.head(self.decoder(self.pyramid(maps.layers[-1]), maps))
        return SegmentationOutput(
            logits=_resize_like(self.classifier(features), image), features=features
        )


class Pyramid(nn.Module):
    """Atrous spatial pyramid: 1 x 1, three dilated 3 x 3, the whole image's mean; then 1 x 1."""

    def __init__(self, in_channels: int, dropout: float) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            [
                _conv_norm_act(in_channels, WIDTH, 1),
                *(_conv_norm_act(in_channels, WIDTH, 3, dilation=rate) for rate in RATES),
            ]
        )
        self.pooled = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, WIDTH, 1, bias=False),
            PooledBatchNorm2d(WIDTH),
            nn.ReLU(inplace=True),
        )
        self.mix = _conv_norm_act((len(RATES) + 2) * WIDTH, WIDTH, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 256, H, W) for `x`, (B, F, H, W)."""
        everywhere = self.pooled(x).expand(-1, -1, *x.shape[-2:])
        mixed: Tensor = self.mix(torch.cat([*(part(x) for part in self.parts), everywhere], dim=1))
        dropped: Tensor = self.dropout(mixed)
        return dropped


class PooledBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of one value per image and channel.

    A lone image has no statistics of its own: it takes the running ones, where the published
    program stops with an error.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, F, 1, 1)."""
        if x.shape[0] > 1 or not self.training:
            return super().forward(x)
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class PlainDecoder(nn.Module):
    """The pyramid at the size of layer1, beside layer1 narrowed to 48 maps."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.narrow = _conv_norm_act(widths[0], 48, 1)
        self.width = WIDTH + 48

    def forward(self, x: Tensor, maps: ResNetMaps) -> Tensor:
        """Return (B, 304, H/4, W/4)."""
        low = self.narrow(maps.layers[0])
        return torch.cat([_resize_like(x, low), low], dim=1)


class FusingDecoder(nn.Module):
    """From layer3 up to the stem: join the trunk's maps of that size, convolve twice, go on.

    Joining is concatenation or addition; the stem is joined last and not convolved here.
    """

    def __init__(
        self, widths: tuple[int, ...], fusion: Literal["cat", "add", "cat_no_stem"]
    ) -> None:
        super().__init__()
        self.adds = fusion == "add"
        self.takes_stem = fusion != "cat_no_stem"
        joined = (WIDTH, 256, 128)  # layer3, layer2, layer1
        wider = 1 if self.adds else 2
        self.narrow = nn.ModuleList(
            _conv_norm_act(below, width, 1)
            for below, width in zip(widths[2::-1], joined, strict=True)
        )
        self.blocks = nn.ModuleList(
            double_conv(wider * below, width)
            for below, width in zip(joined, (256, 128, STEM_WIDTH), strict=True)
        )
        if self.takes_stem:
            self.narrow_stem = _conv_norm_act(STEM_WIDTH, STEM_WIDTH, 1)
        self.width = STEM_WIDTH * (wider if self.takes_stem else 1)

    def forward(self, x: Tensor, maps: ResNetMaps) -> Tensor:
        """Return (B, width, H, W), without the stem (B, 64, H/2, W/2)."""
        for narrow, block, layer in zip(
            self.narrow, self.blocks, reversed(maps.layers[:3]), strict=True
        ):
            x = block(self._join(x, narrow(layer)))
        return self._join(x, self.narrow_stem(maps.stem)) if self.takes_stem else x

    def _join(self, x: Tensor, low: Tensor) -> Tensor:
        x = _resize_like(x, low)
        return x + low if self.adds else torch.cat([x, low], dim=1)


def _conv_norm_act(
    in_channels: int, out_channels: int, kernel: int, *, dilation: int = 1
) -> nn.Sequential:
    """Return convolution without bias that keeps the size, batch normalisation, ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _resize_like(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` at the size of `like`, bilinear with aligned corners; itself if it has it."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    size = (like.shape[-2], like.shape[-1])
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=True)
