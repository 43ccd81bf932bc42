"""How much a decoder's level relies on deep maps: they are set to zero, everything else stays.

Source: low-level feature fusion (PRCV 2021, cbmi-group/icss-segmentation), which sets the deep half
of the first decoder convolution of a trained U-Net to zero, level by level.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cellenhance.networks.blocks import SegmentationNetwork


def probed_levels(network: SegmentationNetwork) -> tuple[str, ...]:
    """Return the levels that can be probed, deepest first; none for networks without skips."""
    return tuple(dict.fromkeys(each.level for each in network.deep_inputs()))


@contextmanager
def without_deep_half(network: SegmentationNetwork, level: str) -> Iterator[None]:
    """Within the block the deep inputs at `level` count as zero; the weights come back after it."""
    mine = [each for each in network.deep_inputs() if each.level == level]
    kept = [each.convolution.weight.detach().clone() for each in mine]
    try:
        with torch.no_grad():
            for each in mine:
                # A weight of zero is the same as an input of zero.
                each.convolution.weight[:, each.channels] = 0
        yield
    finally:
        with torch.no_grad():
            for each, weight in zip(mine, kept, strict=True):
                each.convolution.weight.copy_(weight)
