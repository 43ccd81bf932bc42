"""Probing: a level without its deep maps is what a hook on the input says, and it heals."""

from __future__ import annotations

import pytest
import torch

from cellenhance.engine.probing import probed_levels, without_deep_half
from cellenhance.networks.light_unet import LightUNet
from cellenhance.networks.unet import UNet, UNetSettings
from cellenhance.networks.unetpp import UNetPlusPlus, UNetPlusPlusSettings


@pytest.fixture(params=["common", "keras"])
def grid(request: pytest.FixtureRequest) -> UNetPlusPlus:
    torch.manual_seed(0)
    settings = UNetPlusPlusSettings(form=request.param, depth=2, deep_supervision=False)
    return UNetPlusPlus(1, 2, settings).eval()


def test_the_deep_half_of_a_unet_are_the_upsampled_maps_of_each_stage() -> None:
    with torch.device("meta"):
        network = UNet(1, 2, UNetSettings())
    found = [
        (each.level, each.convolution.in_channels, each.channels) for each in network.deep_inputs()
    ]
    assert found == [
        ("H/8", 1024, slice(0, 512)),
        ("H/4", 512, slice(0, 256)),
        ("H/2", 256, slice(0, 128)),
        ("H", 128, slice(0, 64)),
    ]


def test_muting_weights_is_the_same_as_muting_inputs(grid: UNetPlusPlus) -> None:
    image = torch.rand(1, 1, 16, 16)
    mine = [each for each in grid.deep_inputs() if each.level == "H"]
    assert len(mine) == 2  # X(0, 1) and X(0, 2)
    with torch.no_grad():
        intact = grid(image).logits
        with without_deep_half(grid, "H"):
            muted = grid(image).logits

        def silence(_module: object, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
            x = inputs[0].clone()
            x[:, mine[silence.at].channels] = 0  # type: ignore[attr-defined]
            silence.at += 1  # type: ignore[attr-defined]
            return (x,)

        silence.at = 0  # type: ignore[attr-defined]
        for each in mine:
            each.convolution.register_forward_pre_hook(silence)
        expected = grid(image).logits
    assert torch.allclose(muted, expected, atol=1e-6)
    assert not torch.allclose(muted, intact, atol=1e-6)


def test_after_the_block_the_network_is_as_it_was_even_after_an_error(grid: UNetPlusPlus) -> None:
    before = {name: tensor.clone() for name, tensor in grid.state_dict().items()}
    with pytest.raises(RuntimeError, match="in between"), without_deep_half(grid, "H/2"):
        raise RuntimeError("in between")
    assert all(torch.equal(before[name], x) for name, x in grid.state_dict().items())


def test_levels_come_deepest_first_and_once(grid: UNetPlusPlus) -> None:
    assert probed_levels(grid) == ("H/2", "H")


def test_networks_that_do_not_say_where_they_join_are_not_probed() -> None:
    with torch.device("meta"):
        network = LightUNet(1, 2, LightUNet.Settings())
    assert probed_levels(network) == ()
