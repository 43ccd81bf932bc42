"""Losses by name: the setting ``loss: {cross_entropy: 1, dice: 0.5}`` becomes one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from pydantic import model_validator
from torch import Tensor

from cellenhance.losses.bce import BceSettings, bce
from cellenhance.losses.cross_entropy import (
    CrossEntropySettings,
    balanced_weights,
    cross_entropy,
)
from cellenhance.losses.dice import DiceSettings, dice
from cellenhance.losses.focal import FocalSettings, focal
from cellenhance.losses.lovasz_hinge import LovaszHingeSettings, lovasz_hinge
from cellenhance.losses.lovasz_softmax import LovaszSoftmaxSettings, lovasz_softmax
from cellenhance.losses.soft_iou import SoftIouSettings, soft_iou
from cellenhance.losses.terms import TermSettings
from cellenhance.losses.weighted_edge_bce import WeightedEdgeBceSettings, weighted_edge_bce
from cellenhance.settings import Settings

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Logits (B, K, H, W) and mask (B, H, W) to a scalar."""


class LossSettings(Settings):
    """The losses that are summed, each with its weight and options; at least one counts."""

    cross_entropy: CrossEntropySettings | None = None
    bce: BceSettings | None = None
    dice: DiceSettings | None = None
    soft_iou: SoftIouSettings | None = None
    focal: FocalSettings | None = None
    weighted_edge_bce: WeightedEdgeBceSettings | None = None
    lovasz_softmax: LovaszSoftmaxSettings | None = None
    lovasz_hinge: LovaszHingeSettings | None = None

    @model_validator(mode="after")
    def _something_counts(self) -> LossSettings:
        if not self.terms():
            raise ValueError("no loss has a weight above 0; set one, such as cross_entropy: 1")
        return self

    def terms(self) -> dict[str, TermSettings]:
        """Return the losses that count, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: term for name, term in named.items() if term is not None and term.weight}


LOSSES: Mapping[str, Callable[[Tensor, Tensor, Any], Tensor]] = {
    "bce": lambda logits, mask, _: bce(logits, mask),
    "dice": dice,
    "soft_iou": lambda logits, mask, _: soft_iou(logits, mask),
    "focal": focal,
    "weighted_edge_bce": weighted_edge_bce,
    "lovasz_softmax": lovasz_softmax,
    "lovasz_hinge": lovasz_hinge,
}
"""Functions of logits, mask and their own settings; cross-entropy also needs the data."""


def build_loss(settings: LossSettings, class_pixels: Sequence[int]) -> Loss:
    """Return the weighted sum of the losses that `settings` name.

    Parameters
    ----------
    class_pixels : annotated training pixels of each class, for class weights from the data
    """
    terms = [
        (term.weight, _bind(name, term, class_pixels)) for name, term in settings.terms().items()
    ]
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1]

    def weighted_sum(logits: Tensor, mask: Tensor) -> Tensor:
        return torch.stack([weight * loss(logits, mask) for weight, loss in terms]).sum()

    return weighted_sum


def _bind(name: str, term: TermSettings, class_pixels: Sequence[int]) -> Loss:
    if not isinstance(term, CrossEntropySettings):
        compute = LOSSES[name]
        return lambda logits, mask: compute(logits, mask, term)
    if term.class_weights == "equal":
        return cross_entropy
    weights = torch.tensor(balanced_weights(class_pixels))

    def weighted(logits: Tensor, mask: Tensor) -> Tensor:
        nonlocal weights
        weights = weights.to(logits.device)  # copied in the first step only
        return cross_entropy(logits, mask, weights)

    return weighted
