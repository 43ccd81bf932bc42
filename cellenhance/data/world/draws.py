"""Draws from the ranges of a kind."""

from __future__ import annotations

import numpy as np

from cellenhance.data.degrade.ranges import draw_between, draw_log_between


def between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """Return a number drawn evenly between the limits."""
    return draw_between(limits, rng.random())


def log_between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """Return a number drawn between the limits, evenly in its logarithm: for sizes."""
    return draw_log_between(limits, rng.random())


def happens(share: float, rng: np.random.Generator) -> bool:
    """Return True with probability `share`."""
    return bool(rng.random() < share)
