"""Probing of trained decoders: every run scored again without the deep maps of one level."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import PixelCounts, evaluate_samples
from cellenhance.engine.inference import load_predictor
from cellenhance.engine.probing import probed_levels, without_deep_half
from cellenhance.metrics.cross_validation import (
    RunCounts,
    fold_scores,
    score_columns,
    score_difference,
)
from cellenhance.render.benchmark.extra_tables import ExtraRow, ExtraTable
from cellenhance.runs.stored_confusion import (
    RESULT,
    ImageMatrices,
    load_image_confusion,
    write_image_confusion,
)
from cellenhance.tasks.benchmark.run import ScoredRun
from cellenhance.tasks.benchmark.summary import ComparedRuns
from cellenhance.tasks.evaluate.subset import subset_of_run

logger = logging.getLogger(__name__)


def probe(scored: ScoredRun) -> Mapping[str, ImageMatrices]:
    """Return the counts of a run without the deep maps of each level; kept beside its scores.

    Networks whose decoder joins no skips give none.
    """
    folder, subset = scored.run.folder, scored.result.subset
    # Named by the weights that were probed, so that others are probed again.
    name = f"probing-{scored.result.checkpoint_sha256[:16]}.csv"
    path = folder.evaluation_path(subset) / name
    if path.is_file():
        return load_image_confusion(path)
    request = scored.run.request
    predictor = load_predictor([folder.best_path], choose_compute(request.compute.device, "fp32"))
    network = predictor.members[0].network
    levels = probed_levels(network)
    if not levels:
        return {}
    images = subset_of_run(folder, scored.record, request.dataset, None, subset)
    outputs = {}
    for level in levels:
        with without_deep_half(network, level):
            counts = PixelCounts.collect(evaluate_samples(predictor, images.samples()))
        classes = predictor.header.class_names
        outputs[level] = counts.matrices(classes, images.groups)[RESULT]
    write_image_confusion(path, outputs)
    return outputs


def probing_tables(compared: ComparedRuns) -> list[ExtraTable]:
    """Return a table for each model that can be probed: levels, and what each one's loss costs."""
    tables = []
    columns = score_columns(compared.classes)
    for model, mine in compared.by_model.items():
        probed = [probe(each) for each in mine]
        if not all(probed):
            logger.info("%s does not join deep maps with skip connections: it is not probed", model)
            continue
        intact = fold_scores([each.counts() for each in mine], compared.weights)
        rows = [ExtraRow(f"{model}, intact", intact)]
        for level in probed[0]:
            counts = [
                _counts(each, outputs[level]) for each, outputs in zip(mine, probed, strict=True)
            ]
            scores = fold_scores(counts, compared.weights)
            change = score_difference(scores, intact)
            rows.append(ExtraRow(f"without deep maps at {level}", scores, change))
        title = (
            f"probing of {model}: deep inputs of the first decoder convolution set to zero, level "
            "by level, percent, pooled over all pixels in each fold; differences from the intact "
            "model"
        )
        better = (1,) * len(columns)
        name = compared.condition.name
        tables.append(
            ExtraTable("probing", name, title, columns, better, tuple(rows), compared.n_seeds)
        )
    return tables


def _counts(each: ScoredRun, images: ImageMatrices) -> RunCounts:
    return RunCounts(each.run.seed, each.run.fold, images.ids, images.groups, images.matrices)
