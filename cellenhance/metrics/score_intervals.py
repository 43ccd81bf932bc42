"""Bootstrap intervals of the pooled overlap scores of one set of images.

Images of one group are drawn together. Equal groups and settings draw the same images, so that
intervals of several models on one set belong together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellenhance.metrics import overlap
from cellenhance.metrics.bootstrap import (
    LEVEL,
    N_RESAMPLES,
    Interval,
    draw_weights,
    percentile_interval,
    resample_matrices,
)
from cellenhance.texts import counted


@dataclass(frozen=True, slots=True)
class Resampling:
    """How images are drawn: seed and number of resamples."""

    seed: int = 0
    n_resamples: int = N_RESAMPLES

    def weights(self, groups: Sequence[str]) -> NDArray[np.int64]:
        """Return how often each image is drawn: (R, N), or (0, N) where nothing can be drawn."""
        return draw_weights(groups, self.n_resamples, np.random.default_rng(self.seed))


@dataclass(frozen=True, slots=True)
class ScoreIntervals:
    """Intervals by class name, of the means over classes, and of the accuracy.

    Attributes
    ----------
    resampling : the seed and number of resamples that were requested
    n_images, n_groups : what was drawn from
    """

    iou: Mapping[str, Interval]
    dice: Mapping[str, Interval]
    miou: Interval
    mdice: Interval
    accuracy: Interval
    resampling: Resampling
    n_images: int
    n_groups: int

    @classmethod
    def from_matrices(
        cls,
        classes: Sequence[str],
        groups: Sequence[str],
        matrices: NDArray[np.int64],
        resampling: Resampling,
    ) -> Self:
        """Return the 95 % intervals of the scores pooled over all pixels.

        Parameters
        ----------
        classes : K names in index order
        groups : the group of each of N images
        matrices : (N, K, K) the confusion matrix of each image, true classes as rows

        Examples
        --------
        >>> import numpy as np
        >>> matrices = np.array([[[4, 1], [2, 3]], [[5, 0], [0, 5]]])
        >>> intervals = ScoreIntervals.from_matrices(["a", "b"], ["x", "y"], matrices, Resampling())
        >>> round(intervals.accuracy.low, 4), intervals.accuracy.high, intervals.n_groups
        (0.7, 1.0, 2)
        """
        pooled = resample_matrices(matrices, resampling.weights(groups))
        of = {"iou": overlap.iou(pooled), "dice": overlap.dice(pooled)}
        by_class: dict[str, Any] = {
            score: {
                name: percentile_interval(values[:, index]) for index, name in enumerate(classes)
            }
            for score, values in of.items()
        }
        means: dict[str, Any] = {
            f"m{score}": percentile_interval(overlap.mean_over_classes(values))
            for score, values in of.items()
        }
        hits = np.trace(pooled, axis1=1, axis2=2)
        totals = pooled.sum(axis=(1, 2))
        shares = np.full(len(pooled), np.nan)
        np.divide(hits, totals, out=shares, where=totals > 0)
        return cls(
            **by_class,
            **means,
            accuracy=percentile_interval(shares),
            resampling=resampling,
            n_images=len(groups),
            n_groups=len(set(groups)),
        )

    @property
    def note(self) -> str:
        """Return in words what the intervals are, or why there are none."""
        images, groups = counted(self.n_images, "image"), counted(self.n_groups, "group")
        if not self.resampling.n_resamples:
            return "no intervals: none were requested"
        if self.n_groups < 2:
            which = images if self.n_images == 1 else f"{groups} (of {images})"
            spread = "images" if self.n_images == 1 else "groups"
            return f"no intervals: {which} says nothing about the spread between {spread}"
        of = images if self.n_groups == self.n_images else f"{images}, clustered in {groups}"
        few = "; with so few, intervals are too narrow" if self.n_groups < 10 else ""
        return (
            f"[low, high]: {100 * LEVEL:.0f} % bootstrap interval over {of}, "
            f"{counted(self.resampling.n_resamples, 'resample')}, seed {self.resampling.seed}{few}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts: [low, high] as fractions, None for what is undefined."""
        return {
            "level": LEVEL,
            "n_resamples": self.resampling.n_resamples,
            "seed": self.resampling.seed,
            "n_images": self.n_images,
            "n_groups": self.n_groups,
            "note": self.note,
            "iou": {name: interval_to_json(each) for name, each in self.iou.items()},
            "miou": interval_to_json(self.miou),
            "dice": {name: interval_to_json(each) for name, each in self.dice.items()},
            "mdice": interval_to_json(self.mdice),
            "accuracy": interval_to_json(self.accuracy),
        }


def interval_to_json(interval: Interval) -> list[float] | None:
    """Return [low, high], or None where it is undefined."""
    return None if math.isnan(interval.low) else [interval.low, interval.high]
