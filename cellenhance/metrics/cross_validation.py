"""Scores of a model over folds and seeds, with intervals from resampled test images.

As in the published tables, the confusion matrices of a fold's test images are pooled, each fold
gives one number, and mean and standard deviation are over folds. Seeds of a fold are averaged
first, so that n is the number of folds. Must not know files or models: counts in, numbers out.

Source: methods.md 1.5 and 1.6 (population standard deviation, divisor = number of folds).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.metrics import overlap
from cellenhance.metrics.bootstrap import (
    Interval,
    draw_weights,
    percentile_interval,
    resample_matrices,
    resample_means,
)


@dataclass(frozen=True, slots=True, eq=False)
class RunCounts:
    """The confusion matrices of one run on its test images.

    Attributes
    ----------
    seed, fold : which run of its model this is
    ids, groups : of each of N images
    matrices : (N, K, K) int64, true classes as rows
    """

    seed: int
    fold: int
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    matrices: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ImageValues:
    """Scores of single images of one run: (N, C), NaN = undefined; for what cannot be pooled."""

    seed: int
    fold: int
    ids: tuple[str, ...]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ImageWeights:
    """How often each test image is drawn in each resample; the same for all models compared.

    Attributes
    ----------
    ids : the N test images of all folds
    weights : (R, N) int64
    """

    ids: tuple[str, ...]
    weights: NDArray[np.int64]

    def of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the columns of `ids`, (R, len(ids))."""
        places = {each: index for index, each in enumerate(self.ids)}
        return self.weights[:, [places[each] for each in ids]]


@dataclass(frozen=True, slots=True, eq=False)
class FoldScores:
    """Scores of one model in the columns of `score_columns`, as fractions; NaN = undefined.

    Attributes
    ----------
    folds : the F folds
    values : (F, C) of each fold, seeds averaged
    mean, std : (C,) over folds; std is the population standard deviation (divisor F)
    resampled : (R, C) the mean in each resample of the test images
    """

    folds: tuple[int, ...]
    values: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    resampled: NDArray[np.float64]

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Return the interval of each column's mean."""
        return _intervals(self.resampled)


@dataclass(frozen=True, slots=True, eq=False)
class ScoreDifference:
    """Model minus baseline in the columns of `score_columns`: (C,) means and their intervals."""

    mean: NDArray[np.float64]
    intervals: tuple[Interval, ...]

    @property
    def signs(self) -> tuple[int, ...]:
        """Return 1 or -1 where the interval lies above or below zero, else 0."""
        return tuple(int(each.low > 0) - int(each.high < 0) for each in self.intervals)


def score_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the published tables.

    Examples
    --------
    >>> score_columns(["cell", "rest"])
    ('mIoU', 'IoU cell', 'IoU rest', 'mDice', 'Dice cell', 'Dice rest')
    """
    return (
        "mIoU",
        *(f"IoU {name}" for name in classes),
        "mDice",
        *(f"Dice {name}" for name in classes),
    )


def score_values(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scores of pooled matrices (..., K, K) in the order of `score_columns`.

    Examples
    --------
    >>> score_values(np.array([[4, 1], [2, 3]])).round(4).tolist()
    [0.5357, 0.5714, 0.5, 0.697, 0.7273, 0.6667]
    """
    parts = []
    for score in (overlap.iou(matrices), overlap.dice(matrices)):
        parts += [overlap.mean_over_classes(score)[..., None], score]
    return np.concatenate(parts, axis=-1)


def draw_image_weights(
    runs: Iterable[RunCounts], n_resamples: int, rng: np.random.Generator
) -> ImageWeights:
    """Return one draw of test images, whole groups together, for all `runs`.

    Groups of all folds are drawn together, so the number of images of a fold varies between
    resamples; a fold of which no image is drawn is left out of that resample's mean.
    """
    groups: dict[str, str] = {}
    for run in runs:
        groups.update(zip(run.ids, run.groups, strict=True))
    weights = draw_weights(tuple(groups.values()), n_resamples, rng)
    return ImageWeights(tuple(groups), weights)


def fold_scores(runs: Sequence[RunCounts], weights: ImageWeights) -> FoldScores:
    """Return the scores of one model from its runs, at least one per fold.

    Raises
    ------
    ValueError
        `runs` is empty.
    """
    return _over_folds(
        [run.fold for run in runs],
        [score_values(run.matrices.sum(axis=0)) for run in runs],
        [score_values(resample_matrices(run.matrices, weights.of(run.ids))) for run in runs],
    )


def fold_means(runs: Sequence[ImageValues], weights: ImageWeights) -> FoldScores:
    """Return the means over images of one model from its runs, at least one per fold.

    An image whose score is undefined or infinite is left out.

    Raises
    ------
    ValueError
        `runs` is empty.
    """
    finite = [np.where(np.isfinite(run.values), run.values, np.nan) for run in runs]
    resampled = []
    for run, values in zip(runs, finite, strict=True):
        drawn = weights.of(run.ids)
        resampled.append(np.stack([resample_means(x, drawn) for x in values.T], axis=1))
    return _over_folds([run.fold for run in runs], [_mean(x) for x in finite], resampled)


def _over_folds(
    at: Sequence[int],
    scores: Sequence[NDArray[np.float64]],
    resampled: Sequence[NDArray[np.float64]],
) -> FoldScores:
    """Average runs of one fold, then folds: `scores` (C,) and `resampled` (R, C) of each run."""
    if not at:
        raise ValueError("scores over folds need at least one run")
    folds = tuple(sorted(set(at)))

    def by_fold(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        pairs = list(zip(at, parts, strict=True))
        return np.stack([_mean([x for where, x in pairs if where == fold]) for fold in folds])

    values = by_fold(scores)
    mean = _mean(values)
    std = np.sqrt(_mean((values - mean) ** 2))
    return FoldScores(folds, values, mean, std, _mean(by_fold(resampled)))


def score_difference(mine: FoldScores, baseline: FoldScores) -> ScoreDifference:
    """Return `mine` minus `baseline`; with the same weights and images in both it is paired.

    Raises
    ------
    ValueError
        The two differ in their folds or in the number of resamples.
    """
    if mine.folds != baseline.folds or mine.resampled.shape != baseline.resampled.shape:
        raise ValueError("a paired difference needs the same folds and resamples in both")
    resampled = mine.resampled - baseline.resampled
    return ScoreDifference(mine.mean - baseline.mean, _intervals(resampled))


def majority_counts(run: RunCounts, training_pixels: Sequence[int]) -> RunCounts:
    """Return the counts of predicting the class most frequent in training everywhere.

    Examples
    --------
    >>> run = RunCounts(0, 1, ("a",), ("a",), np.array([[[4, 1], [2, 3]]]))
    >>> majority_counts(run, [90, 10]).matrices.tolist()
    [[[5, 0], [5, 0]]]
    """
    matrices = np.zeros_like(run.matrices)
    matrices[:, :, int(np.argmax(training_pixels))] = run.matrices.sum(axis=2)
    return RunCounts(run.seed, run.fold, run.ids, run.groups, matrices)


def _mean(parts: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis, undefined values left out."""
    return overlap.mean_over_classes(np.moveaxis(np.asarray(parts, np.float64), 0, -1))


def _intervals(resampled: NDArray[np.float64]) -> tuple[Interval, ...]:
    return tuple(percentile_interval(column) for column in resampled.T)
