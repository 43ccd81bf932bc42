"""Lovász-softmax: the convex extension of 1 - IoU, class by class."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from cellenhance.arrays import IGNORE
from cellenhance.losses.lovasz import as_rows, lovasz_extension
from cellenhance.losses.terms import TermSettings


class LovaszSoftmaxSettings(TermSettings):
    """What the errors are taken from and how they are averaged."""

    raw: bool = Field(
        False, description="raw outputs instead of softmax probabilities, as in micro-objects' code"
    )
    classes: Literal["present", "all"] = Field("present", description="classes in the mean")
    per_image: bool = Field(False, description="each image by itself, then the mean")


def lovasz_softmax(
    logits: Tensor, mask: Tensor, settings: LovaszSoftmaxSettings | None = None
) -> Tensor:
    """Return the mean over classes of the Lovász extension of e_c = |1[y = c] - p_c|.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    Both classes count when K = 2. p is softmax(z), or z itself with `raw`: then z = one-hot has
    loss 0 and any surer z is punished. Images (or batches) without an annotated pixel count 0.

    Source: Berman et al. 2018, arXiv 1705.08790.
    """
    settings = settings or LovaszSoftmaxSettings()
    scores = logits.float() if settings.raw else logits.float().softmax(dim=1)
    n_classes = scores.shape[1]
    classes = torch.arange(n_classes, device=mask.device)
    truth = (mask[:, None] == classes.view(1, -1, 1, 1)).float()
    valid = (mask != IGNORE)[:, None].float().expand_as(truth)
    errors, truth, valid = (
        as_rows(each, per_image=settings.per_image)
        for each in ((truth - scores).abs(), truth, valid)
    )
    flat = lovasz_extension(errors.flatten(0, 1), truth.flatten(0, 1), valid.flatten(0, 1), _same)
    values = flat.view(-1, n_classes)
    counted = (truth if settings.classes == "present" else valid).amax(dim=2)
    of_rows = (values * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
    annotated = valid.amax(dim=(1, 2))
    return (of_rows * annotated).sum() / annotated.sum().clamp(min=1)


def _same(errors: Tensor) -> Tensor:
    return errors
