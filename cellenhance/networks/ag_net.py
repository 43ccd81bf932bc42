"""AG-Net: the decoder refines each coarse map by an attention-guided filter of the encoder's maps.

Source: Zhang et al., arXiv 1907.12930; in the form of low-level feature fusion (PRCV 2021) and its
code, cbmi-group/icss-segmentation (9,326,700 parameters for 1 channel and 2 classes), with the
attention summed per image. All resizing is bilinear between pixel centres.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import InputConv2d, SegmentationNetwork
from cellenhance.networks.guided_filter import guided_filter
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings

WIDTHS = (32, 64, 128, 256)
"""Widths of the encoders E1 to E4, and in reverse of the decoders D5 to D8."""
CENTRE_WIDTH = 512
N_GROUPS = 32


class AGNetSettings(Settings):
    """Settings of `AGNet`."""

    norm_epsilon: float = Field(
        1e-5,
        gt=0,
        le=1e-2,
        description="added to the variance in group normalisation; the published 1e-10 lets "
        "gradients explode on evenly dark images",
    )


class AGNet(SegmentationNetwork):
    """Encoder with the image at four scales, guided filters up, a head on each decoder.

    The result is the mean of the four heads and has a loss of its own beside theirs.
    """

    Settings = AGNetSettings
    stride = 16
    min_size = 32
    receptive_field_px = None
    branch_names = ("head 5", "head 6", "head 7", "head 8")

    def __init__(self, in_channels: int, n_classes: int, settings: AGNetSettings) -> None:
        super().__init__(in_channels, n_classes, WIDTHS[0])
        epsilon = settings.norm_epsilon
        scaled = WIDTHS[1:]  # m2, m3, m4 are twice as wide as the encoder above them
        self.scales = nn.ModuleList(_scale(in_channels, width) for width in scaled)
        belows = (in_channels, *(m + e for m, e in zip(scaled, WIDTHS[:-1], strict=True)))
        self.encoders = nn.ModuleList(
            _convolutions(below, width, 2, epsilon, first=number == 0)
            for number, (below, width) in enumerate(zip(belows, WIDTHS, strict=True))
        )
        self.centre = _convolutions(WIDTHS[-1], CENTRE_WIDTH, 2, None)
        inputs = [2 * width for width in reversed(WIDTHS)]
        self.attentions = nn.ModuleList(Attention(width) for width in inputs)
        self.decoders = nn.ModuleList(
            _convolutions(width, width // 2, 3, epsilon) for width in inputs
        )
        self.heads = nn.ModuleList(nn.Conv2d(width // 2, n_classes, 1) for width in inputs)

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 16."""
        self.check_input(image)
        x, guides = self._encode(image)
        size = (image.shape[-2], image.shape[-1])
        heads = []
        for attention, decoder, head in zip(
            self.attentions, self.decoders, self.heads, strict=True
        ):
            fine_guide = guides.pop()
            guide = _resize(fine_guide, (x.shape[-2], x.shape[-1]))
            x = decoder(guided_filter(guide, x, fine_guide, attention(guide, x)))
            heads.append(
                _resize(head(x), size)
            )  # equals head(resized x), at a fraction of the cost
        logits = torch.stack(heads).mean(0)
        return SegmentationOutput(logits=logits, features=x, branch_logits=tuple(heads))

    def _encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the centre, (B, 512, H/16, W/16), and the guides from full size down to H/8."""
        maps = self.encoders[0](image)
        guides = [torch.cat([maps, maps], dim=1)]  # B,64,H,W
        for number, (scale, encoder) in enumerate(
            zip(self.scales, list(self.encoders)[1:], strict=True), start=1
        ):
            size = (image.shape[-2] >> number, image.shape[-1] >> number)
            scaled = scale(_resize(image, size))
            maps = encoder(torch.cat([scaled, functional.max_pool2d(maps, 2)], dim=1))
            guides.append(torch.cat([scaled, maps], dim=1))
        centre: Tensor = self.centre(functional.max_pool2d(maps, 2))
        return centre, guides


class Attention(nn.Module):
    """a = sigma(psi(ReLU(theta g + phi y))), one weight per pixel; three 1 x 1 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.theta = nn.Conv2d(width, width, 1)
        self.phi = nn.Conv2d(width, width, 1)
        self.psi = nn.Conv2d(width, 1, 1)

    def forward(self, guide: Tensor, coarse: Tensor) -> Tensor:
        """Return (B, 1, h, w) in (0, 1) for two (B, F, h, w)."""
        joined = functional.relu(self.theta(guide) + self.phi(coarse))
        return torch.sigmoid(self.psi(joined))


def _scale(in_channels: int, width: int) -> nn.Sequential:
    """Return the convolution k3p1 and ReLU that look at the image at one of its smaller scales."""
    return nn.Sequential(InputConv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True))


def _convolutions(
    in_channels: int, width: int, n: int, epsilon: float | None, *, first: bool = False
) -> nn.Sequential:
    """Return n times [convolution k3p1 without bias, group normalisation if epsilon, ReLU]."""
    layers: list[nn.Module] = []
    for number in range(n):
        convolution = InputConv2d if first and number == 0 else nn.Conv2d
        below = width if number else in_channels
        layers.append(convolution(below, width, 3, padding=1, bias=False))
        if epsilon is not None:
            groups = N_GROUPS if width >= N_GROUPS else 1
            layers.append(nn.GroupNorm(groups, width, eps=epsilon))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `x` at `size`, bilinear between pixel centres; itself where it has that size."""
    if x.shape[-2:] == size:
        return x
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
