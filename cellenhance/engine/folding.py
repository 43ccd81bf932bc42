"""Batch normalisation folded into the convolution before it: the same function, fewer passes.

Holds in eval mode only, where normalisation is a fixed affine map of each channel.
"""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cellenhance.networks.aep import AEP
from cellenhance.networks.blocks import SegmentationNetwork


def fold_batch_norm(network: SegmentationNetwork) -> SegmentationNetwork:
    """Return a copy of a network in eval mode without the batch normalisations that can be folded.

    Folded is each one that directly follows a convolution in an `nn.Sequential`; network 2 of AEP
    becomes one folded network per translation where their statistics differ. Outputs agree with the
    original up to float32 rounding.

    Raises
    ------
    ValueError
        The network is in training mode.
    """
    if network.training:
        raise ValueError("only a network in eval mode can be folded")
    folded = copy.deepcopy(network)
    if isinstance(folded, AEP):
        folded.prepare_folding()
    for block in folded.modules():
        if isinstance(block, nn.Sequential):
            for index in range(len(block) - 1):
                _fold_pair(block, index)
    return folded


def _fold_pair(block: nn.Sequential, index: int) -> None:
    convolution, norm = block[index], block[index + 1]
    if not isinstance(norm, nn.BatchNorm2d):
        return
    if isinstance(convolution, nn.ConvTranspose2d):
        block[index] = fuse_conv_bn_eval(convolution, norm, transpose=True)
    elif isinstance(convolution, nn.Conv2d):
        block[index] = fuse_conv_bn_eval(convolution, norm)
    else:
        return
    block[index + 1] = nn.Identity()
