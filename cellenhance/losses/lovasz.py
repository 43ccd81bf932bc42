"""The Lovász extension of the Jaccard loss, shared by its softmax and its hinge form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def lovasz_extension(
    errors: Tensor, truth: Tensor, valid: Tensor, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return sum_k w_k a(e_k) of each row, errors in descending order.

    Parameters
    ----------
    errors, truth, valid : (R, N); float32, 1 = of the class, 1 = annotated
    activation : a, applied to the sorted errors

    Notes
    -----
    With g the truth in the order of the errors and G = sum g,

        J_k = 1 - (G - sum_{i<=k} g_i) / (G + sum_{i<=k} (1 - g_i)),
        w_1 = J_1, w_k = J_k - J_{k-1};

    w is constant in the backward pass. Pixels that are not annotated are sorted last, where they
    change no weight of the others, and contribute nothing.

    Source: Berman et al. 2018, arXiv 1705.08790.
    """
    lowest = torch.finfo(errors.dtype).min
    ordered, order = errors.masked_fill(valid == 0, lowest).sort(dim=1, descending=True)
    weights = _jaccard_steps(truth.gather(1, order))
    kept = torch.where(valid.gather(1, order) > 0, activation(ordered), 0.0)
    return (weights * kept).sum(dim=1)


def _jaccard_steps(truth: Tensor) -> Tensor:
    """Return w of (R, N) truths in the order of the errors."""
    total = truth.sum(dim=1, keepdim=True)
    intersection = total - truth.cumsum(dim=1)
    union = total + (1 - truth).cumsum(dim=1)
    jaccard = 1 - intersection / union
    return torch.cat([jaccard[:, :1], jaccard.diff(dim=1)], dim=1)


def as_rows(maps: Tensor, *, per_image: bool) -> Tensor:
    """Return (B, C, H, W) as (B, C, H W), or as (1, C, B H W) when the batch is one."""
    if per_image:
        return maps.flatten(2)
    return maps.transpose(0, 1).flatten(1)[None]
