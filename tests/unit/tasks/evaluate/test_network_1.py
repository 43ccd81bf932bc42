"""Where network 1 alone is better than the ensemble, that is said, with both numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cellenhance.metrics.scores import Scores
from cellenhance.tasks.evaluate.record import compare_network_1


def scores(n_right: int) -> Scores:
    """Return the scores of 100 pixels, half of each class, of which so many are right."""
    right, wrong = n_right // 2, 50 - n_right // 2
    matrix = np.array([[right, wrong], [wrong, right]])
    return Scores.from_matrices(("a", "b"), ["image"], [matrix])


def with_network_1(result: int, alone: int) -> Scores:
    return replace(scores(result), branches={"network 1": scores(alone), "branch 1": scores(100)})


def test_both_numbers_by_hand() -> None:
    # 90 of 100 right: 45 of 55 in each class; 80 of 100: 40 of 60.
    said = compare_network_1([with_network_1(80, 90)])
    assert said is not None
    assert "network 1 alone is better than the result here (mIoU 81.82 against 66.67 %)" in said


@pytest.mark.parametrize(("result", "alone"), [(90, 80), (80, 80)])
def test_nothing_is_said_where_the_ensemble_is_as_good(result: int, alone: int) -> None:
    assert compare_network_1([with_network_1(result, alone)]) is None
    assert compare_network_1([scores(result)]) is None  # a model without branches


def test_folds_are_compared_by_their_means() -> None:
    folds = [with_network_1(80, 90), with_network_1(90, 88)]
    said = compare_network_1(folds, "aep")
    assert said is not None
    # (81.82 + 78.57) / 2 against (66.67 + 81.82) / 2
    assert said.startswith("aep: network 1 alone")
    assert "mIoU 80.19 against 74.24 %, mean of 2 folds" in said
