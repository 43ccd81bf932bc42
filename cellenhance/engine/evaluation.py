"""Predictor and annotated samples become counts and scores; training and `evaluate` share it.

Beside the branches of a trained AEP network other ways of mixing them are counted in the same pass:
the weights of the networks stay as they are, what is compared is the mixing alone.

Source: Kato & Hotta, arXiv 2108.13118, Table II ("fixed": all weights 1; "w/o ensemble").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cellenhance.arrays import MaskArray
from cellenhance.data.dataset.samples import Sample
from cellenhance.engine.image_pass import PassingImage, Sink, array_image, show_image
from cellenhance.engine.inference import Predictor
from cellenhance.engine.predictions import TilePrediction, mask_of
from cellenhance.engine.sinks import Canvas
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.stored_confusion import FIXED_WEIGHTS, RESULT, ImageMatrices


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
    for sample in samples:
        sink = _CountingSink(predictor, sample, variants=variants, probabilities=probabilities)
        [evaluated] = show_image(predictor, array_image(sample.image), [sink])
        yield evaluated


class _CountingSink(Sink[EvaluatedSample]):
    """One sample, counted against its truth tile by tile."""

    def __init__(
        self, predictor: Predictor, sample: Sample, *, variants: bool, probabilities: bool
    ) -> None:
        self._sample = sample
        self._network = predictor.single
        self._names = predictor.output_names
        self._variants = variant_names(self._network) if self._network and variants else ()
        self._keeps_probabilities = probabilities
        n_classes = len(predictor.header.classes)
        self._matrix = np.zeros((n_classes, n_classes), np.int64)
        self._outputs = {
            name: np.zeros_like(self._matrix) for name in (*self._names, *self._variants)
        }

    def begin(self, image: PassingImage) -> None:
        """Make room for the mask."""
        size = image.info.height, image.info.width
        self._mask: Canvas[np.uint8] = Canvas(*size)
        self._probabilities: Canvas[np.float32] = Canvas(*size)

    def tile(self, part: TilePrediction) -> None:
        """Count the pixels of a tile."""
        truth = self._sample.mask[part.tile.rows.core, part.tile.cols.core]
        mask = part.mask()
        self._mask.put(part.tile, mask)
        if self._keeps_probabilities:
            self._probabilities.put(part.tile, part.probabilities())
        counted = confusion_matrix(truth, mask, len(self._matrix))
        self._matrix += counted
        if not self._outputs:
            return
        counts = [confusion_matrix(truth, m, len(counted)) for m in part.branch_masks()]
        counts.append(counted)
        if self._network is not None and self._variants:
            logits = variant_logits(self._network, part.outputs[0])
            counts += [confusion_matrix(truth, mask_of(x), len(counted)) for x in logits]
        for total, each in zip(self._outputs.values(), counts, strict=True):
            total += each

    def finish(self) -> EvaluatedSample:
        """Return the sample with its counts."""
        kept = self._probabilities.array if self._keeps_probabilities else None
        return EvaluatedSample(self._sample, self._mask.array, kept, self._matrix, self._outputs)


def variant_names(network: SegmentationNetwork) -> tuple[str, ...]:
    """Return the variants of a network: none unless it mixes branches otherwise than by a sum."""
    return (FIXED_WEIGHTS,) if network.has_translations and network.mixing != "sum" else ()


def variant_logits(network: SegmentationNetwork, output: SegmentationOutput) -> tuple[Tensor, ...]:
    """Return the logits (B, K, H, W) of each variant, in the order of `variant_names`.

    Fixed weights are the sum of the logits of all outputs; their mean gives the same mask.
    """
    if not variant_names(network):
        return ()
    return (torch.stack([logits.float() for logits in output.branch_logits]).sum(0),)


def evaluate(predictor: Predictor, samples: Iterable[Sample]) -> Scores:
    """Return the scores of the result on all samples, and of every branch of a single network."""
    return count_pixels(predictor, samples).scores(predictor.header.class_names)


def miou_of(scores: Scores) -> float | None:
    """Return the pooled mIoU, or None where it is undefined."""
    return None if np.isnan(scores.pooled.miou) else scores.pooled.miou
