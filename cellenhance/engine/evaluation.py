"""Predictor and annotated samples become counts and scores; training and `evaluate` share it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.samples import Sample
from cellenhance.engine.evaluation_files import RESULT, ImageMatrices
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import ArrayPlane
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Confusion matrices (K, K) of each sample, for the result and for each output by name."""

    ids: tuple[str, ...]
    result: tuple[NDArray[np.int64], ...]
    outputs: dict[str, tuple[NDArray[np.int64], ...]]

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
    """Return the confusion matrices of the result on all samples and of a network's branches.

    Counted tile by tile: no image is held as probabilities. Branches are counted for a single
    network that has them, not for an average of several.
    """
    names = predictor.output_names if len(predictor.members) == 1 else ()
    ids, rows = [], []
    for sample in samples:
        ids.append(sample.id)
        rows.append(_count_sample(predictor, sample, n_outputs=max(1, len(names))))
    columns = [tuple(column) for column in zip(*rows, strict=True)]
    result = columns[-1] if columns else ()
    return PixelCounts(tuple(ids), result, dict(zip(names, columns, strict=False)))


def _count_sample(predictor: Predictor, sample: Sample, n_outputs: int) -> list[NDArray[np.int64]]:
    """Return the confusion matrix of each branch and, last, of the result."""
    n_classes = len(predictor.header.classes)
    totals = [np.zeros((n_classes, n_classes), np.int64) for _ in range(n_outputs)]
    for part in predictor.predict_tiles(ArrayPlane(sample.image)):
        truth = sample.mask[part.tile.rows.core, part.tile.cols.core]
        masks = [*(part.branch_masks() if n_outputs > 1 else ()), part.mask()]
        for total, mask in zip(totals, masks, strict=True):
            total += confusion_matrix(truth, mask, n_classes)
    return totals


def evaluate(predictor: Predictor, samples: Iterable[Sample]) -> Scores:
    """Return the scores of the result on all samples, and of every branch of a single network."""
    return count_pixels(predictor, samples).scores(predictor.header.class_names)


def miou_of(scores: Scores) -> float | None:
    """Return the pooled mIoU, or None where it is undefined."""
    return None if np.isnan(scores.pooled.miou) else scores.pooled.miou
