"""Every metric by name: what it needs, which way is better, and how it is pooled.

`evaluate` computes a metric of each image by `compute`; where `pool` is given, the same number over
all pixels or objects of a set comes from tallies that add up, which are also what a bootstrap
resamples. Metrics without a pool have only a mean over images.

Examples
--------
>>> import numpy as np
>>> truth = np.array([[0, 0, 1, 1]], np.uint8)
>>> images = [ScoredImage(truth, truth, 2), ScoredImage(truth, np.zeros_like(truth), 2)]
>>> metric = METRICS["iou"]
>>> [metric.compute(image).tolist() for image in images]
[[1.0, 1.0], [0.5, 0.0]]
>>> metric.pool.score(sum(metric.pool.tally(image) for image in images)).round(4).tolist()
[0.6667, 0.5]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cellenhance.errors import SettingsError
from cellenhance.metrics import calibration, objects, overlap, ranking, surface
from cellenhance.metrics.partition import PartitionScores
from cellenhance.metrics.scored_image import ScoredImage
from cellenhance.settings import suggest

Values: TypeAlias = NDArray[np.float64]
Tally: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Pool:
    """How a metric is computed over many images at once.

    Attributes
    ----------
    tally : the counts of one image, which add up over images
    score : the values of a tally or a sum of tallies, of the shape that `Metric.compute` returns
    """

    tally: Callable[[ScoredImage], Tally]
    score: Callable[[Tally], Values]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : as `--metrics` takes it
    needs : "probabilities"; or "masks"; or "objects", masks whose connected parts are objects
    direction : which values are better
    unit : "" (a number without unit), "px" or "um"
    compute : from one image the value of each class, (K,), or of the image, (1,); NaN = undefined,
        infinite = the class is in one of the masks only
    per : whether there is one value per class or one per image
    pool : how it is pooled; None where only the mean over images is defined
    """

    name: str
    needs: Literal["masks", "probabilities", "objects"]
    direction: Literal["higher", "lower"]
    unit: Literal["", "px", "um"]
    compute: Callable[[ScoredImage], Values]
    per: Literal["class", "image"] = "class"
    pool: Pool | None = None


def select_metrics(names: Iterable[str]) -> tuple[Metric, ...]:
    """Return the metrics with these names in this order; hyphens are read as underscores.

    Raises
    ------
    SettingsError
        A name is not that of a metric.

    Examples
    --------
    >>> [metric.name for metric in select_metrics(["dice", "hausdorff-95"])]
    ['dice', 'hausdorff_95']
    """
    found = []
    for name in names:
        known = name.strip().replace("-", "_")
        if known not in METRICS:
            raise SettingsError(f"there is no metric '{name}'{suggest(known, METRICS)}")
        found.append(METRICS[known])
    return tuple(found)


def _overlap(name: str) -> Metric:
    score = getattr(overlap, name)

    def compute(image: ScoredImage) -> Values:
        return np.asarray(score(image.confusion), np.float64)

    return Metric(name, "masks", "higher", "", compute, pool=Pool(_confusion, score))


def _confusion(image: ScoredImage) -> Tally:
    return image.confusion


def _accuracy(matrix: Tally) -> Values:
    return np.array([overlap.accuracy(matrix)])


def _ranking(name: str) -> Metric:
    def compute(image: ScoredImage) -> Values:
        return np.array([getattr(each, name) for each in image.rankings])

    def score(counts: Tally) -> Values:
        return np.array([getattr(each, name) for each in ranking.rank_counts(counts)])

    pool = Pool(lambda image: image.score_counts, score)
    return Metric(name, "probabilities", "higher", "", compute, pool=pool)


def _confidence(image: ScoredImage) -> Tally:
    return image.confidence_counts


def _calibration(name: str, per: Literal["class", "image"], rows: slice) -> Metric:
    def score(counts: Tally) -> Values:
        return calibration.calibration_errors(counts[rows])

    def compute(image: ScoredImage) -> Values:
        return score(image.confidence_counts)

    return Metric(name, "probabilities", "lower", "", compute, per, Pool(_confidence, score))


def _distance(
    name: str, measure: Callable[[ScoredImage], Iterable[float]]
) -> tuple[Metric, Metric]:
    """Return the metric in pixels and in um (NaN where the pixel size is not known)."""

    def in_px(image: ScoredImage) -> Values:
        return np.array(list(measure(image)), np.float64)

    def in_um(image: ScoredImage) -> Values:
        size = image.pixel_size_um
        if size is None:
            return np.full(image.n_classes, np.nan)
        # Pixels of unequal sides have no distance in pixels that a factor turns into um.
        return in_px(image.in_um) if isinstance(size, tuple) else in_px(image) * size

    px = Metric(name, "masks", "lower", "px", in_px)
    return px, Metric(f"{name}_um", "masks", "lower", "um", in_um)


def _matches(image: ScoredImage) -> Tally:
    return np.stack([each.count_matches() for each in image.outlines])


def _partition(
    name: str,
    field: str,
    compared: Callable[[ScoredImage], tuple[PartitionScores, ...]],
    direction: Literal["higher", "lower"] = "higher",
) -> Metric:
    def compute(image: ScoredImage) -> Values:
        return np.array([getattr(each, field) for each in compared(image)], np.float64)

    return Metric(name, "masks", direction, "", compute)


def _warped(image: ScoredImage) -> Tally:
    """Return mismatches, splits and merges, and pixels of each class that is there, (K, 3)."""
    absent = overlap.absent(image.confusion)
    counts = [[x.n_mismatches, x.n_splits + x.n_merges, x.n_px] for x in image.warpings]
    return np.where(absent[:, None], 0, counts)


def _warping(name: str, column: int) -> Metric:
    def score(counts: Tally) -> Values:
        errors = np.full(len(counts), np.nan)
        np.divide(counts[:, column], counts[:, 2], out=errors, where=counts[:, 2] > 0)
        return errors

    def compute(image: ScoredImage) -> Values:
        return score(_warped(image))

    return Metric(name, "masks", "lower", "", compute, pool=Pool(_warped, score))


def _object_counts(image: ScoredImage) -> Tally:
    return image.object_counts


def _objects(name: str, score: Callable[[Tally], Values]) -> Metric:
    def compute(image: ScoredImage) -> Values:
        return score(image.object_counts)

    return Metric(name, "objects", "higher", "", compute, pool=Pool(_object_counts, score))


def _at(score: Callable[[Tally], Values], threshold: float) -> Callable[[Tally], Values]:
    row = objects.THRESHOLDS.index(threshold)
    return lambda counts: score(counts[..., row, :])


def _over_thresholds(score: Callable[[Tally], Values]) -> Callable[[Tally], Values]:
    return lambda counts: score(counts[..., : len(objects.THRESHOLDS), :]).mean(axis=-1)


_ALL = (
    *(_overlap(name) for name in ("iou", "dice", "precision", "recall", "specificity")),
    Metric(
        name="accuracy",
        needs="masks",
        direction="higher",
        unit="",
        compute=lambda image: _accuracy(image.confusion),
        per="image",
        pool=Pool(_confusion, _accuracy),
    ),
    _ranking("roc_auc"),
    _ranking("average_precision"),
    _calibration("calibration_error", "image", slice(0, 1)),
    _calibration("classwise_calibration_error", "class", slice(1, None)),
    *_distance("hausdorff", lambda image: image.region_distances),
    *_distance("hausdorff_boundary", lambda image: (x.hausdorff() for x in image.outlines)),
    *_distance("hausdorff_95", lambda image: (x.percentile(95) for x in image.outlines)),
    *_distance("mean_surface_distance", lambda image: (x.mean() for x in image.outlines)),
    Metric(
        name="boundary_f1",
        needs="masks",
        direction="higher",
        unit="",
        compute=lambda image: surface.boundary_f1(_matches(image)),
        pool=Pool(_matches, surface.boundary_f1),
    ),
    _partition("v_rand", "v_rand", lambda image: image.partitions),
    _partition("v_rand_split", "v_rand_split", lambda image: image.partitions),
    _partition("v_rand_merge", "v_rand_merge", lambda image: image.partitions),
    _partition("v_info", "v_info", lambda image: image.partitions),
    _partition("v_info_split", "v_info_split", lambda image: image.partitions),
    _partition("v_info_merge", "v_info_merge", lambda image: image.partitions),
    _partition("rand_error", "rand_error", lambda image: image.partitions, "lower"),
    _partition("v_rand_thinned", "v_rand", lambda image: image.thinned_partitions),
    _partition("v_info_thinned", "v_info", lambda image: image.thinned_partitions),
    _partition("v_rand_simplified", "v_rand", lambda image: image.simplified_partitions),
    _partition("v_info_simplified", "v_info", lambda image: image.simplified_partitions),
    _warping("warping_error", 0),
    _warping("warping_error_split_merge", 1),
    _objects("object_f1", _over_thresholds(objects.object_f1)),
    _objects("object_f1_50", _at(objects.object_f1, 0.5)),
    _objects("object_f1_75", _at(objects.object_f1, 0.75)),
    _objects("object_f1_90", _at(objects.object_f1, 0.9)),
    _objects("object_ap", _over_thresholds(objects.object_ap)),
    _objects("object_ap_50", _at(objects.object_ap, 0.5)),
    _objects("object_ap_75", _at(objects.object_ap, 0.75)),
    _objects("object_ap_90", _at(objects.object_ap, 0.9)),
    _objects("panoptic_quality", objects.panoptic_quality),
    _objects("segmentation_quality", objects.segmentation_quality),
    _objects("recognition_quality", objects.recognition_quality),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""The metrics by name; docs/reference/metrics.md says what each is."""
