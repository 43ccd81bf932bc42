"""The samples of a run, each decoded once: what the network is given and what is recorded of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE
from cellenhance.data.dataset.manifest import Dataset, SampleRow
from cellenhance.data.dataset.samples import Sample, SampleStore, load_sample, pixel_sha256
from cellenhance.data.normalize import Method, Normalization, fit_normalization
from cellenhance.data.preprocess import PreprocessStep
from cellenhance.engine.device import free_memory_bytes
from cellenhance.engine.training.batches import TrainingImages
from cellenhance.engine.training.records import TrainingData
from cellenhance.errors import DatasetError
from cellenhance.progress import ProgressCallback
from cellenhance.runs.samples import UsedSample

logger = logging.getLogger(__name__)

_DATA_SHARE = 0.5
"""Share of the free memory that decoded images and masks may take before they go to disk."""


@dataclass(frozen=True, slots=True)
class RunSamples:
    """The decoded samples of a run.

    Attributes
    ----------
    training : pixels as in the files; `prepared` takes them away one by one
    normalization : with limits from the training images
    class_pixels : annotated training pixels of each class
    used : hashes of what was decoded, by which the data are known again
    """

    store: SampleStore
    training: list[Sample]
    validation: list[Sample]
    normalization: Normalization
    class_pixels: tuple[int, ...]
    used: tuple[UsedSample, ...]

    def prepared(
        self, normalization: Normalization, preprocessing: Sequence[PreprocessStep] = ()
    ) -> TrainingData:
        """Return the data for the training loop; the samples as read are let go on the way."""
        images = TrainingImages(self._taken(), normalization, self.store, preprocessing)
        if images.on_disk:
            logger.info("the images exceed half of the free memory: some are mapped from disk")
        return TrainingData(images, self.validation)

    def _taken(self) -> Iterator[Sample]:
        while self.training:
            yield self.training.pop(0)


def read_samples(
    dataset: Dataset,
    train_ids: Sequence[str],
    val_ids: Sequence[str],
    method: Method,
    progress: ProgressCallback,
) -> RunSamples:
    """Decode every sample once: count, measure and keep it.

    Raises
    ------
    DatasetError
        A file does not fit its manifest row, or no training pixel is annotated.
    """
    store = SampleStore(int(free_memory_bytes(torch.device("cpu")) * _DATA_SHARE))
    training, validation, used = [], [], []
    counts = np.zeros(256, np.int64)

    def images() -> Iterator[NDArray[np.generic]]:
        for row in _counted(dataset, train_ids, progress, "training images"):
            sample = load_sample(dataset, row)
            used.append(use_sample(sample, "train"))
            counts[:] += np.bincount(sample.mask.ravel(), minlength=256)
            training.append(store.keep(sample, becomes=np.float32))
            yield sample.image

    normalization = fit_normalization(method, images())
    class_pixels = _class_pixels(dataset, counts)
    for row in _counted(dataset, val_ids, progress, "validation images"):
        sample = load_sample(dataset, row)
        used.append(use_sample(sample, "val"))
        validation.append(store.keep(sample))
    return RunSamples(store, training, validation, normalization, class_pixels, tuple(used))


def _counted(
    dataset: Dataset, ids: Sequence[str], progress: ProgressCallback, what: str
) -> Iterator[SampleRow]:
    for done, each in enumerate(ids, start=1):
        yield dataset.row(each)
        progress(done, len(ids), f"reading {what}")


def use_sample(sample: Sample, subset: str) -> UsedSample:
    """Return what a run remembers of a sample that it is trained on."""
    return UsedSample(sample.id, subset, pixel_sha256(sample.image), pixel_sha256(sample.mask))


def _class_pixels(dataset: Dataset, counts: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the counts of the classes; a class that is never seen is reported."""
    if not counts[:IGNORE].any():
        raise DatasetError(f"{dataset.root}: no training pixel is annotated; check the masks")
    missing = [name for name, n in zip(dataset.class_names, counts, strict=False) if n == 0]
    if missing:
        logger.warning(
            "no training mask has %s: the model will not learn to see it", ", ".join(missing)
        )
    return tuple(counts[: len(dataset.class_names)].tolist())
