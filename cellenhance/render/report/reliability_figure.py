"""A reliability diagram: how often pixels of a stated probability are right."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from cellenhance.metrics.calibration import Reliability
from cellenhance.render.figures import print_settings

_INK, _FAINT, _BAR = "#333333", "#999999", "#0072b2"


def draw_reliability(found: Reliability, title: str) -> Figure:
    """Return the share of right pixels against their probability, and how many there are.

    Parameters
    ----------
    found : of the top label; bins of equal width over [0, 1], NaN where no pixel lies
    title : first line of the figure
    """
    n_bins = len(found.n_px)
    edges = np.linspace(0, 1, n_bins + 1)
    with print_settings():
        figure = Figure(figsize=(4.6, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot((0, 1), (0, 1), "--", color=_FAINT, linewidth=1, label="perfect")
        upper.plot(found.confidence, found.accuracy, "o-", color=_BAR, label="measured")
        upper.set_ylabel("share of right pixels")
        upper.set_ylim(0, 1)
        upper.set_title(title, loc="left", fontsize=10)
        upper.legend(frameon=False, fontsize=8, loc="upper left")
        share = found.n_px / max(1.0, float(found.n_px.sum()))
        lower.bar(edges[:-1], share, width=1 / n_bins, align="edge", color=_BAR)
        lower.set_ylabel("share of all pixels")
        lower.set_xlabel("probability of the class that was chosen")
        lower.set_xlim(0, 1)
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(colors=_INK)
    return figure
