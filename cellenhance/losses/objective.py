"""The objective of a training step: the loss summed over every output of the network.

For AEP these are the S + 1 unweighted terms of Kato & Hotta 2021, Eq. (1): network 1, each pass of
network 2, the ensemble.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cellenhance.losses.cross_entropy import cross_entropy
from cellenhance.losses.terms import LossTerms
from cellenhance.networks.outputs import SegmentationOutput

FINAL = "final"
"""Name of the loss on the network's result (the ensemble, or a plain network's only output)."""


def compute_objective(
    output: SegmentationOutput,
    mask: Tensor,
    branch_names: tuple[str, ...],
    *,
    trains_result: bool = True,
) -> LossTerms:
    """Return the cross-entropy of every output and their sum.

    Parameters
    ----------
    output : of a forward pass; where the result IS a branch (ensemble: none) it counts once
    mask : (B, H, W) int64, 255 is ignored
    branch_names : names of `output.branch_logits`, in order
    trains_result : whether the result has a term of its own beside those of the branches
    """
    parts = {
        name: cross_entropy(logits, mask)
        for name, logits in zip(branch_names, output.branch_logits, strict=True)
    }
    is_branch = any(logits is output.logits for logits in output.branch_logits)
    if not parts or (trains_result and not is_branch):
        parts[FINAL] = cross_entropy(output.logits, mask)
    return LossTerms(total=torch.stack([*parts.values()]).sum(), parts=parts)
