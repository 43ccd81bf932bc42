"""Binary cross-entropy whose two sides are balanced by their pixel counts."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.terms import TermSettings


class WeightedEdgeBceSettings(TermSettings):
    """Factors on the two sides beside the balance."""

    beta_positive: float = Field(1, ge=0, description="factor on pixels of the class")
    beta_negative: float = Field(1, ge=0, description="factor on all others")


def weighted_edge_bce(
    logits: Tensor, mask: Tensor, settings: WeightedEdgeBceSettings | None = None
) -> Tensor:
    """Return sum w BCE / (n+ + n-), w = b1 n- / (n+ + n-) where y = 1, b2 n+ / (n+ + n-) else.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    n+ and n- count annotated pixels over the whole batch. In a batch of one side alone every
    weight is 0 and so is the loss. K = 2: class 1 is the positive one; K > 2: each class against
    the rest with counts of its own, mean over classes.

    Source: holistically nested edge detection, in the form of icss-segmentation.
    """
    settings = settings or WeightedEdgeBceSettings()
    problem = one_vs_rest(logits, mask)
    n_all = problem.valid.sum().clamp(min=1)
    n_positive = problem.truth.sum(dim=(0, 2, 3), keepdim=True)
    n_negative = problem.valid.sum() - n_positive
    weight = torch.where(
        problem.truth > 0,
        settings.beta_positive * n_negative / n_all,
        settings.beta_negative * n_positive / n_all,
    )
    values = functional.binary_cross_entropy_with_logits(
        problem.logits, problem.truth, reduction="none"
    )
    return problem.mean_of_pixels(weight * values)
