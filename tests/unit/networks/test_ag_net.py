"""AG-Net: its count, the guided filter against a double loop, independence of the batch."""

from __future__ import annotations

import itertools

import pytest
import torch

from cellenhance.losses.objective import compute_objective
from cellenhance.networks.ag_net import AGNet, AGNetSettings
from cellenhance.networks.guided_filter import guided_filter


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def mean_by_hand(values: list[list[float]], row: int, column: int) -> tuple[float, int]:
    """Mean and number of the pixels within 2 of (row, column)."""
    height, width = len(values), len(values[0])
    inside = [
        values[i][j]
        for i, j in itertools.product(range(row - 2, row + 3), range(column - 2, column + 3))
        if 0 <= i < height and 0 <= j < width
    ]
    return sum(inside) / len(inside), len(inside)


def filter_by_hand(
    g: list[list[float]], y: list[list[float]], a: list[list[float]]
) -> tuple[list[list[float]], list[list[float]]]:
    """M[A] and M[b] of one channel of one image, pixel by pixel from the formulas."""
    height, width = len(g), len(g[0])
    a = [[abs(v) + 1e-12 for v in row] for row in a]
    total = sum(map(sum, a))

    def product(*maps: list[list[float]]) -> list[list[float]]:
        result = [[1.0] * width for _ in range(height)]
        for one, i, j in itertools.product(maps, range(height), range(width)):
            result[i][j] *= one[i][j]
        return result

    t = [[v / total for v in row] for row in a]
    slope = [[0.0] * width for _ in range(height)]
    offset = [[0.0] * width for _ in range(height)]
    for i, j in itertools.product(range(height), range(width)):
        m_a, n = mean_by_hand(a, i, j)
        m_aagy = mean_by_hand(product(a, a, g, y), i, j)[0]
        m_aagg = mean_by_hand(product(a, a, g, g), i, j)[0]
        m_tag = mean_by_hand(product(t, a, g), i, j)[0]
        m_ay = mean_by_hand(product(a, y), i, j)[0]
        m_ag = mean_by_hand(product(a, g), i, j)[0]
        slope[i][j] = (m_aagy - n * m_tag * m_ay) / (abs(m_aagg - n * m_tag * m_ag) + 1e-2)
        offset[i][j] = (m_ay - slope[i][j] * m_ag) / m_a
    smooth = [
        [[mean_by_hand(x, i, j)[0] for j in range(width)] for i in range(height)]
        for x in (slope, offset)
    ]
    return smooth[0], smooth[1]


def test_the_guided_filter_equals_a_double_loop() -> None:
    height, width, channels = 7, 6, 2
    g, y = noise(2, channels, height, width), noise(2, channels, height, width, seed=2)
    a = noise(2, 1, height, width, seed=3)
    # A fine guide of the coarse size leaves nothing to resize: 0 shows M[b], 1 shows M[A] + M[b].
    offset = guided_filter(g, y, torch.zeros_like(g), a)
    both = guided_filter(g, y, torch.ones_like(g), a)
    for image, channel in itertools.product(range(2), range(channels)):
        slopes, offsets = filter_by_hand(
            g[image, channel].tolist(), y[image, channel].tolist(), a[image, 0].tolist()
        )
        torch.testing.assert_close(offset[image, channel], torch.tensor(offsets))
        sums = torch.tensor(slopes) + torch.tensor(offsets)
        torch.testing.assert_close(both[image, channel], sums)


def test_the_filter_resizes_its_coefficients_to_the_fine_guide() -> None:
    g, y, a = noise(1, 1, 8, 8), noise(1, 1, 8, 8, seed=2), noise(1, 1, 8, 8, seed=3)
    coarse = guided_filter(g, y, torch.zeros_like(g), a)
    fine = guided_filter(g, y, torch.zeros(1, 1, 16, 16), a)
    # Between the centres of two pixels a row of the fine map lies a quarter of the way.
    expected = 0.75 * coarse[0, 0, 3] + 0.25 * coarse[0, 0, 4]
    found = fine[0, 0, 7]
    columns = torch.arange(1, 15)
    left, right = expected[(columns - 1) // 2], expected[(columns + 1) // 2]
    weight = torch.where(columns % 2 == 1, 0.25, 0.75)
    torch.testing.assert_close(found[1:15], (1 - weight) * left + weight * right)


def test_an_images_result_does_not_depend_on_its_company() -> None:
    network = AGNet(1, 2, AGNetSettings()).eval()
    images = noise(3, 1, 64, 64)
    dim = torch.cat([images[:1], images[1:] * 0.01])
    with torch.no_grad():
        alone = network(images[:1]).logits
        for batch in (images, dim):
            torch.testing.assert_close(network(batch).logits[:1], alone, rtol=1e-5, atol=1e-5)


def test_the_result_is_the_mean_of_four_heads_and_all_five_are_trained() -> None:
    network = AGNet(1, 2, AGNetSettings()).eval()
    with torch.no_grad():
        output = network(noise(1, 1, 32, 48))
    assert len(output.branch_logits) == 4
    torch.testing.assert_close(output.logits, sum(output.branch_logits) / 4)
    terms = compute_objective(
        output,
        torch.zeros(1, 32, 48, dtype=torch.int64),
        network.branch_names,
        trains_result=network.trains_result,
    )
    assert list(terms.parts) == ["head 5", "head 6", "head 7", "head 8", "final"]


@pytest.mark.parametrize("number", range(4))
def test_a_head_before_resizing_equals_one_after_it(number: int) -> None:
    network = AGNet(1, 3, AGNetSettings()).eval()
    maps: list[torch.Tensor] = []
    network.decoders[number].register_forward_hook(lambda *call: maps.append(call[-1]))
    with torch.no_grad():
        output = network(noise(1, 1, 32, 32))
        resized = torch.nn.functional.interpolate(
            maps[0], size=(32, 32), mode="bilinear", align_corners=False
        )
        published = network.heads[number](resized)
    torch.testing.assert_close(output.branch_logits[number], published, rtol=1e-4, atol=1e-5)


def test_the_filter_is_computed_in_float64_even_under_autocast() -> None:
    g, y, a = (noise(1, 2, 8, 8, seed=seed) for seed in (1, 2, 3))
    exact = guided_filter(g, y, g, a[:, :1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(guided_filter(g, y, g, a[:, :1]), exact)
