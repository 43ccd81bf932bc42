"""Metrics on real masks against other libraries, where sizes and shapes are those of the field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from imageio.v3 import imread
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.metrics import hausdorff_distance, variation_of_information
from sklearn import metrics as reference

from cellenhance.metrics.partition import compare_partitions
from cellenhance.metrics.registry import METRICS
from cellenhance.metrics.scored_image import ScoredImage
from cellenhance.metrics.surface import measure_outlines

pytestmark = pytest.mark.real_data

FOLDER = Path("isbi2012", "dataset")


@pytest.fixture(scope="module", params=["0", "13"])
def slice_of_tissue(request: pytest.FixtureRequest, real_data: Path) -> ScoredImage:
    """Return a slice with its cells, and what smoothing and a threshold make of it."""
    name = f"{request.param}.png"
    image = ndimage.gaussian_filter(imread(real_data / FOLDER / "train_img" / name) / 255.0, 2)
    truth = (imread(real_data / FOLDER / "train_label" / name) > 127).astype(np.uint8)
    inside = 1 / (1 + np.exp(-20 * (image - threshold_otsu(image))))
    return ScoredImage(truth, (inside >= 0.5).astype(np.uint8), 2, np.stack([1 - inside, inside]))


def test_pixels_and_probabilities_are_scored_as_by_scikit_learn(
    slice_of_tissue: ScoredImage,
) -> None:
    image = slice_of_tissue
    assert image.probabilities is not None
    truth, predicted = image.truth.ravel() == 1, image.prediction.ravel() == 1
    scores = image.probabilities[1].ravel()
    expected = {
        "iou": reference.jaccard_score(truth, predicted),
        "dice": reference.f1_score(truth, predicted),
        "precision": reference.precision_score(truth, predicted),
        "recall": reference.recall_score(truth, predicted),
        "specificity": reference.recall_score(~truth, ~predicted),
        "roc_auc": reference.roc_auc_score(truth, scores),
        "average_precision": reference.average_precision_score(truth, scores),
    }
    for name, value in expected.items():
        assert METRICS[name].compute(image)[1] == pytest.approx(value, abs=1e-12), name
    # Pooled by bins: within their stated width of the exact one.
    pool = METRICS["roc_auc"].pool
    assert pool
    assert pool.score(pool.tally(image))[1] == pytest.approx(expected["roc_auc"], abs=1e-3)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # inside MONAI
def test_distances_are_those_of_monai_and_scikit_image(slice_of_tissue: ScoredImage) -> None:
    image = slice_of_tissue
    regions = image.truth == 1, image.prediction == 1
    found = METRICS["hausdorff"].compute(image)[1]
    assert found == pytest.approx(hausdorff_distance(*regions), abs=1e-9)
    outlines = measure_outlines(image.truth, image.prediction, 1, frame=True)
    tensors = [torch.from_numpy(each)[None, None].float() for each in reversed(regions)]
    nearest = compute_hausdorff_distance(*tensors, include_background=True, percentile=95)
    mean = compute_average_surface_distance(*tensors, include_background=True, symmetric=True)
    assert outlines.percentile(95) == pytest.approx(float(nearest), rel=1e-5)
    assert outlines.mean() == pytest.approx(float(mean), rel=1e-5)


def test_segments_are_compared_as_by_scikit_image(slice_of_tissue: ScoredImage) -> None:
    """Splits and merges in bits, border pixels numbered as segments of their own."""
    image = slice_of_tissue
    truth, predicted = image.truth == 1, image.prediction == 1
    labels = ndimage.label(predicted)[0]
    labels[~predicted] = labels.max() + 1 + np.arange(np.count_nonzero(~predicted))
    pixels = ndimage.label(truth)[0][truth], labels[truth]
    false_splits, false_merges = variation_of_information(*pixels)
    entropies = [
        -(shares * np.log2(shares)).sum()
        for each in pixels
        for shares in [np.unique(each, return_counts=True)[1] / truth.sum()]
    ]
    scores = compare_partitions(truth, predicted)
    assert scores.v_info_merge == pytest.approx(1 - false_merges / entropies[0], abs=1e-9)
    assert scores.v_info_split == pytest.approx(1 - false_splits / entropies[1], abs=1e-9)
    assert scores.v_info == pytest.approx(
        1 - (false_splits + false_merges) / sum(entropies), abs=1e-9
    )
