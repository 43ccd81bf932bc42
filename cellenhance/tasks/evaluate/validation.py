"""What is chosen on the validation part before other images are scored: a branch, thresholds."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

from cellenhance.engine.evaluation import EvaluatedSample, PixelCounts, evaluate_samples
from cellenhance.engine.inference import Predictor
from cellenhance.errors import SettingsError
from cellenhance.metrics.registry import Metric
from cellenhance.progress import ProgressCallback
from cellenhance.tasks.evaluate.record import ChosenBranch
from cellenhance.tasks.evaluate.requests import ALL
from cellenhance.tasks.evaluate.subset import EvaluatedSubset
from cellenhance.tasks.evaluate.threshold import (
    ThresholdApplier,
    ThresholdChooser,
    thresholded_classes,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen; None where there is nothing to choose or to choose on."""

    branch: ChosenBranch | None = None
    thresholds: ThresholdApplier | None = None


def require_validation(subset: EvaluatedSubset) -> None:
    """Raise SettingsError unless thresholds can be chosen on images that are not scored."""
    if subset.name in ("val", ALL):
        raise SettingsError(
            f"--threshold-metric with --subset {subset.name}: thresholds are chosen on the "
            "validation part, never on the images scored; score --subset test"
        )
    if subset.validation() is None:
        raise SettingsError(
            f"--threshold-metric: {subset.dataset.root}, split '{subset.split}', has no validation "
            "part to choose a threshold on; split again with one, or leave the option out"
        )


def choose_on_validation(
    predictor: Predictor,
    subset: EvaluatedSubset,
    metric: Metric | None,
    progress: ProgressCallback,
) -> Choices:
    """Return the best branch of an AEP network, and the thresholds that `metric` asks for.

    Nothing is chosen where the images scored are among those that would choose.
    """
    has_branches = predictor.single is not None and predictor.single.has_translations
    if subset.name in ("val", ALL) or not (has_branches or metric):
        return Choices()
    validation = subset.validation()
    if validation is None:
        logger.info(
            "without ensemble: the split has no validation part, so no branch was chosen; every "
            "branch has its own row"
        )
        return Choices()
    chooser = None
    if metric is not None:
        indices = thresholded_classes(len(predictor.header.classes), subset.background)
        chooser = ThresholdChooser(metric, indices)
    samples = validation.samples(progress, "choosing on the validation part:")
    evaluated = evaluate_samples(predictor, samples, probabilities=metric is not None)
    counts = PixelCounts.collect(_watch(evaluated, chooser))
    return Choices(
        branch=_best_branch(predictor, counts) if has_branches else None,
        thresholds=ThresholdApplier(chooser.metric, chooser.indices, chooser.choose())
        if chooser
        else None,
    )


def _watch(
    evaluated: Iterator[EvaluatedSample], chooser: ThresholdChooser | None
) -> Iterator[EvaluatedSample]:
    for each in evaluated:
        if chooser is not None and each.probabilities is not None:
            chooser.see(each.sample.mask, each.probabilities)
        yield each


def _best_branch(predictor: Predictor, counts: PixelCounts) -> ChosenBranch | None:
    """Return the best pass of network 2; the first branch, network 1, is none of them."""
    scores = counts.scores(predictor.header.class_names).branches
    passes = predictor.members[0].network.branch_names[1:]
    found = {name: scores[name].pooled.miou for name in passes}
    if any(math.isnan(value) for value in found.values()):
        logger.info("without ensemble: the validation part has no annotated pixel to choose on")
        return None
    return ChosenBranch(max(found, key=found.__getitem__), found)
