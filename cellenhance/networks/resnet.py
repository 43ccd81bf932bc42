"""ResNet-34/50/101 trunks with torchvision's parameter names, so that its weights fit by name.

Source: He et al., arXiv 1512.03385; the stride of a bottleneck is in its 3 x 3 convolution, as in
torchvision. Dilated last layer: Chen et al., arXiv 1706.05587.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import InputConv2d

Depth = Literal[34, 50, 101]
STEM_WIDTH = 64


@dataclass(frozen=True, slots=True)
class ResNetMaps:
    """What the trunk computed; s is the stride of its stem.

    Attributes
    ----------
    stem : (B, 64, H/s, W/s), after the first batch normalisation and before its ReLU
    layers : the maps of layer1 to layer4, at H/2s, H/4s, H/8s and H/16s (with a dilated layer4
        again H/8s)
    """

    stem: Tensor
    layers: tuple[Tensor, Tensor, Tensor, Tensor]


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv3(in_channels, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3(width, width, 1, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, H/stride, W/stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(y + shortcut)
        return result


class Bottleneck(nn.Module):
    """Convolutions 1 x 1, 3 x 3, 1 x 1 (four times as wide) and a shortcut."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4 * width, H/stride, W/stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(y + shortcut)
        return result


DEPTHS: Mapping[Depth, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}
"""Kind of block and number of blocks in layer1 to layer4."""


class ResNet(nn.Module):
    """Stem (7 x 7 convolution, 3 x 3 max-pooling), four layers of residual blocks, no classifier.

    Parameters
    ----------
    stem_stride : of the first convolution; 1 doubles the resolution of all maps
    layer4_dilations : dilation of each block of layer4, which then keeps the resolution of layer3
        (DeepLab: 2, 4, 8); None for the usual stride 2
    """

    def __init__(
        self,
        depth: Depth,
        in_channels: int,
        *,
        stem_stride: Literal[1, 2] = 2,
        layer4_dilations: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = InputConv2d(
            in_channels, STEM_WIDTH, 7, stride=stem_stride, padding=3, bias=False
        )
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        block, (n1, n2, n3, n4) = DEPTHS[depth]
        self.widths = tuple(block.expansion * width for width in (64, 128, 256, 512))
        self.layer1 = _layer(block, STEM_WIDTH, 64, [1] * n1)
        self.layer2 = _layer(block, self.widths[0], 128, [1] * n2, stride=2)
        self.layer3 = _layer(block, self.widths[1], 256, [1] * n3, stride=2)
        if layer4_dilations is None:
            self.layer4 = _layer(block, self.widths[2], 512, [1] * n4, stride=2)
        else:
            self.layer4 = _layer(block, self.widths[2], 512, layer4_dilations)

    def forward(self, image: Tensor) -> ResNetMaps:
        """Return all maps of `image`, (B, C, H, W)."""
        stem = self.bn1(self.conv1(image))
        x = functional.max_pool2d(functional.relu(stem), 3, stride=2, padding=1)
        one = self.layer1(x)
        two = self.layer2(one)
        three = self.layer3(two)
        return ResNetMaps(stem=stem, layers=(one, two, three, self.layer4(three)))


def _layer(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    width: int,
    dilations: Sequence[int],
    *,
    stride: int = 1,
) -> nn.Sequential:
    """Return one block for each of `dilations`, the first of them with the stride."""
    first = block(in_channels, width, stride, dilations[0])
    widened = block.expansion * width
    return nn.Sequential(first, *(block(widened, width, 1, d) for d in dilations[1:]))


def _conv3(in_channels: int, out_channels: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation, bias=False
    )


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """Return the 1 x 1 projection of the input where it does not fit the block's output."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )
