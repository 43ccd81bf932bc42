"""Cross-entropy over annotated pixels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from cellenhance.arrays import IGNORE


def cross_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of -log softmax(z)_y over all annotated pixels of the batch, in float32.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    With no annotated pixel at all the loss is 0 with zero gradient, not NaN.
    """
    n_annotated = (mask != IGNORE).sum().clamp(min=1)
    summed = functional.cross_entropy(logits.float(), mask, ignore_index=IGNORE, reduction="sum")
    return summed / n_annotated
