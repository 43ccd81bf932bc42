"""Score anybody's masks against the truth: two folders in, scores out, no model and no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE
from cellenhance.data.classmap import count_codes
from cellenhance.data.mask_classes import MaskClasses, find_classes
from cellenhance.data.mask_files import list_masks, match_files
from cellenhance.errors import DatasetError
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.scores import Scores
from cellenhance.progress import ProgressCallback, silent


@dataclass(frozen=True, slots=True)
class EvaluatePredictionsRequest:
    """Which masks to compare.

    Attributes
    ----------
    predictions, truth : folders whose files match by relative path without extension
    classes : ``NAME=VALUE[,VALUE...]`` with grey values, or with #rrggbb, in index order; None
        takes the classes of the dataset that the truth belongs to, else every value that occurs
    ignore : values (or colours) of the truth whose pixels do not count
    """

    predictions: Path
    truth: Path
    classes: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()


def evaluate_predictions(
    request: EvaluatePredictionsRequest, progress: ProgressCallback = silent
) -> Scores:
    """Return the scores of the masks in one folder against those in another.

    Raises
    ------
    DatasetError
        A folder is missing or empty, a file has no partner, sizes differ, or a mask holds a value
        that is no class; files are named.
    SettingsError
        A class is not NAME=VALUE, a name or value stands twice, or values and colours are mixed.
    """
    predicted, true = list_masks(request.predictions), list_masks(request.truth)
    pairs = match_files(predicted, true, what="masks")
    classes = find_classes(
        [request.truth],
        [path for prediction, truth in pairs.values() for path in (truth, prediction)],
        classes=request.classes,
        ignore=request.ignore,
    )
    matrices = []
    for done, (name, (prediction, truth)) in enumerate(pairs.items(), start=1):
        matrices.append(_count(prediction, truth, classes))
        progress(done, len(pairs), name)
    return Scores.from_matrices(classes.names, list(pairs), matrices)


def _count(prediction: Path, truth: Path, classes: MaskClasses) -> NDArray[np.int64]:
    """Return the confusion matrix of one pair."""
    class_map = classes.class_map
    true_codes, codes = classes.read_codes(truth), classes.read_codes(prediction)
    if true_codes.shape != codes.shape:
        sizes = [f"{width} x {height}" for height, width in (codes.shape, true_codes.shape)]
        raise DatasetError(
            f"{prediction} is {sizes[0]} pixels, but its truth {truth} is {sizes[1]}; "
            "masks must have the size of their truth"
        )
    classes.refuse(truth, class_map.unmapped(count_codes(true_codes)))
    true = class_map.apply(true_codes)
    counts = true != IGNORE
    known = {code for rule in class_map.rules for code in rule.codes}
    predicted = count_codes(codes[counts])
    classes.refuse(prediction, {code: n for code, n in predicted.items() if code not in known})
    any_class = class_map.rules[0].codes[0]  # what is predicted on ignored pixels does not matter
    indices = class_map.apply(np.where(counts, codes, any_class))
    return confusion_matrix(true, indices, len(class_map.rules))
