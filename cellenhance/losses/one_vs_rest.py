"""The binary view of K classes that BCE, Dice, IoU, focal and hinge losses share.

Two classes are one binary problem: class 1 is the foreground and its logit is the difference
z_1 - z_0. With more classes each one is a binary problem of its own against all the others, and a
loss is the mean over the classes. In both cases the logit is

    m_c = z_c - log sum_{j != c} exp(z_j),   so that   sigmoid(m_c) = softmax(z)_c,

the probability that prediction uses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cellenhance.arrays import IGNORE


@dataclass(frozen=True, slots=True)
class OneVsRest:
    """The binary problems of a batch.

    Attributes
    ----------
    logits : (B, C, H, W) float32; C = 1 for two classes (the foreground), else the K classes
    truth : (B, C, H, W) float32, 1 where the pixel is of the class, 0 elsewhere
    valid : (B, 1, H, W) float32, 1 where the pixel is annotated
    """

    logits: Tensor
    truth: Tensor
    valid: Tensor

    @property
    def probability(self) -> Tensor:
        """Return sigmoid of the logits."""
        return torch.sigmoid(self.logits)

    def mean_of_pixels(self, values: Tensor) -> Tensor:
        """Return the mean of (B, C, H, W) over annotated pixels and classes; 0 without any."""
        n_values = (self.valid.sum() * values.shape[1]).clamp(min=1)
        return (values * self.valid).sum() / n_values

    def mean_of_images(self, values: Tensor) -> Tensor:
        """Return the mean of (B, C) over classes and the images with any annotated pixel."""
        annotated = self.valid.amax(dim=(1, 2, 3))
        return (values.mean(dim=1) * annotated).sum() / annotated.sum().clamp(min=1)

    def any_annotated(self) -> Tensor:
        """Return 1 if any pixel of the batch is annotated, else 0."""
        return self.valid.amax()


def one_vs_rest(logits: Tensor, mask: Tensor) -> OneVsRest:
    """Return the binary problems of logits (B, K, H, W), K >= 2, and mask (B, H, W)."""
    scores = logits.float()
    n_classes = scores.shape[1]
    classes = [1] if n_classes == 2 else range(n_classes)
    margins = [
        scores[:, c] - torch.cat([scores[:, :c], scores[:, c + 1 :]], dim=1).logsumexp(dim=1)
        for c in classes
    ]
    truth = torch.stack([mask == c for c in classes], dim=1)
    valid = (mask != IGNORE)[:, None]
    return OneVsRest(torch.stack(margins, dim=1), truth.float(), valid.float())
