"""Soft IoU loss with squared probabilities in the union."""

from __future__ import annotations

from torch import Tensor

from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.terms import TermSettings

_EPSILON = 1e-10


class SoftIouSettings(TermSettings):
    """Nothing to set but the weight."""


def soft_iou(logits: Tensor, mask: Tensor) -> Tensor:
    """Return 1 - I / (sum(p^2 + y) - I + 1e-10), I = sum p y, per image, mean over images.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    K = 2: p is the probability of class 1 alone. K > 2: mean over all classes. Where an image lacks
    the class, I is 0 and the loss is 1 whatever p is: such images teach nothing, as in the
    published code. Images without an annotated pixel are left out; with none the loss is 0.

    Source: icss-segmentation.
    """
    problem = one_vs_rest(logits, mask)
    probability = problem.probability * problem.valid
    both = (probability * problem.truth).sum(dim=(2, 3))
    either = (probability**2 + problem.truth).sum(dim=(2, 3)) - both
    return problem.mean_of_images(1 - both / (either + _EPSILON))
