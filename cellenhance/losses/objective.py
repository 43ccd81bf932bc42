"""The objective of a training step: the loss summed over every output of the network.

For AEP these are the S + 1 unweighted terms of Kato & Hotta 2021, Eq. (1): network 1, each pass of
network 2, the ensemble.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from cellenhance.errors import SettingsError
from cellenhance.losses.cross_entropy import cross_entropy
from cellenhance.losses.registry import Loss
from cellenhance.losses.terms import LossTerms
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.settings import suggest

FINAL = "final"
"""Name of the loss on the network's result (the ensemble, or a plain network's only output)."""


def compute_objective(
    output: SegmentationOutput,
    mask: Tensor,
    branch_names: tuple[str, ...],
    *,
    trains_result: bool = True,
    loss: Loss = cross_entropy,
    weights: Mapping[str, float] | None = None,
) -> LossTerms:
    """Return the loss of every output and their sum.

    Parameters
    ----------
    output : of a forward pass; where the result IS a branch (ensemble: none) it counts once
    mask : (B, H, W) int64, 255 is ignored
    branch_names : names of `output.branch_logits`, in order
    trains_result : whether the result has a term of its own beside those of the branches
    loss : of one output
    weights : factors of outputs by name; an output that is not named has 1, and one with 0 is left
        out

    Raises
    ------
    SettingsError
        `weights` names an output that has no term, or leaves no term.
    """
    outputs = dict(zip(branch_names, output.branch_logits, strict=True))
    is_branch = any(logits is output.logits for logits in output.branch_logits)
    if not outputs or (trains_result and not is_branch):
        outputs[FINAL] = output.logits
    factors = _factors(tuple(outputs), weights or {})
    parts = {
        name: loss(outputs[name], mask) * factor if factor != 1 else loss(outputs[name], mask)
        for name, factor in factors.items()
    }
    return LossTerms(total=torch.stack([*parts.values()]).sum(), parts=parts)


def _factors(names: tuple[str, ...], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the factor of each output that counts."""
    check_output_weights(weights, names)
    factors = {name: weights.get(name, 1.0) for name in names}
    return {name: factor for name, factor in factors.items() if factor}


def check_output_weights(weights: Mapping[str, float], names: tuple[str, ...]) -> None:
    """Raise `SettingsError` where `weights` names an unknown output, or leaves no output."""
    for name in weights:
        if name not in names:
            raise SettingsError(
                f"recipe.output_weights: unknown output '{name}'{suggest(name, names)}"
            )
    if all(weights.get(name, 1) == 0 for name in names):
        raise SettingsError(
            "recipe.output_weights: all outputs have weight 0; give one a weight above 0"
        )
