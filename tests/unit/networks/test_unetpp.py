"""U-Net++ against the recursion of its paper; parameters of both forms, whole and pruned."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.catalog import load_catalog
from cellenhance.networks.blocks import Dropout
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.networks.unetpp import UNetPlusPlus


def build(name: str, classes: int = 2, **settings: Any) -> UNetPlusPlus:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = build_network(load_catalog().resolve(name, {"settings": settings}), 1, classes)
    assert isinstance(network, UNetPlusPlus)
    return network


@pytest.mark.parametrize(
    ("name", "classes", "settings", "expected"),
    [
        ("unetpp", 1, {"deep_supervision": False}, 9_162_753),
        ("unetpp", 1, {}, 9_162_852),
        ("unetpp", 2, {}, 9_162_984),
        ("unetpp", 3, {}, 9_163_116),
        ("unetpp-l1", 1, {}, 102_465),
        ("unetpp-l2", 1, {}, 518_529),
        ("unetpp-l3", 1, {}, 2_235_585),
        ("unetpp-l4", 1, {}, 9_162_753),
        ("unetpp-keras", 1, {"deep_supervision": False}, 9_041_601),
        ("unetpp-keras", 1, {}, 9_041_700),
        ("unetpp-keras", 1, {"deep_supervision": False, "depth": 1}, 100_961),
        ("unetpp-keras", 1, {"deep_supervision": False, "depth": 2}, 511_105),
        ("unetpp-keras", 1, {"deep_supervision": False, "depth": 3}, 2_204_961),
    ],
)
def test_parameters_are_the_published_ones(
    name: str, classes: int, settings: dict[str, Any], expected: int
) -> None:
    with torch.device("meta"):
        network = build(name, classes, **settings)
    assert count_parameters(network) == expected


def paper_node(network: UNetPlusPlus, image: Tensor, i: int, j: int) -> Tensor:
    """X(i, j) by the paper's recursion, nothing remembered."""
    node = network.nodes[f"x{i}_{j}"]
    if j == 0:
        return node(
            image if i == 0 else functional.max_pool2d(paper_node(network, image, i - 1, 0), 2)
        )
    row = [paper_node(network, image, i, k) for k in range(j)]
    below = paper_node(network, image, i + 1, j - 1)
    if len(network.ups):
        return node(torch.cat([network.ups[f"x{i}_{j}"](below), *row], dim=1))
    up = nn.UpsamplingBilinear2d(scale_factor=2)(below)  # aligns corners
    return node(torch.cat([*row, up], dim=1))


@pytest.mark.parametrize(("name", "depth"), [("unetpp", 3), ("unetpp-keras", 3), ("unetpp", 1)])
def test_the_grid_is_the_recursion_of_the_paper(name: str, depth: int) -> None:
    network = build(name, depth=depth).eval()
    image = torch.rand(1, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = network(image)
        top = [paper_node(network, image, 0, j) for j in range(1, depth + 1)]
        heads = [network.heads[f"x0_{j}"](x) for j, x in enumerate(top, start=1)]
    assert len(output.branch_logits) == depth
    for logits, head in zip(output.branch_logits, heads, strict=True):
        torch.testing.assert_close(logits, head, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(output.logits, sum(heads) / depth, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(output.features, top[-1], rtol=1e-5, atol=1e-5)


def test_one_head_reads_the_last_node() -> None:
    network = build("unetpp-l2").eval()
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = network(image)
        expected = network.heads["x0_2"](paper_node(network, image, 0, 2))
    assert output.branch_logits == network.branch_names == ()
    assert network.trains_result
    torch.testing.assert_close(output.logits, expected, rtol=1e-5, atol=1e-5)


def test_heads_are_trained_one_by_one_and_their_mean_is_not() -> None:
    network = build("unetpp")
    assert network.branch_names == ("head 1", "head 2", "head 3", "head 4")
    assert not network.trains_result


def test_the_authors_form_drops_half_after_each_of_its_thirty_convolutions() -> None:
    network = build("unetpp-keras")
    drops = [module for module in network.modules() if isinstance(module, Dropout)]
    assert [drop.probability for drop in drops] == [0.5] * 30
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    zeros = network.nodes["x0_0"](torch.ones(1, 1, 64, 64)) == 0
    assert float(zeros.float().mean()) > 0.45


def test_the_authors_form_is_drawn_as_in_keras() -> None:
    network = build("unetpp-keras")
    weights = {key: value.detach() for key, value in network.named_parameters()}
    bottom = weights["nodes.x4_0.3.weight"]  # 512 -> 512, 3 x 3: He normal, 2 / 4608
    up = weights["ups.x3_1.weight"]  # 512 -> 256, 2 x 2: Glorot, 2 / (4 * 512 + 4 * 256)
    assert float(bottom.std()) == pytest.approx(math.sqrt(2 / 4608), rel=0.01)
    assert float(up.std()) == pytest.approx(math.sqrt(2 / 3072), rel=0.01)
    assert float(up.abs().max()) <= math.sqrt(6 / 3072)  # uniform: no tails
    assert not any(value.any() for key, value in network.named_parameters() if "bias" in key)
