"""Soft Dice loss."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.terms import TermSettings


class DiceSettings(TermSettings):
    """Smoothing and what is summed over.

    The defaults are those of icss-segmentation; ``smooth: 1, per_image: false`` is the Keras form,
    ``smooth: 0, per_image: false`` that of CE-Net.
    """

    smooth: float = Field(1e-5, ge=0, description="added to numerator and denominator")
    per_image: bool = Field(True, description="each image by itself, then the mean; else the batch")


def dice(logits: Tensor, mask: Tensor, settings: DiceSettings | None = None) -> Tensor:
    """Return 1 - (2 sum p y + s) / (sum p + sum y + s) over annotated pixels, mean over classes.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    K = 2: p is the probability of class 1 alone. K > 2: mean over all classes; a class that an
    image lacks still asks for p = 0 there. Images without an annotated pixel are left out of the
    mean; with none at all the loss is 0.

    Source: Milletari et al. 2016, with plain sums in the denominator as in icss-segmentation.
    """
    settings = settings or DiceSettings()
    problem = one_vs_rest(logits, mask)
    sums = (2, 3) if settings.per_image else (0, 2, 3)
    probability = problem.probability * problem.valid
    both = (probability * problem.truth).sum(dim=sums)
    either = probability.sum(dim=sums) + problem.truth.sum(dim=sums)
    smooth = settings.smooth
    values = 1 - (2 * both + smooth) / (either + smooth).clamp(min=1e-12)
    if settings.per_image:
        return problem.mean_of_images(values)
    return values.mean() * problem.any_annotated()
