"""Cross-entropy over annotated pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from cellenhance.arrays import IGNORE
from cellenhance.losses.terms import TermSettings


class CrossEntropySettings(TermSettings):
    """How much each class counts."""

    class_weights: Literal["equal", "balanced"] = Field(
        "equal",
        description="balanced: w_k = N / (K n_k) from the n_k annotated training pixels of class k",
    )


def cross_entropy(logits: Tensor, mask: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Return the mean of -log softmax(z)_y over all annotated pixels of the batch, in float32.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored
    class_weights : (K,) float32 on the device of the logits; the mean is sum w_y l / sum w_y then

    Notes
    -----
    Without any annotated pixel the loss is 0 with zero gradient, not NaN.
    """
    if class_weights is not None:
        return _weighted(logits, mask, class_weights)
    n_annotated = (mask != IGNORE).sum().clamp(min=1)
    summed = functional.cross_entropy(logits.float(), mask, ignore_index=IGNORE, reduction="sum")
    return summed / n_annotated


def _weighted(logits: Tensor, mask: Tensor, class_weights: Tensor) -> Tensor:
    annotated = mask != IGNORE
    total = (class_weights[mask.masked_fill(~annotated, 0)] * annotated).sum()
    summed = functional.cross_entropy(
        logits.float(), mask, weight=class_weights, ignore_index=IGNORE, reduction="sum"
    )
    return summed / total.clamp(min=1e-12)


def balanced_weights(class_pixels: Sequence[int]) -> list[float]:
    """Return w_k = N / (K n_k): every class has the same share in the sum over the set.

    Parameters
    ----------
    class_pixels : annotated pixels n_k of each class; K counts the classes that occur, and one
        that does not has weight 1

    Examples
    --------
    >>> balanced_weights([30, 10])
    [0.6666666666666666, 2.0]
    """
    n_present = sum(n > 0 for n in class_pixels)
    return [sum(class_pixels) / (n_present * n) if n else 1.0 for n in class_pixels]
