"""HRNet: counts, the resolutions of its branches, and the exchange between them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cellenhance.networks.hrnet import HRNet, HRNetSettings, Stage


@pytest.mark.parametrize(("stem_stride", "top"), [(1, 1), (2, 4)])
def test_branches_run_at_four_resolutions(stem_stride: int, top: int) -> None:
    with torch.device("meta"):
        network = HRNet(1, 2, HRNetSettings(stem_stride=stem_stride)).eval()
        seen: list[list[tuple[int, ...]]] = []
        for stage in network.stages:
            stage.register_forward_hook(
                lambda *call: seen.append([tuple(x.shape[1:]) for x in call[-1]])
            )
        output = network(torch.empty(1, 1, 64, 128))
    widths = (32, 64, 128, 256)
    steps = [top << branch for branch in range(4)]
    sizes = [(w, 64 // s, 128 // s) for w, s in zip(widths, steps, strict=True)]
    assert seen == [sizes[:2], sizes[:3], sizes]
    assert tuple(output.features.shape) == (1, 480, 64, 128)


def test_every_branch_receives_from_every_other() -> None:
    stage = Stage((2, 3, 4)).eval()
    with torch.no_grad():
        for module in stage.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(0.1)
    maps = [
        torch.ones(1, 2, 16, 16, requires_grad=True),
        torch.ones(1, 3, 8, 8, requires_grad=True),
        torch.ones(1, 4, 4, 4, requires_grad=True),
    ]
    fused = stage(maps)
    assert [x.shape for x in fused] == [x.shape for x in maps]
    for own in fused:
        gradients = torch.autograd.grad(own.sum(), maps, retain_graph=True)
        assert all(float(gradient.abs().sum()) > 0 for gradient in gradients)
