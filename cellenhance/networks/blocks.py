"""Building blocks shared by the architectures, and the base class that they all fill in.

Nothing here reads files or knows about training.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.outputs import SegmentationOutput

Norm = Literal["batch", "none"]
"""Whether a convolution is followed by batch normalisation."""

Mixing = Literal["mean", "sum", "learned", "chosen"]
"""How branches become the result: mean, sum of logits, sum with learned weights, one alone."""


@dataclass(frozen=True, slots=True)
class DeepInput:
    """Where a decoder joins deep maps and a skip: a convolution and its deep input channels.

    `level` is the scale, such as "H/4"; one level may have several convolutions.
    """

    level: str
    convolution: nn.Conv2d
    channels: slice


class SegmentationNetwork(nn.Module, ABC):
    """Base of all architectures: what a caller may rely on besides `forward`.

    Attributes
    ----------
    stride : input sides must be multiples of it
    min_size : smallest input side in pixels
    receptive_field_px : odd width of the window centred on a pixel outside which no input pixel
        can change that pixel's output (in eval mode); (width - 1) / 2 is the context a tile needs;
        None where every pixel may depend on the whole input (global pooling, resizing of the whole
        map): such a network is always run on windows of one fixed size
    in_channels, n_classes, feature_channels : sizes of input, logits and penultimate maps
    classifier : the 1 x 1 convolution from penultimate maps to logits, where there is one
    branch_names : names of `SegmentationOutput.branch_logits`, in order
    trains_result : whether the result has a loss term of its own beside those of the branches;
        False where it is only a mean of heads that are trained one by one (deep supervision)
    mixing : how the branches become the result
    final_branch : place in `branch_names` of the branch that alone is the result, if one is
    n_filters : number of additive filters, each of which makes a translation; 0 without them
    """

    stride: int
    min_size: int
    receptive_field_px: int | None
    branch_names: tuple[str, ...] = ()
    trains_result: bool = True
    mixing: Mixing = "mean"
    final_branch: int | None = None
    n_filters: int = 0
    classifier: nn.Conv2d

    def __init__(self, in_channels: int, n_classes: int, feature_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.n_classes = n_classes
        self.feature_channels = feature_channels

    @abstractmethod
    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) float32 in [0, 1]."""

    @property
    def has_translations(self) -> bool:
        """Tell whether the network makes enhanced images of its input and segments those."""
        return self.n_filters > 0

    def deep_inputs(self) -> tuple[DeepInput, ...]:
        """Return where deep maps and skips are concatenated, deepest first; may be empty."""
        return ()

    def prepare_folding(self) -> None:
        """Become one network per normalisation to fold (eval mode); most networks do nothing."""
        return

    def check_input(self, image: Tensor) -> None:
        """Raise ValueError, with a size that works, unless both sides fit `stride`."""
        height, width = image.shape[-2:]
        if height % self.stride or width % self.stride or min(height, width) < self.min_size:
            fitting = [fit_size(side, self.stride, self.min_size) for side in (height, width)]
            raise ValueError(
                f"{type(self).__name__} takes sides that are multiples of {self.stride} and at "
                f"least {self.min_size}, not {height} x {width}; pad to "
                f"{fitting[0]} x {fitting[1]}"
            )


def first_convolution(block: nn.Module) -> nn.Conv2d:
    """Return the convolution that `block` begins with."""
    return next(module for module in block.modules() if isinstance(module, nn.Conv2d))


def level_name(scale: int) -> str:
    """Return "H/4" for 2 halvings, "H" for none."""
    return f"H/{2**scale}" if scale else "H"


def fit_size(side: int, stride: int, min_size: int) -> int:
    """Return the smallest multiple of `stride` that is >= `side` and >= `min_size`."""
    return -(-max(side, min_size) // stride) * stride


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which autocast is off; the shape-only meta device has no autocast."""
    if device.type == "meta":
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


class InputConv2d(nn.Conv2d):
    """A network's first convolution: always computed in float32.

    Low-contrast images differ by less than bfloat16's 8 bits; the first convolution is where the
    differences are turned into features that survive rounding.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Convolve (B, C, H, W) with autocast off."""
        with full_precision(image.device):
            return super().forward(image.float())


class Dropout(nn.Module):
    """Elementwise inverted dropout from cheap random bits.

    On the CPU a draw of torch's generator yields 64 bits; one byte decides one element, so the drop
    probability is rounded to a multiple of 1/256 (0.5 is exact). Accelerators use torch's own.
    The draws come from torch's global generator, which the engine seeds for every step.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Zero elements of `x` with the drop probability and rescale the rest; identity in eval."""
        if not self.training or self.probability == 0.0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.probability)
        n_of_256 = round(self.probability * 256)
        scale = 256 / (256 - n_of_256)
        return x * (_random_bytes_like(x) >= n_of_256).to(x.dtype).mul_(scale)

    def extra_repr(self) -> str:
        """Show the probability in the layer summary."""
        return f"probability={self.probability}"


def _random_bytes_like(x: Tensor) -> Tensor:
    """Return uniform uint8 of the shape and memory layout of `x`."""
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64)
    words.random_(torch.iinfo(torch.int64).min, None)
    bytes_ = words.view(torch.uint8)[: x.numel()]
    if x.is_contiguous(memory_format=torch.channels_last):
        return bytes_.view(x.shape[0], *x.shape[2:], x.shape[1]).permute(0, 3, 1, 2)
    return bytes_.view(x.shape)


def conv_norm_act(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    *,
    first: bool = False,
    norm: Norm = "batch",
) -> nn.Sequential:
    """Return convolution (padding 1, with bias), batch normalisation unless `none`, ReLU."""
    convolution = InputConv2d if first else nn.Conv2d
    layers: list[nn.Module] = [
        convolution(in_channels, out_channels, kernel, stride=stride, padding=1)
    ]
    if norm == "batch":
        layers.append(nn.BatchNorm2d(out_channels))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def up_norm_act(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return transposed convolution k4s2p1 (doubles both sides), batch normalisation, ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def bilinear_up(in_channels: int, out_channels: int) -> nn.Module:
    """Return 1 x 1 convolution and bilinear resize x 2 between half-pixel centres.

    The two commute (bilinear weights add up to 1); on the small map the convolution costs a
    quarter. Half-pixel centres keep the network shift-invariant by its stride, so tiles fit.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1), nn.Upsample(scale_factor=2, mode="bilinear")
    )


def double_conv(
    in_channels: int, out_channels: int, *, first: bool = False, norm: Norm = "batch"
) -> nn.Sequential:
    """Return DC(in -> out): twice [convolution k3p1, batch normalisation, ReLU]."""
    return double_conv_to(in_channels, out_channels, out_channels, first=first, norm=norm)


def double_conv_to(
    in_channels: int,
    mid_channels: int,
    out_channels: int,
    *,
    first: bool = False,
    norm: Norm = "batch",
) -> nn.Sequential:
    """Return a double convolution whose second convolution has a width of its own."""
    return nn.Sequential(
        conv_norm_act(in_channels, mid_channels, 3, first=first, norm=norm),
        conv_norm_act(mid_channels, out_channels, 3, norm=norm),
    )


def initialise_he_(network: nn.Module) -> None:
    """Draw all convolutions from N(0, 2 / n), n the inputs of one output; biases become 0.

    He et al. 2015 (arXiv 1502.01852), as the U-Net paper uses it: without normalisation it keeps
    the size of activations similar over many layers of ReLU.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            taps = math.prod(module.kernel_size)
            if isinstance(module, nn.ConvTranspose2d):
                taps //= math.prod(module.stride)
            n_inputs = module.in_channels // module.groups * taps
            nn.init.normal_(module.weight, 0.0, math.sqrt(2 / n_inputs))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
