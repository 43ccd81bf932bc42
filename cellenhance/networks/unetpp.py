"""U-Net++: a grid of nested skip connections, in both published forms, whole or pruned.

Source: Zhou et al., arXiv 1807.10165. X(i, j) is the node at depth i, column j, i + j <= depth:
X(i, 0) = DC(pool X(i-1, 0)), X(i, j) = DC(cat[X(i, 0), .., X(i, j-1), Up X(i+1, j-1)]).
Parameters for 1 channel and 1 class at depths 1 to 4 with one head: form common 102,465, 518,529,
2,235,585, 9,162,753; form keras 100,961, 511,105, 2,204,961, 9,041,601. Each further head adds 33.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import (
    DeepInput,
    Dropout,
    InputConv2d,
    SegmentationNetwork,
    double_conv,
    first_convolution,
    initialise_he_,
    level_name,
)
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import Settings

WIDTHS = (32, 64, 128, 256, 512)
RECEPTIVE_FIELDS_KERAS = (19, 47, 103, 215)
"""Of form keras at depths 1 to 4. Form common resizes whole maps corner to corner and has none."""


class UNetPlusPlusSettings(Settings):
    """Settings of `UNetPlusPlus`."""

    form: Literal["common", "keras"] = Field(
        "common",
        description="common: batch normalisation, bilinear x 2 (corners aligned); keras: the "
        "authors' code, no normalisation, transposed convolution k2s2, dropout",
    )
    depth: int = Field(4, ge=1, le=4, description="L of the pruned network: nodes with i + j <= L")
    deep_supervision: bool = Field(
        True,
        description="true: a head on X(0, 1) to X(0, L), each trained, the result is their mean; "
        "false: one head on X(0, L)",
    )
    dropout: float = Field(
        0.5, ge=0, lt=1, description="form keras: drop probability after each convolution"
    )


class UNetPlusPlus(SegmentationNetwork):
    """The grid, computed column by column, and its heads on the top row.

    Concatenation order: common (X(i, 0), .., X(i, j-1), up), keras (up, X(i, 0), .., X(i, j-1)).
    `features` is X(0, L), which the last head reads.
    """

    Settings = UNetPlusPlusSettings

    def __init__(self, in_channels: int, n_classes: int, settings: UNetPlusPlusSettings) -> None:
        super().__init__(in_channels, n_classes, WIDTHS[0])
        self.depth = settings.depth
        self.up_first = settings.form == "keras"
        self.stride = self.min_size = 2**settings.depth
        self.receptive_field_px = (
            RECEPTIVE_FIELDS_KERAS[settings.depth - 1] if settings.form == "keras" else None
        )
        self.nodes = nn.ModuleDict()
        self.ups = nn.ModuleDict()
        for j in range(settings.depth + 1):
            for i in range(settings.depth + 1 - j):
                self._add_node(i, j, settings)
        first_head = 1 if settings.deep_supervision else settings.depth
        self.heads = nn.ModuleDict(
            {
                f"x0_{j}": nn.Conv2d(WIDTHS[0], n_classes, 1)
                for j in range(first_head, settings.depth + 1)
            }
        )
        if settings.deep_supervision:
            self.branch_names = tuple(f"head {j}" for j in range(1, settings.depth + 1))
            self.trains_result = False
        if settings.form == "keras":
            initialise_he_(self)
            for up in self.ups.modules():
                if isinstance(up, nn.ConvTranspose2d):
                    nn.init.xavier_uniform_(up.weight)  # as Keras does by default

    def _add_node(self, i: int, j: int, settings: UNetPlusPlusSettings) -> None:
        width = WIDTHS[i]
        if j == 0:
            inputs = self.in_channels if i == 0 else WIDTHS[i - 1]
        elif settings.form == "keras":
            inputs = (j + 1) * width
            self.ups[f"x{i}_{j}"] = nn.ConvTranspose2d(WIDTHS[i + 1], width, 2, stride=2)
        else:
            inputs = j * width + WIDTHS[i + 1]
        first = i == j == 0
        self.nodes[f"x{i}_{j}"] = (
            dropped_double_conv(inputs, width, settings.dropout, first=first)
            if settings.form == "keras"
            else double_conv(inputs, width, first=first)
        )

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) with sides divisible by 2^L."""
        self.check_input(image)
        rows: list[list[Tensor]] = []  # rows[i][j] = X(i, j): B,width_i,H/2^i,W/2^i
        for i in range(self.depth + 1):
            below = functional.max_pool2d(rows[-1][0], 2) if rows else image
            rows.append([self.nodes[f"x{i}_0"](below)])
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                up = self._up(rows[i + 1][j - 1], f"x{i}_{j}")
                inputs = [up, *rows[i]] if self.up_first else [*rows[i], up]
                rows[i].append(self.nodes[f"x{i}_{j}"](torch.cat(inputs, dim=1)))
        top = rows[0]
        heads = tuple(head(top[int(name[3:])]) for name, head in self.heads.items())
        if len(self.branch_names) == 0:
            return SegmentationOutput(logits=heads[0], features=top[-1])
        mean = torch.stack([logits.float() for logits in heads]).mean(0)
        return SegmentationOutput(logits=mean, features=top[-1], branch_logits=heads)

    def deep_inputs(self) -> tuple[DeepInput, ...]:
        """Return the upsampled input of every node X(i, j), j > 0; a level is a row of the grid."""
        found = []
        for i in range(self.depth - 1, -1, -1):
            for j in range(1, self.depth + 1 - i):
                convolution = first_convolution(self.nodes[f"x{i}_{j}"])
                n_skips = j * WIDTHS[i]
                n_deep = convolution.in_channels - n_skips
                deep = slice(0, n_deep) if self.up_first else slice(n_skips, None)
                found.append(DeepInput(level_name(i), convolution, deep))
        return tuple(found)

    def _up(self, x: Tensor, node: str) -> Tensor:
        """Return `x` with its sides doubled, as an input of `node`."""
        if node in self.ups:
            upsampled: Tensor = self.ups[node](x)
            return upsampled
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def dropped_double_conv(
    in_channels: int, out_channels: int, dropout: float, *, first: bool
) -> nn.Sequential:
    """Return twice [convolution k3p1, ReLU, dropout]."""
    convolution = InputConv2d if first else nn.Conv2d
    return nn.Sequential(
        convolution(in_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        Dropout(dropout),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(inplace=True),
        Dropout(dropout),
    )
