"""Finished runs of a benchmark become its tables: only what every model has done is compared."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from cellenhance.metrics.cross_validation import (
    FoldScores,
    ImageWeights,
    draw_image_weights,
    fold_scores,
    majority_counts,
    score_columns,
    score_difference,
)
from cellenhance.networks.complexity import count_flops, count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.render.benchmark_tables import BenchmarkRow, BenchmarkTable
from cellenhance.tasks.benchmark_plan import BenchmarkPlan, Condition
from cellenhance.tasks.benchmark_run import ScoredRun

logger = logging.getLogger(__name__)

SIDE_PX = 256
"""GFLOPs are for one image of this side, with the channels and classes of the dataset."""

_DRAW_SEED = 20211
"""Seed of the resampling: equal runs give equal intervals."""


def summarise(plan: BenchmarkPlan, scored: Sequence[ScoredRun]) -> list[BenchmarkTable]:
    """Return a table for each condition in which some (seed, fold) is done by every model.

    A model without any finished run in a condition (all failed, or not yet begun) is left out of
    its table; a (seed, fold) that another model lacks is left out for all, so that every row is
    over the same images.
    """
    tables = []
    for condition in plan.conditions:
        mine = [each for each in scored if each.run.condition == condition]
        models = [model for model in plan.request.models if any(m.run.model == model for m in mine)]
        pairs = [
            {(each.run.seed, each.run.fold) for each in mine if each.run.model == model}
            for model in models
        ]
        common = set.intersection(*pairs) if pairs else set()
        kept = [each for each in mine if (each.run.seed, each.run.fold) in common]
        if kept:
            tables.append(_table(plan, condition, models, kept))
    return tables


def _table(
    plan: BenchmarkPlan, condition: Condition, models: Sequence[str], kept: Sequence[ScoredRun]
) -> BenchmarkTable:
    classes = tuple(each.name for each in kept[0].record.classes)
    runs = {model: [each for each in kept if each.run.model == model] for model in models}
    first = [each.counts() for each in runs[models[0]]]
    weights = draw_image_weights(first, plan.request.n_resamples, np.random.default_rng(_DRAW_SEED))
    scores = {
        model: fold_scores([each.counts() for each in mine], weights)
        for model, mine in runs.items()
    }
    return BenchmarkTable(
        condition=condition.name,
        photons=condition.photons,
        columns=score_columns(classes),
        n_images=len(weights.ids),
        n_groups=len({group for run in first for group in run.groups}),
        seeds=tuple(sorted({each.run.seed for each in kept})),
        folds=tuple(sorted({each.run.fold for each in kept})),
        majority=_majority(runs[models[0]], weights),
        rows=tuple(_row(runs[model], scores[model], scores[models[0]]) for model in models),
    )


def _row(mine: Sequence[ScoredRun], scores: FoldScores, first: FoldScores) -> BenchmarkRow:
    record = mine[0].record
    with torch.device("meta"):  # shapes suffice; nothing is drawn or computed
        network = build_network(record.settings.model, record.in_channels, len(record.classes))
    return BenchmarkRow(
        model=mine[0].run.model,
        recipe=record.settings.recipe_name,
        n_parameters=count_parameters(network),
        gflops=count_flops(network, SIDE_PX) / 1e9,
        training_s=float(np.mean([each.result.training_s for each in mine])),
        scores=scores,
        difference=None if scores is first else score_difference(scores, first),
    )


def _majority(mine: Sequence[ScoredRun], weights: ImageWeights) -> FoldScores:
    constant = [majority_counts(each.counts(), each.record.training_pixels) for each in mine]
    return fold_scores(constant, weights)
