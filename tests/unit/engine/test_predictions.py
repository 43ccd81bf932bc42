"""How sure a result is: entropy and disagreement, by hand and by SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from cellenhance.engine.predictions import TilePrediction, disagreement, relative_entropy
from cellenhance.engine.tiling import TileGrid
from cellenhance.networks.outputs import SegmentationOutput


def column(*probabilities: float) -> torch.Tensor:
    """Return the probabilities of one pixel, (K, 1, 1)."""
    return torch.tensor(probabilities, dtype=torch.float32)[:, None, None]


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((1.0, 0.0, 0.0), 0.0),
        ((1 / 3, 1 / 3, 1 / 3), 1.0),
        ((0.5, 0.5, 0.0), math.log(2) / math.log(3)),
        ((0.5, 0.5), 1.0),
        ((0.9, 0.1), -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))),
        ((1.0,), 0.0),
    ],
)
def test_entropy_is_relative_to_the_most_undecided(
    probabilities: tuple[float, ...], expected: float
) -> None:
    assert float(relative_entropy(column(*probabilities))) == pytest.approx(expected, abs=1e-6)


def sure_of(index: int, n_classes: int) -> torch.Tensor:
    """Return logits of one pixel that leave no doubt."""
    return 100 * torch.eye(n_classes)[index][:, None, None]


def test_members_that_say_the_same_do_not_disagree_however_unsure() -> None:
    for logits in (sure_of(0, 3), torch.zeros(3, 1, 1), column(0.3, -2, 1)):
        assert float(disagreement([logits] * 4)) == pytest.approx(0, abs=1e-6)


def test_members_that_are_each_sure_of_another_class_disagree_fully() -> None:
    assert float(disagreement([sure_of(k, 3) for k in range(3)])) == pytest.approx(1, abs=1e-6)
    two = [sure_of(0, 3), sure_of(1, 3)]
    assert float(disagreement(two)) == pytest.approx(math.log(2) / math.log(3), abs=1e-6)


def test_disagreement_is_the_jensen_shannon_divergence() -> None:
    members = 3 * torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    p, q = (torch.softmax(each, dim=0).double().numpy() for each in members)
    expected = jensenshannon(p, q, axis=0) ** 2 / math.log(4)
    np.testing.assert_allclose(disagreement(list(members)).numpy(), expected, atol=1e-6)


def predicted(*outputs: SegmentationOutput) -> TilePrediction:
    [tile] = TileGrid(2, 3, core_px=16, context_px=0, stride_px=1, min_size_px=1)
    pixels = np.zeros((2, 3, 1), np.uint8)
    return TilePrediction(tile, outputs, pixels.astype(np.float32), pixels)


def test_the_members_are_what_is_averaged_else_the_branches() -> None:
    one, two, three = torch.randn(3, 1, 3, 2, 3, generator=torch.Generator().manual_seed(1))
    features = one[:, :0]
    plain = SegmentationOutput(one, features)
    assert predicted(plain).disagreement is None
    branched = SegmentationOutput(one, features, branch_logits=(two, three))
    found = predicted(branched).disagreement
    assert found is not None
    np.testing.assert_allclose(found, disagreement([two[0], three[0]]).numpy())
    both = predicted(branched, SegmentationOutput(three, features))
    assert both.disagreement is not None
    np.testing.assert_allclose(both.disagreement, disagreement([one[0], three[0]]).numpy())
    mean = (torch.softmax(one[0], 0) + torch.softmax(three[0], 0)) / 2
    np.testing.assert_allclose(both.probabilities(), mean.numpy(), atol=1e-6)
    np.testing.assert_allclose(both.confidence(), mean.amax(0).numpy(), atol=1e-6)
    np.testing.assert_allclose(both.entropy, relative_entropy(mean).numpy(), atol=1e-6)
