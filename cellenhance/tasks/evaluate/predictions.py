"""Score masks from any program against the truth: two folders in, scores out, without a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cellenhance.arrays import IGNORE, ImageArray, MaskArray
from cellenhance.data.classes.class_map import count_codes
from cellenhance.data.classes.mask_classes import MaskClasses, dataset_of, find_classes
from cellenhance.data.classes.mask_files import list_masks, match_files
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.files.readers import read_image
from cellenhance.errors import DatasetError
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.score_intervals import Resampling
from cellenhance.metrics.scores import OverlapScores, Scores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.panels.comparison import Classes
from cellenhance.tasks.evaluate.images import (
    Keepers,
    SeenImage,
    WorstImages,
    keep_metrics,
)
from cellenhance.tasks.evaluate.output import refuse_former, write_evaluation
from cellenhance.tasks.evaluate.record import Evaluation
from cellenhance.tasks.evaluate.requests import EvaluatePredictionsRequest


def evaluate_predictions(
    request: EvaluatePredictionsRequest, progress: ProgressCallback = silent
) -> Evaluation:
    """Return the scores of the masks in one folder against those in another.

    With `output` the same files are written as for a run. Where the truth belongs to a dataset of
    ours, its groups are drawn together in intervals, and its images are shown beside the masks.

    Raises
    ------
    DatasetError
        A folder is missing or empty, a file has no partner, sizes differ, or a mask holds a value
        that is not a class; files are named.
    SettingsError
        A class is not NAME=VALUE, a name or value is listed twice, or values and colours are mixed.
    OutputExistsError
        `output` holds an evaluation, without `overwrite`.
    """
    if request.output is not None:
        refuse_former(request.output, overwrite=request.overwrite)
    folders = (request.predictions, request.truth)
    predicted, true = (list_masks(folder, request.output) for folder in folders)
    pairs = match_files(predicted, true, what="masks", skip_unmatched=request.skip_unmatched)
    classes = find_classes(
        [request.truth],
        [prediction for prediction, _ in pairs.values()],
        truth=[truth for _, truth in pairs.values()],
        classes=request.classes or None,
        ignore=request.ignore,
    )
    dataset = _dataset(request.truth)
    scoring = request.scoring
    resampling = Resampling(scoring.seed, scoring.resamples)
    size = scoring.pixel_size or classes.pixel_size_um
    keepers = Keepers(
        WorstImages(scoring.worst if request.output else 0),
        keep_metrics(scoring.metrics, classes.names, size, has_probabilities=False),
    )
    matrices, n_pixels = [], []
    for done, (name, (prediction, truth)) in enumerate(pairs.items(), start=1):
        masks = _read_pair(prediction, truth, classes)
        matrices.append(confusion_matrix(*masks, len(classes.names)))
        n_pixels.append(masks[0].size)
        scores = OverlapScores.from_matrix(classes.names, matrices[-1])
        keepers.see(SeenImage(name, _image_of(dataset, name), *masks, scores))
        progress(done, len(pairs), name)
    groups = _groups(dataset, list(pairs))
    evaluation = Evaluation(
        title=f"{_title(request.predictions)} against {_title(request.truth)}",
        result_name=request.predictions.resolve().name,
        scores=Scores.from_matrices(classes.names, list(pairs), matrices).with_intervals(
            groups, resampling
        ),
        groups=groups,
        n_pixels=tuple(n_pixels),
        looks=Classes(classes.names, classes.colors, classes.background),
        further=keepers.further.finish(groups, resampling),
        facts={"predictions": request.predictions.name, "truth": request.truth.name},
    )
    if request.output is not None:
        write_evaluation(request.output, evaluation, keepers.worst, request.style, size)
    return evaluation


def _title(folder: Path) -> str:
    """Return a folder's name with its parent's, since many are called masks."""
    return "/".join(folder.resolve().parts[-2:])


def _dataset(truth: Path) -> Dataset | None:
    """Return the cellenhance dataset that the true masks belong to, if any."""
    return load_dataset(truth.resolve().parent) if dataset_of(truth) is not None else None


def _groups(dataset: Dataset | None, names: list[str]) -> tuple[str, ...]:
    """Return the group of each image: that of the dataset, else the image itself."""
    known = {row.id: row.group for row in dataset.samples} if dataset else {}
    return tuple(known.get(name, name) for name in names)


def _image_of(dataset: Dataset | None, name: str) -> Callable[[], ImageArray] | None:
    """Return how to read the image that the masks belong to, None where nobody knows it."""
    for row in dataset.samples if dataset else ():
        if row.id == name and dataset is not None:
            return lambda: read_image(dataset.root / row.image)
    return None


def _read_pair(prediction: Path, truth: Path, classes: MaskClasses) -> tuple[MaskArray, MaskArray]:
    """Return truth and prediction as class indices, 255 in the truth where it does not count."""
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
    return true, class_map.apply(np.where(counts, codes, any_class))
