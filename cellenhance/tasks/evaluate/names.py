"""What tables call the outputs of a network."""

from __future__ import annotations

from cellenhance.engine.inference import Predictor
from cellenhance.networks.aep import AEP
from cellenhance.runs.stored_confusion import FIXED_WEIGHTS

BRANCH_LABELS = {"network 1": "network 1 alone", FIXED_WEIGHTS: "ensemble, fixed weights"}
"""Branches and variants that tables do not call by their own name."""


def name_result(predictor: Predictor) -> str:
    """Return what tables call the result: the model, where it has no branches beside it."""
    network = predictor.members[0].network
    if not network.branch_names:
        return predictor.header.entry.name
    if not isinstance(network, AEP):
        return "ensemble (the result)"
    if network.final_branch is not None:
        return f"branch {network.final_branch} alone, as trained (the result)"
    kind = "fixed" if network.ensemble is None else "learned"
    return f"ensemble, {kind} weights (the result)"
