"""VGG16's convolutions with torchvision's parameter names, batch-normalised or not.

Source: Simonyan & Zisserman, arXiv 1409.1556 (configuration D), without its linear layers.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from cellenhance.networks.blocks import InputConv2d

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Widths of the convolutions; a stage ends in 2 x 2 max-pooling."""


@dataclass(frozen=True, slots=True)
class VGGStage:
    """What one of the five stages computed; n is its number from 0.

    Attributes
    ----------
    maps : (B, F, H/2^n, W/2^n), the last convolution's, after its ReLU
    pooled : (B, F, H/2^(n+1), W/2^(n+1)), their maxima
    indices : int64 of the shape of `pooled`: where in `maps` (H x W flat) each maximum stood
    """

    maps: Tensor
    pooled: Tensor
    indices: Tensor


class VGG16(nn.Module):
    """Thirteen 3 x 3 convolutions in five stages; `features.N` as in torchvision's vgg16(_bn)."""

    def __init__(self, in_channels: int, *, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        below = in_channels
        for widths in STAGES:
            for width in widths:
                convolution = nn.Conv2d if layers else InputConv2d
                layers.append(convolution(below, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if batch_norm else []
                layers.append(nn.ReLU(inplace=True))
                below = width
            layers.append(nn.MaxPool2d(2, return_indices=True))
        self.features = nn.Sequential(*layers)
        initialise_convolutions(self)

    def forward(self, image: Tensor) -> tuple[VGGStage, ...]:
        """Return all stages of `image`, (B, C, H, W) with sides divisible by 32."""
        stages = []
        x = image
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                pooled, indices = layer(x)
                stages.append(VGGStage(maps=x, pooled=pooled, indices=indices))
                x = pooled
            else:
                x = layer(x)
        return tuple(stages)


def initialise_convolutions(network: nn.Module) -> None:
    """Draw all convolutions' weights He normal (fan in, ReLU) and set their biases to zero.

    Without batch normalisation PyTorch's own initialisation lets thirteen layers fade to nothing.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
