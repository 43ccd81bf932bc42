"""The confusion matrices of single images on disk: `image_confusion.csv`, written and read.

Whoever resamples images (benchmark, report) starts from this file and needs no model. Must not
import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.manifest import read_rows
from cellenhance.data.files.writers import write_csv
from cellenhance.errors import DatasetError

RESULT = "result"
"""Name of the final result among the outputs; the others are branches and ensemble variants."""

ENSEMBLE = "ensemble"
"""Name of a network's result beside the names of its branches."""

FIXED_WEIGHTS = "fixed weights"
"""Name of the mask of the sum of the logits of all outputs of AEP."""

IMAGE_CONFUSION_FILE = "image_confusion.csv"
COLUMNS = ("output", "id", "group", "truth", "prediction", "n_px")


@dataclass(frozen=True, slots=True)
class ImageMatrices:
    """How one output did on each image.

    Attributes
    ----------
    classes : K names in index order
    ids, groups : of each of N images; images of one group are not independent draws
    matrices : (N, K, K) int64, true classes as rows
    """

    classes: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    matrices: NDArray[np.int64]


def write_image_confusion(path: Path, outputs: Mapping[str, ImageMatrices]) -> None:
    """Write the counts of every output and image.

    Each row is an output, an image and a pair of classes. Pairs that never occur are left out,
    except those of a class with itself, so that classes and images can be read back.
    """
    rows = (row for name, each in outputs.items() for row in _rows(name, each))
    write_csv(path, COLUMNS, rows)


def _rows(output: str, images: ImageMatrices) -> Iterator[tuple[object, ...]]:
    names = images.classes
    for sample, group, matrix in zip(images.ids, images.groups, images.matrices, strict=True):
        for i, j in np.ndindex(matrix.shape):
            if matrix[i, j] or i == j:
                yield (output, sample, group, names[i], names[j], int(matrix[i, j]))


def load_image_confusion(path: Path) -> dict[str, ImageMatrices]:
    """Return the matrices of every output by its name, the final result's under `RESULT`.

    Raises
    ------
    DatasetError
        The file is missing or is not what `write_image_confusion` writes.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: does not exist; make it with cellenhance evaluate RUN")
    by_output: dict[str, list[dict[str, str]]] = {}
    for row in read_rows(path, COLUMNS):
        by_output.setdefault(row["output"], []).append(row)
    if not by_output:
        raise DatasetError(f"{path}: holds no images; make it again with cellenhance evaluate RUN")
    return {name: _collect(path, rows) for name, rows in by_output.items()}


def _collect(path: Path, rows: Sequence[Mapping[str, str]]) -> ImageMatrices:
    diagonal = [row["truth"] for row in rows if row["truth"] == row["prediction"]]
    classes = {name: index for index, name in enumerate(dict.fromkeys(diagonal))}
    groups = {row["id"]: row["group"] for row in rows}
    places = {sample: index for index, sample in enumerate(groups)}
    matrices = np.zeros((len(places), len(classes), len(classes)), np.int64)
    for row in rows:
        if not row["n_px"].isdecimal() or not {row["truth"], row["prediction"]} <= set(classes):
            raise DatasetError(
                f"{path}: {dict(row)} is not a count of pixels; make the file again with "
                "cellenhance evaluate RUN"
            )
        place = (places[row["id"]], classes[row["truth"]], classes[row["prediction"]])
        matrices[place] = int(row["n_px"])
    return ImageMatrices(tuple(classes), tuple(groups), tuple(groups.values()), matrices)
