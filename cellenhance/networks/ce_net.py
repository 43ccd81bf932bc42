"""CE-Net: ResNet-34 encoder, dense atrous convolution, residual multi-kernel pooling, decoder.

Source: Gu et al., arXiv 1903.02740, and its official code. Parameters: 29,003,093 for 3 channels
and 1 class, 28,996,821 for 1 and 1. The code ends in a sigmoid; here the result is logits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.resnet import ResNet
from cellenhance.settings import Settings

POOLS = (2, 3, 5, 6)
HEAD_WIDTH = 32


class CENetSettings(Settings):
    """Settings of `CENet`: there are none."""


class CENet(SegmentationNetwork):
    """Encoder maps e1 to e4 (H/4 to H/32); context on e4; a decoder that adds e3, e2 and e1.

    The pooling of 6 x 6 needs e4 to be that large, hence sides of 192 and more. Its maps depend on
    the size of the whole input: there is no receptive field.
    """

    Settings = CENetSettings
    stride = 32
    min_size = 192
    receptive_field_px = None

    def __init__(self, in_channels: int, n_classes: int, settings: CENetSettings) -> None:  # noqa: ARG002
        super().__init__(in_channels, n_classes, HEAD_WIDTH)
        self.encoder = ResNet(34, in_channels)
        self.atrous = DenseAtrousConvolution(512)
        self.pooling = ResidualMultiKernelPooling(512)
        self.decoder4 = decoder_block(512 + len(POOLS), 256)
        self.decoder3 = decoder_block(256, 128)
        self.decoder2 = decoder_block(128, 64)
        self.decoder1 = decoder_block(64, 64)
        self.head = nn.Sequential(
            nn.ConvTranspose2d(64, HEAD_WIDTH, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(HEAD_WIDTH, HEAD_WIDTH, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Conv2d(HEAD_WIDTH, n_classes, 3, padding=1)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 32 and at least 192."""
        self.check_input(image)
        e1, e2, e3, e4 = self.encoder(image).layers
        x = self.pooling(self.atrous(e4))  # B,516,H/32,W/32
        x = self.decoder4(x) + e3  # B,256,H/16,W/16
        x = self.decoder3(x) + e2  # B,128,H/8,W/8
        x = self.decoder2(x) + e1  # B,64,H/4,W/4
        x = self.decoder1(x)  # B,64,H/2,W/2
        features = self.head(x)  # B,32,H,W
        return SegmentationOutput(logits=self.classifier(features), features=features)


class DenseAtrousConvolution(nn.Module):
    """x + R(a x) + R(k b x) + R(k b a x) + R(k c b a x): four fields of 3, 7, 9 and 19.

    R is the ReLU; a, b, c are 3 x 3 convolutions dilated by 1, 3, 5 and k is a 1 x 1 convolution,
    each used wherever its letter stands, with one set of weights.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(width, width, 3, padding=1)
        self.b = nn.Conv2d(width, width, 3, padding=3, dilation=3)
        self.c = nn.Conv2d(width, width, 3, padding=5, dilation=5)
        self.k = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum, (B, width, h, w) like `x`."""
        relu = functional.relu
        ax = self.a(x)
        bax = self.b(ax)
        branches = (ax, self.k(self.b(x)), self.k(bax), self.k(self.c(bax)))
        for branch in branches:
            x = x + relu(branch)
        return x


class ResidualMultiKernelPooling(nn.Module):
    """Max-pooling by 2, 3, 5, 6, each squeezed to one map and resized, before the input itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4 + width, h, w) for `x`, (B, width, h, w) with sides of 6 and more."""
        pooled = [self.squeeze(functional.max_pool2d(x, size)) for size in POOLS]
        maps = [functional.interpolate(p, size=x.shape[-2:], mode="bilinear") for p in pooled]
        return torch.cat([*maps, x], dim=1)


def decoder_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return 1 x 1 to a quarter, transposed convolution k3s2p1op1, 1 x 1; each BN and ReLU."""
    inner = in_channels // 4
    return nn.Sequential(
        nn.Conv2d(in_channels, inner, 1),
        nn.BatchNorm2d(inner),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1),
        nn.BatchNorm2d(inner),
        nn.ReLU(inplace=True),
        nn.Conv2d(inner, out_channels, 1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
