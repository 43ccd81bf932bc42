"""The dose at which a score is lost, on curves whose crossing is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cellenhance.metrics.dose import dose_of_loss


def test_the_crossing_is_interpolated_in_the_logarithm_of_the_dose() -> None:
    # A quarter of the way down from 100 to 1: 100 / 100^(1/4).
    assert dose_of_loss([100, 1], np.array([0.8, 0.4]), 0.7) == pytest.approx(100**0.75)


def test_doses_come_in_any_order() -> None:
    values = {3: 0.2, 10: 0.5, 30: 0.7, 100: 0.8}
    found = {
        dose_of_loss(order, np.array([values[dose] for dose in order]), 0.6)
        for order in ([3, 10, 30, 100], [100, 30, 10, 3], [10, 100, 3, 30])
    }
    assert len(found) == 1
    assert found.pop() == pytest.approx(math.sqrt(10 * 30))  # half way between 0.7 and 0.5


def test_coming_from_above_the_first_crossing_counts() -> None:
    found = dose_of_loss([1, 10, 100], np.array([0.9, 0.4, 0.8]), 0.6)
    assert found == pytest.approx(math.sqrt(10 * 100))


@pytest.mark.parametrize("values", [[0.7, 0.8], [0.6, 0.6], [0.1, 0.5], [math.nan, 0.8]], ids=str)
def test_without_a_crossing_there_is_no_dose(values: list[float]) -> None:
    assert math.isnan(dose_of_loss([10, 100], np.array(values), 0.6))
