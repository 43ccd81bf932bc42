"""The whole program on a small synthetic set: from images to masks and an IoU/Dice table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.manifest import DESCRIPTION_FILE, load_dataset
from cellenhance.data.dataset.splits import load_split
from cellenhance.data.synthesize import CLASS_NAMES
from cellenhance.engine.training.options import TrainingOptions
from cellenhance.errors import OutputExistsError
from cellenhance.metrics.scores import Scores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.tables import Table, comparison_table
from cellenhance.tasks.compare.compare import compare
from cellenhance.tasks.compare.contour_overlay import contour_overlay
from cellenhance.tasks.compare.requests import CompareRequest, ContourOverlayRequest
from cellenhance.tasks.datasets.requests import SplitRequest, SynthesizeRequest
from cellenhance.tasks.datasets.split import split_dataset
from cellenhance.tasks.datasets.synthesize import synthesize_dataset
from cellenhance.tasks.evaluate.requests import EvaluateRunRequest
from cellenhance.tasks.evaluate.run import RunScores, evaluate_run
from cellenhance.tasks.predict.predict import predict
from cellenhance.tasks.predict.requests import PredictRequest
from cellenhance.tasks.prepare.prepare import prepare_dataset
from cellenhance.tasks.prepare.requests import PrepareRequest
from cellenhance.tasks.report.report import report as write_report
from cellenhance.tasks.report.requests import ReportRequest
from cellenhance.tasks.requests import DemoRequest
from cellenhance.tasks.train.log import Report
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.run import train_run
from cellenhance.tasks.translate.page import PAGE_FILE
from cellenhance.tasks.translate.requests import TranslateRequest
from cellenhance.tasks.translate.translate import translate

MODELS = ("light-unet", "aep")
_SIZE_PX = 192
_N_IMAGES = 20
_SETTINGS = ("recipe.crop_px=96", "recipe.batch_size=4")
_EPOCHS = 16
"""Chosen so that everything ends within 5 minutes on two cores of a laptop."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The scores on the test images by name, and the paths to look at."""

    scores: Mapping[str, Scores]
    paths: Mapping[str, Path]

    def table(self) -> Table:
        """Return IoU and Dice in percent, pooled over the test pixels."""
        return comparison_table(self.scores)


@dataclass(frozen=True, slots=True)
class _Demo:
    """Where things go and how they are told; every step of the demo is a method."""

    output: Path
    seed: int
    announce: Callable[[str], None]
    report: Callable[[str], Report]
    progress: ProgressCallback

    @property
    def dataset(self) -> Path:
        return self.output / "dataset"

    def run(self, model: str) -> Path:
        return self.output / "runs" / model

    def make_dataset(self) -> None:
        source = self.output / "synthetic"
        self.announce(f"drawing {_N_IMAGES} synthetic low-light images of cells in {source}")
        synthesize_dataset(
            SynthesizeRequest(
                output=source,
                n_images=_N_IMAGES,
                size_px=_SIZE_PX,
                seed=self.seed,
                overwrite=True,
            )
        )
        self.announce(f"preparing and splitting them in {self.dataset}")
        classes = tuple(f"{name}={index}" for index, name in enumerate(CLASS_NAMES))
        prepare_dataset(
            PrepareRequest(source=source, output=self.dataset, classes=classes, overwrite=True)
        )
        split_dataset(SplitRequest(dataset=self.dataset, seed=self.seed, overwrite=True))

    def test_images(self) -> list[Path]:
        dataset = load_dataset(self.dataset)
        ids = load_split(dataset).subset(1, "test")
        return [self.dataset / dataset.row(each).image for each in ids]

    def train_and_score(self, model: str) -> RunScores:
        self.announce(f"training {model}")
        request = TrainRequest(
            dataset=self.dataset,
            model=model,
            output=self.run(model),
            seed=self.seed,
            overwrite=True,
            recipe=TrainingOptions(epochs=_EPOCHS, set=_SETTINGS),
        )
        train_run(request, self.report(model))
        [scores] = evaluate_run(EvaluateRunRequest(run=self.run(model)), self.progress)
        return scores

    def predict(self, model: str) -> dict[str, Path]:
        target = self.output / "predictions"
        self.announce(f"segmenting all images with {model}")
        request = PredictRequest(
            runs=(self.run(model),), inputs=(str(self.dataset),), output=target, overwrite=True
        )
        predict(request, self.progress)
        return {"masks (class indices)": target / "masks", "coloured masks": target / "previews"}

    def draw(self, model: str) -> dict[str, Path]:
        images = tuple(str(path) for path in self.test_images())
        overlays, translations = self.output / "overlays", self.output / "translations"
        comparison = self.output / "comparison"
        self.announce("drawing outlines, what the network learned to enhance, and both models")
        contour_overlay(
            ContourOverlayRequest(
                images=self.dataset / "images",
                masks=self.output / "predictions" / "masks",
                output=overlays,
                truth=self.dataset / "masks",
                overwrite=True,
            ),
            self.progress,
        )
        translate(
            TranslateRequest(
                run=self.run(model),
                inputs=images,
                output=translations,
                page=True,
                overwrite=True,
            ),
            self.progress,
        )
        runs = tuple(self.run(each) for each in MODELS)
        compare(
            CompareRequest(runs=runs, inputs=images, output=comparison, overwrite=True),
            self.progress,
        )
        return {
            "outlines, truth dashed": overlays,
            "filters and enhanced images": translations,
            "the same to compare, for a browser": translations / PAGE_FILE,
            "models side by side": comparison,
            "tables, confusion matrix, worst images": self.run(model) / "evaluation" / "test",
            "training curves": self.run(model) / "figures" / "curves.png",
        }

    def write_report(self, model: str) -> dict[str, Path]:
        self.announce(f"writing the report of {model}")
        [page] = write_report(ReportRequest(run=self.run(model), overwrite=True), self.progress)
        return {"report, for a browser": page}


def run_demo(
    request: DemoRequest,
    *,
    announce: Callable[[str], None] = lambda _: None,
    report: Callable[[str], Report] = lambda _: lambda _: None,
    progress: ProgressCallback = silent,
) -> DemoResult:
    """Synthesize, prepare, split, train two models, score both, segment, draw, report.

    Parameters
    ----------
    announce : called with one line before each step
    report : called with a model's name, returns what receives its training reports

    Raises
    ------
    OutputExistsError
        The output is not empty, and is not a demo, or overwriting was not asked for.
    """
    output = request.output
    if output.is_dir() and any(output.iterdir()):
        is_demo = (output / "synthetic" / DESCRIPTION_FILE).is_file()
        if not (request.overwrite and is_demo):
            cure = "give --overwrite or another -o" if is_demo else "choose another -o"
            raise OutputExistsError(f"{output}: is not empty; {cure}")
    demo = _Demo(output, request.seed, announce, report, progress)
    demo.make_dataset()
    scores: dict[str, Scores] = {}
    for model in MODELS:
        evaluated = demo.train_and_score(model)
        if evaluated.majority is not None:
            scores.setdefault(f"majority class ({evaluated.majority_class})", evaluated.majority)
        scores[model] = evaluated.scores
    shown = MODELS[-1]
    paths = {**demo.predict(shown), **demo.draw(shown), **demo.write_report(shown)}
    return DemoResult(scores, paths)
