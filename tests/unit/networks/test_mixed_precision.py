"""One training step in bfloat16 with channels-last memory, for one form of each deep network."""

from __future__ import annotations

import pytest
import torch

from cellenhance.catalog import load_catalog
from cellenhance.losses.objective import compute_objective
from cellenhance.networks.registry import build_network

FORMS = ("segnet-fusion", "fcn-cat", "deeplabv3plus-r50-cat", "hrnet-w32-small-full", "ag-net")


@pytest.mark.parametrize("name", FORMS)
def test_a_training_step_gives_finite_gradients_of_the_right_size(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = build_network(load_catalog().resolve(name), 1, 2).train()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        side = network.min_size
        image = torch.rand(2, 1, side, side).to(memory_format=torch.channels_last)
        mask = (image[:, 0] > 0.5).long()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = network(image)
            objective = compute_objective(
                output, mask, network.branch_names, trains_result=network.trains_result
            )
    objective.total.backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    present = [each for each in gradients if each is not None]
    assert len(present) == len(gradients)
    assert all(torch.isfinite(each).all() for each in present)
    assert float(torch.stack([each.norm() for each in present]).max()) > 0
    assert output.logits.shape == (2, 2, side, side)
