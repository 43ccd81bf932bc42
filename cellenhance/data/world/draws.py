"""Draws from the ranges of a kind."""

from __future__ import annotations

import numpy as np

from cellenhance.data.degrade.ranges import draw_between, draw_log_between


def between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """Return a number between the limits, drawn evenly; above 0 evenly in its logarithm.

    So a radius of 5 to 10 px is as likely as one of 10 to 20 px.
    """
    draw = draw_log_between if limits[0] > 0 else draw_between
    return draw(limits, rng.random())


def happens(share: float, rng: np.random.Generator) -> bool:
    """Return True with probability `share`."""
    return bool(rng.random() < share)
