"""A filter bank and a random forest, as ilastik's pixel classification and LABKIT have it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from cellenhance.arrays import IGNORE
from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.normalize import fit_normalization
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores

N_TREES = 100
PIXELS_PER_CLASS = 40_000
"""Annotated pixels of each class that train, drawn over all images."""


def _features(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return intensity, edges and texture at sigmas of 0.5 to 16 px, (H, W, F)."""
    maps: NDArray[np.float32] = multiscale_basic_features(
        image, intensity=True, edges=True, texture=True, sigma_max=16, channel_axis=-1
    )
    return maps


def score_forest(
    dataset: Path, train_ids: tuple[str, ...], test_ids: tuple[str, ...], seed: int
) -> tuple[Scores, float]:
    """Return the scores on whole images and the seconds of CPU that training took."""
    loaded = load_dataset(dataset)
    rng = np.random.default_rng([seed, 2])
    began = time.process_time()
    train = [load_sample(loaded, loaded.row(each)) for each in train_ids]
    normalization = fit_normalization("dataset", (each.image for each in train))
    rows, labels = [], []
    for sample in train:
        maps = _features(normalization.apply(sample.image))
        for index in range(len(loaded.class_names)):
            pixels = np.flatnonzero(sample.mask.ravel() == index)
            chosen = rng.permutation(pixels)[: PIXELS_PER_CLASS // len(train)]
            rows.append(maps.reshape(-1, maps.shape[-1])[chosen])
            labels.append(np.full(len(chosen), index))
    forest = RandomForestClassifier(N_TREES, min_samples_leaf=4, random_state=seed, n_jobs=1)
    forest.fit(np.concatenate(rows), np.concatenate(labels))
    seconds = time.process_time() - began
    matrices = []
    for each in test_ids:
        sample = load_sample(loaded, loaded.row(each))
        maps = _features(normalization.apply(sample.image))
        guess = forest.predict(maps.reshape(-1, maps.shape[-1])).reshape(sample.mask.shape)
        matrices.append(
            confusion_matrix(sample.mask, guess.astype(np.uint8), len(loaded.class_names))
        )
    assert IGNORE == 255  # confusion_matrix leaves these pixels out
    return Scores.from_matrices(loaded.class_names, test_ids, tuple(matrices), {}), seconds
