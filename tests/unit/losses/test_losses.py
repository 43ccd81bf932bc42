"""Cross-entropy over annotated pixels, and its sum over all outputs of a network."""

from __future__ import annotations

import math

import pytest
import torch

from cellenhance.arrays import IGNORE
from cellenhance.losses.cross_entropy import cross_entropy
from cellenhance.losses.objective import FINAL, compute_objective
from cellenhance.networks.outputs import SegmentationOutput

# Logits of two classes at the pixels of a 1 x 4 image; softmax gives P(class 1) = .9, .6, .2, .4.
LOGITS = torch.tensor([[0.0] * 4, [math.log(p / (1 - p)) for p in (0.9, 0.6, 0.2, 0.4)]])
LOGITS = LOGITS.view(1, 2, 1, 4)


def mask(*values: int) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 4)


def test_the_published_golden_value() -> None:
    assert float(cross_entropy(LOGITS, mask(1, 1, 0, 0))) == pytest.approx(0.337539, abs=1e-6)


def test_ignored_pixels_count_neither_above_nor_below_the_line() -> None:
    expected = -(math.log(0.9) + math.log(0.8)) / 2
    found = cross_entropy(LOGITS, mask(1, IGNORE, 0, IGNORE))
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_the_mean_runs_over_all_annotated_pixels_of_the_batch() -> None:
    """Not over images first: an image with few annotated pixels weighs less."""
    logits = LOGITS.repeat(2, 1, 1, 1)
    truth = torch.cat([mask(1, 1, 0, 0), mask(0, IGNORE, IGNORE, IGNORE)])
    expected = -sum(map(math.log, (0.9, 0.6, 0.8, 0.6, 0.1))) / 5
    assert float(cross_entropy(logits, truth)) == pytest.approx(expected, abs=1e-6)


def test_without_annotated_pixels_loss_and_gradient_are_zero() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = cross_entropy(logits, mask(*[IGNORE] * 4))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_half_precision_logits_are_summed_in_float32() -> None:
    assert cross_entropy(LOGITS.bfloat16(), mask(1, 1, 0, 0)).dtype == torch.float32


def output(*branches: torch.Tensor, final: torch.Tensor) -> SegmentationOutput:
    return SegmentationOutput(logits=final, features=final, branch_logits=branches)


def test_an_ensemble_has_a_term_for_each_output_and_one_for_itself() -> None:
    branches = [LOGITS, 2 * LOGITS, -LOGITS]
    names = ("network 1", "branch 1", "branch 2")
    truth = mask(1, 1, 0, 0)
    terms = compute_objective(output(*branches, final=3 * LOGITS), truth, names)
    expected = {
        name: float(cross_entropy(logits, truth))
        for name, logits in zip((*names, FINAL), [*branches, 3 * LOGITS], strict=True)
    }
    assert {name: float(value) for name, value in terms.parts.items()} == expected
    assert float(terms.total) == pytest.approx(sum(expected.values()), rel=1e-6)


def test_a_result_that_is_a_branch_counts_once() -> None:
    second = 2 * LOGITS
    terms = compute_objective(output(LOGITS, second, final=second), mask(1, 1, 0, 0), ("a", "b"))
    assert list(terms.parts) == ["a", "b"]


def test_a_plain_network_has_one_term() -> None:
    terms = compute_objective(output(final=LOGITS), mask(1, 1, 0, 0), ())
    assert list(terms.parts) == [FINAL]
    assert float(terms.total) == pytest.approx(0.337539, abs=1e-6)


def test_names_and_branches_must_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        compute_objective(output(LOGITS, final=LOGITS), mask(1, 1, 0, 0), ("a", "b"))
