"""Settings that are a number or a range from which one is drawn, written 5 or 3..30."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

_EXPECTED = "expected a number or a range such as 3..30, the smaller first"


def _as_range(value: Any) -> Any:
    """Return "3..30", "3", 3 and [3, 30] as (low, high)."""
    if isinstance(value, str):
        low, dots, high = value.partition("..")
        try:
            value = [float(low), float(high if dots else low)]
        except ValueError as error:
            raise ValueError(_EXPECTED) from error
        if not all(map(math.isfinite, value)):
            raise ValueError(_EXPECTED)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [value, value]
    return value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] <= value[1] or not all(map(math.isfinite, value)):
        raise ValueError(_EXPECTED)
    return value


def _positive(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] <= 0:
        raise ValueError("expected numbers above 0")
    return value


def _not_negative(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] < 0:
        raise ValueError("expected numbers from 0 on")
    return value


def at_most(limit: float) -> AfterValidator:
    """Return the check that a range does not go beyond `limit`."""

    def check(value: tuple[float, float]) -> tuple[float, float]:
        if value[1] > limit:
            raise ValueError(f"expected numbers up to {limit:g}")
        return value

    return AfterValidator(check)


Range = Annotated[
    tuple[float, float],
    BeforeValidator(_as_range),
    AfterValidator(_ordered),
    AfterValidator(_not_negative),
]
"""A number, or ``low..high`` from which one is drawn an image; never negative."""
PositiveRange = Annotated[Range, AfterValidator(_positive)]
ShareRange = Annotated[Range, at_most(1)]
PositiveShareRange = Annotated[ShareRange, AfterValidator(_positive)]


def draw_between(limits: tuple[float, float], place: float) -> float:
    """Return the value at `place` in [0, 1) between the limits.

    Examples
    --------
    >>> draw_between((2.0, 4.0), 0.5), draw_between((3.0, 3.0), 0.9)
    (3.0, 3.0)
    """
    low, high = limits
    return low if low == high else float(low + (high - low) * place)


def draw_log_between(limits: tuple[float, float], place: float) -> float:
    """Return the value at `place` in [0, 1) between the limits, even in its logarithm.

    Examples
    --------
    >>> draw_log_between((1.0, 100.0), 0.5)
    10.0
    """
    low, high = limits
    return low if low == high else float(low * (high / low) ** place)
