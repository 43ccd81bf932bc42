"""How good the enhanced images of a run are: rows of a second results file.

Figures are means over the images of a part. Which enhanced image is the best is chosen on the
training images; the table is about the test images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.engine.model import load_model
from cellenhance.metrics.enhancement import (
    best_blur,
    contrast_gains,
    edge_sharpness,
    pair_contrast,
)
from cellenhance.metrics.lattice import lattice_peak

Figures = dict[tuple[str, str, str], float]
"""By picture ("input", "enhanced 1", ...), pair of classes ("" for none) and figure."""


def measure_enhanced(
    checkpoint: Path, dataset: Path, parts: dict[str, tuple[str, ...]]
) -> list[dict[str, object]]:
    """Return a row per part, picture, pair and figure; none for a network without translations."""
    model = load_model(checkpoint, device="cpu", precision="fp32")
    if not model.has_translations:
        return []
    loaded = load_dataset(dataset)
    rows: list[dict[str, object]] = []
    for part, ids in parts.items():
        values = defaultdict(list)
        for each in ids:
            sample = load_sample(loaded, loaded.row(each))
            made = model.translate(sample.image)
            pictures = {
                f"enhanced {k}": picture.mean(axis=-1)
                for k, picture in enumerate(made.enhanced, start=1)
            }
            found = _figures(made.image.mean(axis=-1), pictures, sample.mask, loaded)
            for key, value in found.items():
                if np.isfinite(value):
                    values[key].append(value)
        rows += [
            {
                "part": part,
                "picture": picture,
                "pair": pair,
                "figure": figure,
                "mean": round(float(np.mean(found)), 4),
                "images": len(found),
            }
            for (picture, pair, figure), found in values.items()
        ]
    return rows


def _figures(
    image: NDArray[np.float32],
    pictures: dict[str, NDArray[np.float32]],
    mask: NDArray[np.uint8],
    dataset: Dataset,
) -> Figures:
    names = dict(enumerate(dataset.class_names))
    found: Figures = {}
    for pair, row in contrast_gains(image, pictures, mask, names).items():
        for picture, gain in row.items():
            found[picture, pair, "contrast over the best blur"] = gain
    for picture, pixels in {"input": image, **pictures}.items():
        found[picture, "", "lattice"] = lattice_peak(pixels)
        for first, second in _pairs(len(names)):
            pair = f"{names[first]} / {names[second]}"
            found[picture, pair, "sharpness"] = edge_sharpness(pixels, mask, first, second)
    for first, second in _pairs(len(names)):
        blur = best_blur(image, partial(pair_contrast, mask=mask, first=first, second=second))
        blurred = gaussian_filter(image, blur.sigma_px)
        pair = f"{names[first]} / {names[second]}"
        found["best blur", pair, "sharpness"] = edge_sharpness(blurred, mask, first, second)
    return found


def _pairs(n_classes: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(n_classes) for j in range(i + 1, n_classes))
