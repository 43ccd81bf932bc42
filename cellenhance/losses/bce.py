"""Binary cross-entropy."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.terms import TermSettings


class BceSettings(TermSettings):
    """Nothing to set but the weight."""


def bce(logits: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of -[y log p + (1 - y) log(1 - p)] over annotated pixels and classes.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    K = 2: p is the probability of class 1, and the loss equals the cross-entropy. K > 2: each class
    against the rest (see `one_vs_rest`).
    """
    problem = one_vs_rest(logits, mask)
    values = functional.binary_cross_entropy_with_logits(
        problem.logits, problem.truth, reduction="none"
    )
    return problem.mean_of_pixels(values)
