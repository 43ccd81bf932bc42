"""Finished runs of a benchmark become its tables: only what every model has done is compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cellenhance.metrics.bootstrap import N_RESAMPLES
from cellenhance.metrics.cross_validation import (
    FoldScores,
    ImageWeights,
    draw_image_weights,
    fold_means,
    fold_scores,
    majority_counts,
    score_columns,
    score_difference,
)
from cellenhance.metrics.registry import METRICS
from cellenhance.networks.complexity import count_flops, count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.render.benchmark.extra_tables import ExtraRow, ExtraTable
from cellenhance.render.benchmark.tables import BenchmarkRow, BenchmarkTable, RunEpochs
from cellenhance.runs.stored_confusion import ENSEMBLE, RESULT
from cellenhance.tasks.benchmark.plan import BenchmarkPlan, Condition
from cellenhance.tasks.benchmark.run import ScoredRun

SIDE_PX = 256
"""GFLOPs are for one image of this side, with the channels and classes of the dataset."""

_DRAW_SEED = 20211
"""Seed of the resampling: equal runs give equal intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRuns:
    """The runs of one condition that every model has done, and the images drawn for all."""

    condition: Condition
    by_model: Mapping[str, tuple[ScoredRun, ...]]
    weights: ImageWeights

    @property
    def n_seeds(self) -> int:
        """Return the number of seeds."""
        return len({each.run.seed for each in next(iter(self.by_model.values()))})

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        [first, *_] = next(iter(self.by_model.values()))
        return tuple(each.name for each in first.record.classes)


def compared_runs(plan: BenchmarkPlan, scored: Sequence[ScoredRun]) -> Iterator[ComparedRuns]:
    """Yield the conditions in which some (seed, fold) is done by every model.

    A model without any finished run in a condition (all failed, or not yet begun) is left out of
    it; a (seed, fold) that another model lacks is left out for all, so that every row is over the
    same images.
    """
    for condition in plan.conditions:
        mine = [each for each in scored if each.run.condition == condition]
        models = [model for model in plan.request.model if any(m.run.model == model for m in mine)]
        pairs = [
            {(each.run.seed, each.run.fold) for each in mine if each.run.model == model}
            for model in models
        ]
        common = set.intersection(*pairs) if pairs else set()
        if not common:
            continue
        by_model = {
            model: tuple(
                each
                for each in mine
                if each.run.model == model and (each.run.seed, each.run.fold) in common
            )
            for model in models
        }
        first = [each.counts() for each in by_model[models[0]]]
        rng = np.random.default_rng(_DRAW_SEED)
        weights = draw_image_weights(first, N_RESAMPLES, rng)
        yield ComparedRuns(condition, by_model, weights)


def main_table(compared: ComparedRuns) -> BenchmarkTable:
    """Return the table in the layout of the published ones."""
    weights = compared.weights
    scores = {
        model: fold_scores([each.counts() for each in mine], weights)
        for model, mine in compared.by_model.items()
    }
    [(first, runs), *_] = compared.by_model.items()
    constant = [majority_counts(each.counts(), each.record.training_pixels) for each in runs]
    return BenchmarkTable(
        condition=compared.condition.name,
        photons=compared.condition.photons,
        columns=score_columns(compared.classes),
        n_images=len(weights.ids),
        n_groups=len({group for each in runs for group in each.counts().groups}),
        seeds=tuple(sorted({each.run.seed for each in runs})),
        folds=tuple(sorted({each.run.fold for each in runs})),
        majority=fold_scores(constant, weights),
        rows=tuple(
            _row(mine, scores[model], scores[first]) for model, mine in compared.by_model.items()
        ),
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
        epochs=tuple(
            RunEpochs(
                each.record.settings.recipe["epochs"], each.result.n_epochs, each.result.best_epoch
            )
            for each in mine
        ),
    )


def metric_table(compared: ComparedRuns) -> ExtraTable | None:
    """Return the further metrics, means over images; None without any."""
    [(first, runs), *_] = compared.by_model.items()
    columns = runs[0].metric_columns()
    if not columns:
        return None
    scores = {
        model: fold_means([each.image_values(columns) for each in mine], compared.weights)
        for model, mine in compared.by_model.items()
    }
    rows = tuple(
        ExtraRow(model, each, None if model == first else score_difference(each, scores[first]))
        for model, each in scores.items()
    )
    title = (
        "mean over images of each fold (undefined and infinite ones left out), ± population "
        f"standard deviation over folds; differences from {first}"
    )
    better = tuple(_direction(column) for column in columns)
    name = compared.condition.name
    n_seeds = compared.n_seeds
    return ExtraTable("metrics", name, title, columns, better, rows, n_seeds, in_percent=False)


def _direction(column: str) -> int:
    """Return 1 where more is better; a column is a metric's name, or that and a class."""
    longest = max((name for name in METRICS if column.startswith(name)), key=len, default="")
    return -1 if longest and METRICS[longest].direction == "lower" else 1


def part_tables(compared: ComparedRuns) -> Iterator[ExtraTable]:
    """Yield, for each model with branches, what each part of it gets from the same weights."""
    columns = score_columns(compared.classes)
    for model, mine in compared.by_model.items():
        names = [
            name
            for name in mine[0].outputs
            if name not in (RESULT, ENSEMBLE) and all(name in each.outputs for each in mine)
        ]
        if not names:
            continue
        result = fold_scores([each.counts() for each in mine], compared.weights)
        rows = [ExtraRow(f"{model} (result)", result)]
        for name in names:
            part = fold_scores([each.counts(name) for each in mine], compared.weights)
            rows.append(ExtraRow(name, part, score_difference(part, result)))
        title = (
            f"parts of {model} from the same weights, percent, pooled over all pixels in each "
            "fold; differences from its result"
        )
        better = (1,) * len(columns)
        name = compared.condition.name
        yield ExtraTable("parts", name, title, columns, better, tuple(rows), compared.n_seeds)
