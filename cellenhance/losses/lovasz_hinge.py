"""Lovász hinge: the convex extension of 1 - IoU on binary margins."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from cellenhance.losses.lovasz import as_rows, lovasz_extension
from cellenhance.losses.one_vs_rest import one_vs_rest
from cellenhance.losses.terms import TermSettings


class LovaszHingeSettings(TermSettings):
    """Activation of the errors and how they are averaged."""

    activation: Literal["relu", "elu"] = Field("relu", description="relu(e), or elu(e) + 1")
    per_image: bool = Field(False, description="each image by itself, then the mean")


def lovasz_hinge(
    logits: Tensor, mask: Tensor, settings: LovaszHingeSettings | None = None
) -> Tensor:
    """Return the Lovász extension of e = 1 - z (2 y - 1), mean over classes.

    Parameters
    ----------
    logits : (B, K, H, W)
    mask : (B, H, W) int64 class indices; 255 is ignored

    Notes
    -----
    K = 2: z = z_1 - z_0. K > 2: each class against the rest (see `one_vs_rest`). Images (or
    batches) without an annotated pixel contribute 0.

    Source: Yu & Blaschko 2015; Berman et al. 2018, arXiv 1705.08790.
    """
    settings = settings or LovaszHingeSettings()
    problem = one_vs_rest(logits, mask)
    hinge = 1 - problem.logits * (2 * problem.truth - 1)
    valid = problem.valid.expand_as(hinge)
    errors, truth, valid = (
        as_rows(each, per_image=settings.per_image) for each in (hinge, problem.truth, valid)
    )
    activation = functional.relu if settings.activation == "relu" else _elu_plus_one
    flat = lovasz_extension(
        errors.flatten(0, 1), truth.flatten(0, 1), valid.flatten(0, 1), activation
    )
    values = flat.view(errors.shape[0], -1).mean(dim=1)
    annotated = valid.amax(dim=(1, 2))
    return (values * annotated).sum() / annotated.sum().clamp(min=1)


def _elu_plus_one(errors: Tensor) -> Tensor:
    return functional.elu(errors) + 1
