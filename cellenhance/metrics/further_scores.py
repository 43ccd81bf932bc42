"""Metrics of the registry over a set of images: seen one by one, kept as a few numbers each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.errors import SettingsError
from cellenhance.metrics.averages import ImageAverages, average_images
from cellenhance.metrics.bootstrap import Interval, percentile_interval, resample_means
from cellenhance.metrics.registry import METRICS, Metric, select_metrics
from cellenhance.metrics.score_intervals import Resampling, interval_to_json
from cellenhance.metrics.scored_image import ScoredImage
from cellenhance.pixel_size import PixelSize

ALL = "all"

ALWAYS = ("iou", "dice", "precision", "recall", "specificity", "accuracy")
"""Reported for every evaluation, from the confusion matrix; asking for them changes nothing."""

ALIASES = {
    "ap": "average_precision",
    "assd": "mean_surface_distance",
    "auc": "roc_auc",
    "ece": "calibration_error",
    "f1": "dice",
    "hd": "hausdorff",
    "hd95": "hausdorff_95",
    "jaccard": "iou",
    "pq": "panoptic_quality",
}


def choose_metrics(
    words: Sequence[str], *, has_probabilities: bool, has_pixel_size: bool
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Return the metrics these words mean, beyond those always reported, and what is left out.

    Parameters
    ----------
    words : names, short names (`ALIASES`), or "all" for what can be computed here; where the pixel
        size is known a distance in pixels brings the one in um

    Raises
    ------
    SettingsError
        A name is not a metric, or a metric needs data that are not there.

    Examples
    --------
    >>> found, left_out = choose_metrics(["hd95"], has_probabilities=False, has_pixel_size=True)
    >>> [metric.name for metric in found]
    ['hausdorff_95', 'hausdorff_95_um']
    """
    names = [_spell(word) for word in words]
    wanted = select_metrics(METRICS if ALL in names else names)
    if has_pixel_size:
        in_um = [f"{each.name}_um" for each in wanted if each.unit == "px"]
        wanted = tuple(dict.fromkeys((*wanted, *select_metrics(in_um))))
    missing = {
        each.name: reason
        for each in wanted
        if (reason := _lacks(each, has_probabilities, has_pixel_size))
    }
    if missing and ALL not in names:
        name, reason = next(iter(missing.items()))
        raise SettingsError(f"--metrics {name} {reason}")
    found = [each for each in wanted if each.name not in missing and each.name not in ALWAYS]
    return tuple(found), tuple(missing)


def find_metric(word: str) -> Metric:
    """Return the metric of one name or short name; SettingsError where there is none."""
    return select_metrics([_spell(word)])[0]


def _spell(word: str) -> str:
    name = word.strip().lower().replace("-", "_")
    return ALIASES.get(name, name)


def _lacks(metric: Metric, has_probabilities: bool, has_pixel_size: bool) -> str:
    if metric.needs == "probabilities" and not has_probabilities:
        return "needs probabilities, which masks do not have; leave it out or score a RUN"
    if metric.unit == "um" and not has_pixel_size:
        return "needs the pixel size; give --pixel-size UM or prepare the dataset with it"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class MetricScores:
    """One metric over a set of images.

    Attributes
    ----------
    columns : the classes, or "" alone where the metric has one value per image
    values : (N, C) of each image; NaN = undefined, infinite = the class is in one mask only
    averages : over images, and how many images are left out
    intervals : of each mean, bootstrapped over images
    pooled : (C,) over all pixels or objects of the set; None where that is not defined
    """

    metric: Metric
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    averages: ImageAverages
    intervals: tuple[Interval, ...]
    pooled: NDArray[np.float64] | None

    def column_name(self, column: str) -> str:
        """Return the name of a column of `per_image.csv`."""
        return f"{self.metric.name}_{column}" if column else self.metric.name

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts; None for what is undefined."""
        averages = self.averages
        return {
            "better": self.metric.direction,
            "unit": self.metric.unit,
            "per_image_mean": self._json(averages.mean),
            "intervals": self._by_column([interval_to_json(each) for each in self.intervals]),
            "n_images": self._by_column(averages.n_images.tolist()),
            "n_undefined": self._by_column(averages.n_undefined.tolist()),
            "n_infinite": self._by_column(averages.n_infinite.tolist()),
            "pooled": None if self.pooled is None else self._json(self.pooled),
        }

    def _json(self, values: NDArray[np.float64]) -> Any:
        return self._by_column([x if math.isfinite(x) else None for x in values.tolist()])

    def _by_column(self, values: list[Any]) -> Any:
        return values[0] if self.columns == ("",) else dict(zip(self.columns, values, strict=True))


@dataclass(slots=True)
class FurtherMetrics:
    """Computes metrics of images that come one by one; no image is kept once it was seen."""

    metrics: tuple[Metric, ...]
    classes: tuple[str, ...]
    pixel_size_um: PixelSize | None = None
    _values: list[list[NDArray[np.float64]]] = field(default_factory=list)
    _tallies: list[Any] = field(default_factory=list)

    @property
    def needs_probabilities(self) -> bool:
        """Tell whether a metric looks at probabilities."""
        return any(each.needs == "probabilities" for each in self.metrics)

    def see(self, image: ScoredImage) -> None:
        """Compute every metric of one image."""
        self._values.append([each.compute(image) for each in self.metrics])
        tallies = [each.pool.tally(image) if each.pool else None for each in self.metrics]
        if self._tallies:
            pairs = zip(self._tallies, tallies, strict=True)
            tallies = [None if new is None else old + new for old, new in pairs]
        self._tallies = tallies

    def finish(self, groups: Sequence[str], resampling: Resampling) -> tuple[MetricScores, ...]:
        """Return what was found, with intervals over images, whole groups at a time."""
        weights = resampling.weights(groups)
        scores = []
        for index, metric in enumerate(self.metrics):
            values = np.stack([each[index] for each in self._values])
            finite = np.where(np.isfinite(values), values, np.nan)
            intervals = [percentile_interval(resample_means(x, weights)) for x in finite.T]
            pooled = metric.pool.score(self._tallies[index]) if metric.pool else None
            scores.append(
                MetricScores(
                    metric=metric,
                    columns=self.classes if metric.per == "class" else ("",),
                    values=values,
                    averages=average_images(values),
                    intervals=tuple(intervals),
                    pooled=pooled,
                )
            )
        return tuple(scores)
