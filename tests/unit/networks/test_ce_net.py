"""CE-Net: published parameters, its two context blocks against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from cellenhance.catalog import load_catalog
from cellenhance.networks.ce_net import CENet, DenseAtrousConvolution, ResidualMultiKernelPooling
from cellenhance.networks.complexity import count_parameters
from cellenhance.networks.registry import build_network


def build(channels: int, classes: int) -> CENet:
    network = build_network(load_catalog().resolve("ce-net"), channels, classes)
    assert isinstance(network, CENet)
    return network


@pytest.mark.parametrize(
    ("channels", "classes", "trunk", "whole"),
    [
        (3, 1, 21_284_672, 29_003_093),
        (1, 1, 21_278_400, 28_996_821),
        (3, 2, 21_284_672, 29_003_382),
    ],
)
def test_parameters_are_the_published_ones(
    channels: int, classes: int, trunk: int, whole: int
) -> None:
    with torch.device("meta"):
        network = build(channels, classes)
    assert count_parameters(network) == whole
    assert count_parameters(network.encoder) == trunk
    assert count_parameters(network.atrous) == 7_342_080
    assert count_parameters(network.pooling) == 513


def centre_tap(convolution: nn.Conv2d, weight: float, bias: float) -> None:
    """Let a convolution of one channel be weight * x + bias."""
    with torch.no_grad():
        convolution.weight.zero_()
        middle = convolution.kernel_size[0] // 2
        convolution.weight[0, 0, middle, middle] = weight
        convolution.bias.fill_(bias)  # type: ignore[union-attr]


def test_dense_atrous_convolution_is_its_formula() -> None:
    """a x = 2 x + 1, b x = 3 x, c x = x - 10, k x = -x + 4, at x = 1 and at x = -1.

    x = 1: a = 3, k b = 1, k b a = -5, k c b a = 4 - (9 - 10) = 5: 1 + 3 + 1 + 0 + 5 = 10.
    x = -1: a = -1, k b = 7, k b a = 7, k c b a = 4 - (-3 - 10) = 17: -1 + 0 + 7 + 7 + 17 = 30.
    """
    block = DenseAtrousConvolution(1)
    for name, weight, bias in (("a", 2, 1), ("b", 3, 0), ("c", 1, -10), ("k", -1, 4)):
        centre_tap(getattr(block, name), weight, bias)
    with torch.no_grad():
        found = block(torch.tensor([[[[1.0, -1.0]]]]))
    assert found.flatten().tolist() == [10, 30]


def test_the_branches_see_3_7_9_and_19_pixels() -> None:
    block = DenseAtrousConvolution(1)
    for parameter in block.parameters():
        nn.init.ones_(parameter)
    image = torch.zeros(1, 1, 1, 41)
    image[..., 20] = 1
    with torch.no_grad():
        a, b, c, k = (getattr(block, name) for name in "abck")
        widths = []
        for branch in (a, lambda x: k(b(x)), lambda x: k(b(a(x))), lambda x: k(c(b(a(x))))):
            change = branch(image) - branch(torch.zeros_like(image))
            touched = torch.nonzero(change.flatten()).flatten()
            widths.append(int(touched.max() - touched.min()) + 1)
        whole = torch.nonzero((block(image) - block(torch.zeros_like(image))).flatten()).flatten()
    assert widths == [3, 7, 9, 19]
    assert int(whole.max() - whole.min()) + 1 == 19


def test_pooling_by_2_3_5_6_comes_before_the_input() -> None:
    """Squeezed by x -> 2 x; 7 x 6 leaves out what does not fill a window."""
    block = ResidualMultiKernelPooling(1)
    centre_tap(block.squeeze, 2.0, 0.0)
    x = torch.rand(1, 1, 7, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = block(x)[0]
    for index, size in enumerate((2, 3, 5, 6)):
        rows, columns = 7 // size, 6 // size
        windows = torch.tensor(
            [
                [
                    x[0, 0, r * size : (r + 1) * size, c * size : (c + 1) * size].max()
                    for c in range(columns)
                ]
                for r in range(rows)
            ]
        )
        expected = functional.interpolate(
            2 * windows[None, None], size=(7, 6), mode="bilinear", align_corners=False
        )[0, 0]
        torch.testing.assert_close(found[index], expected)
    assert torch.equal(found[4], x[0, 0])


def test_features_are_what_the_classifier_reads() -> None:
    network = build(1, 2).eval()
    with torch.no_grad():
        output = network(torch.rand(1, 1, 192, 192, generator=torch.Generator().manual_seed(1)))
        again = network.classifier(output.features)
    assert float(output.features.min()) >= 0
    torch.testing.assert_close(output.logits, again, rtol=1e-5, atol=1e-6)
