"""Processor seconds of every metric on one large image.

    OMP_NUM_THREADS=1 python benchmarks/metrics.py [--side 2048]

The image has three classes of smooth shapes; about 11 % of the pixels are predicted wrongly.
Metrics that share a look at the pair (confusion matrix, outlines, objects ...) come in the order of
the registry, so the first of them pays for the others. At the end the bound on what the bins of
the pooled ROC-AUC can change.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import ndimage

from cellenhance.metrics.ranking import largest_error
from cellenhance.metrics.registry import METRICS
from cellenhance.metrics.scored_image import ScoredImage


def smooth(side: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return three smooth random fields of unit variance, (3, side, side)."""
    fields = np.stack(
        [ndimage.gaussian_filter(rng.normal(size=(side, side)), radius) for _ in range(3)]
    )
    return fields / fields.std()


def make_image(side: int) -> ScoredImage:
    """Return shapes of three classes and softmax probabilities that are mostly right."""
    rng = np.random.default_rng(0)
    shapes = smooth(side, 10, rng)
    logits = 4 * (shapes + 0.25 * smooth(side, 4, rng))
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=0)).astype(np.float32)
    truth, prediction = (each.argmax(axis=0).astype(np.uint8) for each in (shapes, logits))
    return ScoredImage(truth, prediction, 3, probabilities, pixel_size_um=0.1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    image = make_image(parser.parse_args().side)
    wrong = np.mean(image.truth != image.prediction)
    print(f"{image.truth.shape[0]} x {image.truth.shape[1]} px, {wrong:.1%} predicted wrongly")
    for name, metric in METRICS.items():
        started = time.process_time()
        values = metric.compute(image)
        seconds = time.process_time() - started
        print(f"{name:28s} {seconds:6.2f} s  {np.array2string(values, precision=4)}")
    started = time.process_time()
    errors = largest_error(image.score_counts)
    print(f"{'pooled roc_auc':28s} {time.process_time() - started:6.2f} s  +-{errors.max():.5f}")


if __name__ == "__main__":
    main()
