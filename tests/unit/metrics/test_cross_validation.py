"""Scores over folds and seeds: means and spreads by hand, differences paired over images."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.metrics.bootstrap import draw_weights, percentile_interval
from cellenhance.metrics.cross_validation import (
    ImageValues,
    ImageWeights,
    RunCounts,
    draw_image_weights,
    fold_means,
    fold_scores,
    majority_counts,
    score_columns,
    score_difference,
    score_values,
)
from cellenhance.metrics.scores import OverlapScores

COLUMNS = score_columns(["a", "b"])


def image(hits: int, misses: int) -> list[list[int]]:
    """Return the matrix of an image whose two classes are equal: IoU hits / (hits + 2 misses)."""
    return [[hits, misses], [misses, hits]]


def run(seed: int, fold: int, *images: list[list[int]], group: str | None = None) -> RunCounts:
    ids = tuple(f"{fold}-{at}" for at in range(len(images)))
    groups = tuple(group or each for each in ids)
    return RunCounts(seed, fold, ids, groups, np.array(images, np.int64))


def no_weights(*runs: RunCounts) -> ImageWeights:
    return draw_image_weights(runs, 0, np.random.default_rng(0))


def test_the_columns_are_those_of_the_published_tables_and_of_the_scores() -> None:
    matrix = np.array([[4, 1], [2, 3]])
    scores = OverlapScores.from_matrix(["a", "b"], matrix)
    expected = [scores.miou, *scores.iou.values(), scores.mdice, *scores.dice.values()]
    assert score_values(matrix).tolist() == pytest.approx(expected, abs=1e-15)
    assert len(COLUMNS) == len(expected)


def test_pixels_of_a_fold_are_pooled_before_the_score() -> None:
    runs = [run(0, 1, image(1, 0), image(1, 2))]  # pooled: 2 hits, 2 misses: 2 / (2 + 4)
    scores = fold_scores(runs, no_weights(*runs))
    assert scores.values[0, 0] == pytest.approx(1 / 3)


def test_seeds_are_averaged_first_and_the_deviation_is_over_folds() -> None:
    runs = [
        run(0, 1, image(1, 0)),  # 1
        run(1, 1, image(2, 1)),  # 1/2: fold 1 is 3/4
        run(0, 2, image(1, 1)),  # 1/3
        run(1, 2, image(2, 3)),  # 1/4: fold 2 is 7/24
    ]
    scores = fold_scores(runs, no_weights(*runs))
    assert scores.folds == (1, 2)
    assert scores.values[:, 0].tolist() == pytest.approx([3 / 4, 7 / 24])
    assert scores.mean[0] == pytest.approx((3 / 4 + 7 / 24) / 2)
    assert scores.std[0] == pytest.approx((3 / 4 - 7 / 24) / 2)  # population: half the distance


def test_a_class_that_no_image_of_a_fold_has_is_left_out_of_the_mean() -> None:
    runs = [run(0, 1, [[4, 0], [0, 0]]), run(0, 2, image(1, 1))]
    scores = fold_scores(runs, no_weights(*runs))
    column = COLUMNS.index("IoU b")
    assert np.isnan(scores.values[0, column])
    assert scores.mean[column] == pytest.approx(1 / 3)
    assert scores.std[column] == 0


def test_all_models_are_scored_on_the_same_draws() -> None:
    mine = [run(0, 1, image(3, 1), image(1, 3), image(5, 2))]
    theirs = [run(0, 1, image(3, 1), image(1, 3), image(5, 2))]
    weights = draw_image_weights(mine, 500, np.random.default_rng(1))
    same = score_difference(fold_scores(mine, weights), fold_scores(theirs, weights))
    assert same.mean.tolist() == [0] * len(COLUMNS)
    assert {(each.low, each.high) for each in same.intervals} == {(0.0, 0.0)}
    assert same.signs == (0,) * len(COLUMNS)


def test_the_interval_of_a_difference_is_that_of_resampled_folds_by_hand() -> None:
    mine = [run(0, 1, image(3, 1), image(1, 3)), run(0, 2, image(2, 2), image(4, 1))]
    theirs = [run(0, 1, image(2, 1), image(1, 4)), run(0, 2, image(1, 2), image(2, 1))]
    weights = draw_image_weights(mine, 300, np.random.default_rng(5))
    found = score_difference(fold_scores(mine, weights), fold_scores(theirs, weights))

    def mean_of_folds(runs: list[RunCounts], drawn: dict[str, int]) -> float:
        folds = []
        for each in runs:
            pairs = zip(each.ids, each.matrices, strict=True)
            pooled = sum(drawn[name] * matrix for name, matrix in pairs)
            if np.any(pooled):
                folds.append(score_values(np.asarray(pooled))[0])
        return float(np.mean(folds))

    ids = ("1-0", "1-1", "2-0", "2-1")
    draws = draw_weights(ids, 300, np.random.default_rng(5))
    named = [dict(zip(ids, row.tolist(), strict=True)) for row in draws]
    by_hand = [mean_of_folds(mine, drawn) - mean_of_folds(theirs, drawn) for drawn in named]
    expected = percentile_interval(np.array(by_hand))
    assert found.intervals[0].low == pytest.approx(expected.low, abs=1e-12)
    assert found.intervals[0].high == pytest.approx(expected.high, abs=1e-12)


def test_a_consistent_gain_excludes_zero_and_says_its_sign() -> None:
    rng = np.random.default_rng(2)
    pairs = [(int(hits), int(misses)) for hits, misses in rng.integers(20, 40, (12, 2))]
    worse = [run(0, 1, *(image(hits, misses) for hits, misses in pairs))]
    better = [run(0, 1, *(image(hits + 5, misses) for hits, misses in pairs))]
    weights = draw_image_weights(worse, 500, np.random.default_rng(3))
    scores = [fold_scores(each, weights) for each in (better, worse)]
    assert score_difference(*scores).signs == (1,) * len(COLUMNS)
    assert score_difference(*reversed(scores)).signs == (-1,) * len(COLUMNS)


def test_images_of_one_group_give_no_interval() -> None:
    runs = [run(0, 1, image(3, 1), image(1, 3), group="slide 1")]
    scores = fold_scores(runs, draw_image_weights(runs, 100, np.random.default_rng(0)))
    assert np.isnan(scores.intervals[0].low)
    assert scores.mean[0] == pytest.approx(4 / 12)


def test_other_folds_cannot_be_paired() -> None:
    one, other = [run(0, 1, image(1, 1))], [run(0, 2, image(1, 1))]
    weights = no_weights(*one, *other)
    with pytest.raises(ValueError, match="same folds"):
        score_difference(fold_scores(one, weights), fold_scores(other, weights))
    with pytest.raises(ValueError, match="at least one run"):
        fold_scores([], weights)


def test_the_majority_of_training_is_predicted_everywhere() -> None:
    constant = majority_counts(run(0, 1, [[4, 1], [2, 3]]), [10, 90])
    assert constant.matrices.tolist() == [[[0, 5], [0, 5]]]
    assert score_values(constant.matrices.sum(axis=0))[0] == pytest.approx(0.25)  # (0 + 1/2) / 2


def test_what_cannot_be_pooled_is_a_mean_over_images_then_folds() -> None:
    runs = [
        ImageValues(0, 1, ("a", "b"), np.array([[0.2], [0.4]])),  # 0.3
        ImageValues(0, 2, ("c", "d"), np.array([[0.9], [np.nan]])),  # 0.9: d is undefined
    ]
    weights = ImageWeights(("a", "b", "c", "d"), np.array([[2, 0, 1, 1], [0, 0, 0, 4]]))
    scores = fold_means(runs, weights)
    assert scores.values.ravel().tolist() == pytest.approx([0.3, 0.9])
    assert scores.mean.tolist() == pytest.approx([0.6])
    assert scores.std.tolist() == pytest.approx([0.3])
    assert scores.resampled[0].tolist() == pytest.approx([(0.2 + 0.9) / 2])
    assert np.isnan(scores.resampled[1]).all()


def test_infinite_distances_are_left_out_like_undefined_ones() -> None:
    runs = [ImageValues(0, 1, ("a", "b"), np.array([[3.0], [np.inf]]))]
    weights = ImageWeights(("a", "b"), np.zeros((0, 2), np.int64))
    assert fold_means(runs, weights).mean.tolist() == [3.0]
