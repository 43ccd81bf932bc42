"""Other ways of mixing the branches of an AEP network that is trained already.

The weights of the networks stay as they are: what is compared is the mixing alone. Branches by
themselves ("without ensemble", network 1 alone) are outputs of the network anyway.

Source: Kato & Hotta, arXiv 2108.13118, Table II ("fixed": all weights 1; "w/o ensemble").
"""

from __future__ import annotations

import torch
from torch import Tensor

from cellenhance.networks.aep import AEP
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.stored_confusion import FIXED_WEIGHTS


def variant_names(network: SegmentationNetwork) -> tuple[str, ...]:
    """Return the variants of a network: none unless it mixes branches otherwise than by a sum."""
    is_mixing = isinstance(network, AEP)
    is_sum = is_mixing and network.ensemble is None and network.final_branch is None
    return (FIXED_WEIGHTS,) if is_mixing and not is_sum else ()


def variant_logits(network: SegmentationNetwork, output: SegmentationOutput) -> tuple[Tensor, ...]:
    """Return the logits (B, K, H, W) of each variant, in the order of `variant_names`.

    Fixed weights are the sum of the logits of all outputs; their mean gives the same mask.
    """
    if not variant_names(network):
        return ()
    return (torch.stack([logits.float() for logits in output.branch_logits]).sum(0),)
