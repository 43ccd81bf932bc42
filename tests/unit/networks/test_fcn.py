"""FCN: counts, the doubling of the transposed convolutions, and what the fusions add."""

from __future__ import annotations

import pytest
import torch

from cellenhance.networks.fcn import FCN, FCNSettings


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("fusion", ["none", "add", "cat"])
def test_each_fusion_feeds_the_next_doubling_as_its_name_says(fusion: str) -> None:
    network = FCN(1, 2, FCNSettings(fusion=fusion)).eval()
    given: list[torch.Tensor] = []
    made: list[torch.Tensor] = []
    for up in network.ups:
        up.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        up.register_forward_hook(lambda *call: made.append(call[-1]))
    image = noise(1, 1, 32, 64)
    with torch.no_grad():
        network(image)
        poolings = [stage.pooled for stage in network.encoder(image)]
    assert torch.equal(given[0], poolings[4])
    for number, pooled in enumerate(reversed(poolings[:4])):
        above, expected = made[number], made[number]
        if fusion == "add":
            expected = above + pooled
        elif fusion == "cat":
            expected = torch.cat([above, pooled], dim=1)
        assert torch.equal(given[number + 1], expected)


def test_without_normalisation_the_trunk_still_passes_the_signal_on() -> None:
    """PyTorch's own initialisation would leave some 1e-5 of it after thirteen layers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FCN(1, 2, FCNSettings())
    with torch.no_grad():
        stages = network.encoder(noise(1, 1, 64, 64))
    assert float(stages[-1].maps.std()) > 0.05
