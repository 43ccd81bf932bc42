"""The Xception trunk up to the last separable convolution of block 13, with its four taps.

Source: Chollet, arXiv 1610.02357, as in Keras: valid stem, otherwise 'same' padding, batch
normalisation with epsilon 1e-3 and momentum 0.99 (PyTorch counts 0.01). For 3 channels it has
15,310,632 parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import InputConv2d

STEM_WIDTHS = (32, 64)
ENTRY_WIDTHS = (128, 256, 728)
N_MIDDLE_BLOCKS = 8
EXIT_WIDTH = 1024


@dataclass(frozen=True, slots=True)
class XceptionMaps:
    """Outputs of batch normalisations, before any activation, for H and W divisible by 16.

    Attributes
    ----------
    half : (B, 128, H/2 - 3, W/2 - 3), block 2; the stem's valid convolutions cost 3 pixels
    quarter : (B, 256, H/4 - 1, W/4 - 1), block 3
    eighth : (B, 728, H/8, W/8), block 4
    sixteenth : (B, 1024, H/16, W/16), block 13
    """

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor


class Xception(nn.Module):
    """Stem, entry blocks 2 to 4, middle blocks 5 to 12, the separable pair of block 13.

    Attributes
    ----------
    tap_widths : channels of the four taps, from H/2 to H/16
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        first, second = STEM_WIDTHS
        width2, width3, width4 = ENTRY_WIDTHS
        self.tap_widths = (*ENTRY_WIDTHS, EXIT_WIDTH)
        self.stem = nn.Sequential(
            InputConv2d(in_channels, first, 3, stride=2, bias=False),
            keras_norm(first),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, bias=False),
            keras_norm(second),
            nn.ReLU(inplace=True),
        )
        self.block2 = EntryBlock(second, width2)
        self.block3 = EntryBlock(width2, width3)
        self.block4 = EntryBlock(width3, width4)
        self.middle = nn.Sequential(*(MiddleBlock(width4) for _ in range(N_MIDDLE_BLOCKS)))
        self.block13 = nn.Sequential(
            nn.ReLU(),  # not in place, as in MiddleBlock
            separable(width4, width4),
            nn.ReLU(inplace=True),
            separable(width4, EXIT_WIDTH),
        )

    def forward(self, image: Tensor) -> XceptionMaps:
        """Return the taps of `image`, (B, C, H, W)."""
        half, x = self.block2(self.stem(image))
        quarter, x = self.block3(functional.relu(x), x)
        eighth, x = self.block4(functional.relu(x), x)
        sixteenth = self.block13(self.middle(x))
        return XceptionMaps(half=half, quarter=quarter, eighth=eighth, sixteenth=sixteenth)


class EntryBlock(nn.Module):
    """Two separable convolutions (the tap), max-pooling 3 x 3 of stride 2, projected shortcut."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            separable(in_channels, out_channels),
            nn.ReLU(inplace=True),
            separable(out_channels, out_channels),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride=2, bias=False),
            keras_norm(out_channels),
        )

    def forward(self, activated: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the tap and the block's output at half its size.

        The shortcut starts from `x`, what `activated` was before its ReLU; block 2 has only one.
        """
        tap = self.convolutions(activated)
        return tap, pool_same(tap) + self.shortcut(activated if x is None else x)


class MiddleBlock(nn.Module):
    """Three times [ReLU, separable convolution], added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.ReLU(),  # not in place: the input is added below
            separable(width, width),
            nn.ReLU(inplace=True),
            separable(width, width),
            nn.ReLU(inplace=True),
            separable(width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, h, w) like `x`."""
        result: Tensor = x + self.convolutions(x)
        return result


def separable(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return depthwise 3 x 3 and pointwise 1 x 1 convolution without bias, batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        keras_norm(out_channels),
    )


def keras_norm(width: int) -> nn.BatchNorm2d:
    """Return batch normalisation with Keras's defaults."""
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def pool_same(x: Tensor) -> Tensor:
    """Return max-pooling 3 x 3 of stride 2 to ceil(h / 2), ceil(w / 2), padded as in Keras.

    An odd side is padded at both ends, an even one at its far end only.
    """
    height, width = x.shape[-2:]
    return functional.max_pool2d(x, 3, stride=2, padding=(height % 2, width % 2), ceil_mode=True)
