"""The dose at which a score is lost, read off a curve of scores against photons.

Must not know files or models: numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def dose_of_loss(doses: Sequence[float], values: NDArray[np.float64], floor: float) -> float:
    """Return the largest dose below which a score lies under `floor`, or NaN.

    Parameters
    ----------
    doses : D different photon numbers, in any order
    values : (D,) the score at each dose
    floor : what the score should not fall below

    Returns
    -------
    Coming from the largest dose, the place where the score first crosses `floor`, interpolated in
    the logarithm of the dose between the two doses around it. NaN where it never does: the score
    stays at or above `floor` at every dose, lies below it at the largest dose already, or is
    undefined.

    Examples
    --------
    >>> round(dose_of_loss([10, 100], np.array([0.4, 0.8]), 0.6), 3)
    31.623
    >>> dose_of_loss([10, 100], np.array([0.7, 0.8]), 0.6)
    nan
    """
    order = np.argsort(doses)[::-1]
    logs, scores = np.log(np.asarray(doses, np.float64))[order], np.asarray(values)[order]
    if np.isnan(scores).any() or scores[0] < floor:
        return math.nan
    for at in range(1, len(scores)):
        if scores[at] < floor:
            share = (scores[at - 1] - floor) / (scores[at - 1] - scores[at])
            return float(np.exp(logs[at - 1] + share * (logs[at] - logs[at - 1])))
    return math.nan
