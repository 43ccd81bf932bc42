"""Focal loss."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.terms import TermSettings

_FLOOR = 1e-6


class FocalSettings(TermSettings):
    """Balance, focus, and whether the focus is differentiated."""

    alpha: float = Field(0.25, ge=0, le=1, description="weight of the class, 1 - alpha of the rest")
    gamma: float = Field(2, ge=0, description="exponent of the modulating factor")
    detached: bool = Field(
        False, description="no gradient through the modulating factor, as in icss-segmentation"
    )


def focal(logits: Tensor, mask: Tensor, settings: FocalSettings | None = None) -> Tensor:
    """Return the mean of -a (1-p)^g log p where y = 1 and -(1-a) p^g log(1-p) where y = 0.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    p is clamped to [1e-6, 1 - 1e-6] and has no gradient beyond it. K = 2: p is the probability of
    class 1; K > 2: each class against the rest. The mean is over annotated pixels and classes.

    Source: Lin et al. 2017; clamping and `detached` as in icss-segmentation.
    """
    settings = settings or FocalSettings()
    problem = one_vs_rest(logits, mask)
    probability = problem.probability.clamp(_FLOOR, 1 - _FLOOR)
    right = torch.where(problem.truth > 0, probability, 1 - probability)
    alpha = torch.where(problem.truth > 0, settings.alpha, 1 - settings.alpha)
    wrong = (1 - right).detach() if settings.detached else 1 - right
    return problem.mean_of_pixels(-alpha * wrong**settings.gamma * right.log())
