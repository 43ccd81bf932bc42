"""Predictor and annotated samples become counts and scores; training and `evaluate` share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import MaskArray
from cellenhance.data.dataset.samples import Sample
from cellenhance.engine.ensemble_variants import variant_logits, variant_names
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import ArrayPlane
from cellenhance.engine.predictions import TilePrediction, mask_of
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores
from cellenhance.runs.stored_confusion import RESULT, ImageMatrices


@dataclass(frozen=True, slots=True)
class EvaluatedSample:
    """One sample as predicted and counted, in one pass over its tiles.

    Attributes
    ----------
    mask : (H, W) uint8 class indices, the result
    probabilities : (K, H, W) float32, or None where they were not asked for
    matrix : (K, K) int64, the confusion matrix of the result
    outputs : those of each branch, of the result beside them, and of each variant; may be empty
    """

    sample: Sample
    mask: MaskArray
    probabilities: NDArray[np.float32] | None
    matrix: NDArray[np.int64]
    outputs: dict[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Confusion matrices (K, K) of each sample, for the result and for each output by name."""

    ids: tuple[str, ...]
    result: tuple[NDArray[np.int64], ...]
    outputs: dict[str, tuple[NDArray[np.int64], ...]]

    @classmethod
    def collect(cls, evaluated: Iterable[EvaluatedSample]) -> PixelCounts:
        """Return the counts of evaluated samples, whose pixels are let go."""
        ids, result = [], []
        outputs: dict[str, list[NDArray[np.int64]]] = {}
        for each in evaluated:
            ids.append(each.sample.id)
            result.append(each.matrix)
            for name, matrix in each.outputs.items():
                outputs.setdefault(name, []).append(matrix)
        return cls(tuple(ids), tuple(result), {name: tuple(m) for name, m in outputs.items()})

    def scores(self, classes: tuple[str, ...]) -> Scores:
        """Return the scores of the result, those of the outputs as its branches."""
        return Scores.from_matrices(classes, self.ids, self.result, self.outputs)

    def matrices(
        self, classes: tuple[str, ...], groups: tuple[str, ...]
    ) -> dict[str, ImageMatrices]:
        """Return what `image_confusion.csv` holds: the result first, then each output."""
        outputs = {RESULT: self.result} | self.outputs
        return {
            name: ImageMatrices(classes, self.ids, groups, np.stack(each))
            for name, each in outputs.items()
        }


def count_pixels(predictor: Predictor, samples: Iterable[Sample]) -> PixelCounts:
    """Return the confusion matrices of the result on all samples and of a network's branches."""
    return PixelCounts.collect(evaluate_samples(predictor, samples))


def evaluate_samples(
    predictor: Predictor,
    samples: Iterable[Sample],
    *,
    variants: bool = False,
    probabilities: bool = False,
) -> Iterator[EvaluatedSample]:
    """Yield every sample as predicted and counted.

    Counted tile by tile: no image is held as probabilities unless they are asked for. Branches are
    counted for a single network that has them, not for an average of several.

    Parameters
    ----------
    variants : count the other ways of mixing the branches too
    probabilities : keep those of the whole image
    """
    names = predictor.output_names if len(predictor.members) == 1 else ()
    if names and variants:
        names = (*names, *variant_names(predictor.members[0].network))
    for sample in samples:
        yield _evaluate_sample(predictor, sample, names, probabilities=probabilities)


def _evaluate_sample(
    predictor: Predictor, sample: Sample, names: tuple[str, ...], *, probabilities: bool
) -> EvaluatedSample:
    n_classes = len(predictor.header.classes)
    matrix = np.zeros((n_classes, n_classes), np.int64)
    outputs = {name: np.zeros_like(matrix) for name in names}
    mask = np.empty(sample.mask.shape, np.uint8)
    kept = np.empty((n_classes, *mask.shape), np.float32) if probabilities else None
    for part in predictor.predict_tiles(ArrayPlane(sample.image)):
        place = (part.tile.rows.core, part.tile.cols.core)
        truth, found = sample.mask[place], part.mask()
        mask[place] = found
        counted = confusion_matrix(truth, found, n_classes)
        matrix += counted
        if kept is not None:
            kept[:, *place] = part.probabilities()
        if names:
            n_branches = len(predictor.output_names) - 1
            masks = _other_masks(predictor, part, n_variants=len(names) - n_branches - 1)
            counts = [confusion_matrix(truth, each, n_classes) for each in masks]
            counts.insert(n_branches, counted)
            for total, each in zip(outputs.values(), counts, strict=True):
                total += each
    return EvaluatedSample(sample, mask, kept, matrix, outputs)


def _other_masks(predictor: Predictor, part: TilePrediction, *, n_variants: int) -> list[MaskArray]:
    """Return the masks of the branches and of the variants of a single network."""
    masks = part.branch_masks()
    if n_variants:
        masks += map(mask_of, variant_logits(predictor.members[0].network, part.outputs[0]))
    return masks


def evaluate(predictor: Predictor, samples: Iterable[Sample]) -> Scores:
    """Return the scores of the result on all samples, and of every branch of a single network."""
    return count_pixels(predictor, samples).scores(predictor.header.class_names)


def miou_of(scores: Scores) -> float | None:
    """Return the pooled mIoU, or None where it is undefined."""
    return None if np.isnan(scores.pooled.miou) else scores.pooled.miou
