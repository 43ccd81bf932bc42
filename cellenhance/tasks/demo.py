"""The whole program on a small synthetic set: from images to masks and an IoU/Dice table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.splits import SplitSettings
from cellenhance.data.synthesize import CLASS_NAMES, SynthesizeSettings
from cellenhance.errors import OutputExistsError
from cellenhance.metrics.scores import Scores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.tables import Table, comparison_table
from cellenhance.tasks.evaluate_run import EvaluateRunRequest, evaluate_run
from cellenhance.tasks.predict import PredictedImage, PredictRequest, predict
from cellenhance.tasks.prepare_dataset import prepare_dataset
from cellenhance.tasks.prepare_request import PrepareRequest
from cellenhance.tasks.split_dataset import split_dataset
from cellenhance.tasks.synthesize_dataset import synthesize_dataset
from cellenhance.tasks.train import train
from cellenhance.tasks.train_log import Report
from cellenhance.tasks.train_setup import TrainRequest

MODELS = ("light-unet", "aep")
_SIZE_PX = 192
_N_IMAGES = 20
_SETTINGS = ("recipe.crop_px=96", "recipe.batch_size=4")
_EPOCHS = 12
"""Chosen so that everything ends within 5 minutes on two cores of a laptop."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The scores on the test images by name, and the paths to look at."""

    scores: Mapping[str, Scores]
    predicted: tuple[PredictedImage, ...]
    paths: Mapping[str, Path]

    def table(self) -> Table:
        """Return IoU and Dice in percent, pooled over the test pixels."""
        return comparison_table(self.scores)


def run_demo(
    output: Path,
    *,
    overwrite: bool = False,
    seed: int = 0,
    announce: Callable[[str], None] = lambda _: None,
    report: Callable[[str], Report] = lambda _: lambda _: None,
    progress: ProgressCallback = silent,
) -> DemoResult:
    """Synthesize, prepare, split, train two models, evaluate both, predict the test images.

    Parameters
    ----------
    announce : called with one line before each step
    report : called with a model's name, returns what receives its training reports

    Raises
    ------
    OutputExistsError
        `output` is not empty and `overwrite` was not asked for.
    """
    if output.is_dir() and any(output.iterdir()) and not overwrite:
        raise OutputExistsError(f"{output}: is not empty; give --overwrite or another -o")
    source, dataset = output / "synthetic", output / "dataset"
    announce(f"drawing {_N_IMAGES} synthetic low-light images of cells in {source}")
    settings = SynthesizeSettings(n_images=_N_IMAGES, size_px=_SIZE_PX, seed=seed)
    synthesize_dataset(source, settings, overwrite=overwrite)
    announce(f"preparing and splitting them in {dataset}")
    classes = tuple(f"{name}={index}" for index, name in enumerate(CLASS_NAMES))
    prepare_dataset(PrepareRequest(source, dataset, classes=classes, overwrite=overwrite))
    split_dataset(dataset, SplitSettings(seed=seed), overwrite=overwrite)
    runs = {name: output / "runs" / name for name in MODELS}
    scores: dict[str, Scores] = {}
    for name, run in runs.items():
        announce(f"training {name}")
        request = TrainRequest(
            dataset,
            name,
            run,
            epochs=_EPOCHS,
            seed=seed,
            overwrite=overwrite,
            assignments=_SETTINGS,
        )
        train(request, report(name))
        [evaluated] = evaluate_run(EvaluateRunRequest(run), progress)
        if evaluated.majority is not None:
            scores.setdefault(f"majority class ({evaluated.majority_class})", evaluated.majority)
        scores[name] = evaluated.scores
    predictions = output / "predictions"
    announce(f"segmenting all images with {MODELS[-1]}")
    predicted = predict(
        PredictRequest((runs[MODELS[-1]],), (str(dataset),), predictions, overwrite=overwrite),
        progress,
    ).written
    paths = {
        "images": dataset / "images",
        "coloured masks": predictions / "previews",
        "training curves": runs[MODELS[-1]] / "figures" / "curves.png",
        "scores of each image": runs[MODELS[-1]] / "evaluation" / "test" / "per_image.csv",
    }
    return DemoResult(scores, predicted, paths)
