"""A predictor and annotated samples become scores; training and `evaluate` share this."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.samples import Sample
from cellenhance.engine.inference import ArrayPlane, Predictor
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores


def evaluate(predictor: Predictor, samples: Iterable[Sample]) -> Scores:
    """Return the scores of the result on all samples, and of every branch of a single network.

    Confusion matrices are summed tile by tile: no image is held as probabilities.
    """
    names = predictor.output_names if len(predictor.members) == 1 else ()
    ids: list[str] = []
    results: list[NDArray[np.int64]] = []
    branches: dict[str, list[NDArray[np.int64]]] = {name: [] for name in names}
    for sample in samples:
        ids.append(sample.id)
        *parts, final = _matrices(predictor, sample, n_outputs=max(1, len(names)))
        results.append(final)
        for name, matrix in zip(names, [*parts, final], strict=False):
            branches[name].append(matrix)
    return Scores.from_matrices(predictor.header.class_names, ids, results, branches)


def _matrices(predictor: Predictor, sample: Sample, n_outputs: int) -> list[NDArray[np.int64]]:
    """Return the confusion matrix of each branch and, last, of the result."""
    n_classes = len(predictor.header.classes)
    totals = [np.zeros((n_classes, n_classes), np.int64) for _ in range(n_outputs)]
    for part in predictor.predict_tiles(ArrayPlane(sample.image)):
        truth = sample.mask[part.tile.rows.core, part.tile.cols.core]
        masks = [*(part.branch_masks() if n_outputs > 1 else ()), part.mask()]
        for total, mask in zip(totals, masks, strict=True):
            total += confusion_matrix(truth, mask, n_classes)
    return totals


def miou_of(scores: Scores | None) -> float | None:
    """Return the pooled mIoU, or None without scores or where it is undefined."""
    if scores is None or np.isnan(scores.pooled.miou):
        return None
    return scores.pooled.miou
