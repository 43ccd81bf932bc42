"""One run of a benchmark: train it to the end, score it, keep what came of it, or find it done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cellenhance.data.files.writers import write_json
from cellenhance.engine.checkpoints import checkpoint_sha256
from cellenhance.engine.options import ComputeOptions
from cellenhance.metrics.cross_validation import ImageValues, RunCounts
from cellenhance.metrics.further_scores import ALWAYS
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs.folder import RunFolder, RunRecord, read_record, read_table
from cellenhance.runs.stored_confusion import (
    IMAGE_CONFUSION_FILE,
    RESULT,
    ImageMatrices,
    load_image_confusion,
)
from cellenhance.settings import Settings
from cellenhance.tasks.benchmark.plan import BenchmarkRun, RunStatus
from cellenhance.tasks.evaluate.output import IMAGES_FILE
from cellenhance.tasks.evaluate.requests import EvaluateRunRequest, ScoringOptions
from cellenhance.tasks.evaluate.run import evaluate_run
from cellenhance.tasks.train.log import Report
from cellenhance.tasks.train.run import train_run

RESULT_FILE = "scored.json"


class RunResult(Settings):
    """What the benchmark keeps in a run folder once the run is scored.

    `checkpoint_sha256` is of the weights that were scored: other weights are scored again.
    """

    subset: str
    metrics: tuple[str, ...] = ()
    checkpoint_sha256: str
    n_epochs: int
    best_epoch: int
    best_validation_miou: float | None
    stopped_because: str
    training_s: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRun:
    """A finished run with its counts on the scored images, by output; "result" is the run's own."""

    run: BenchmarkRun
    record: RunRecord
    result: RunResult
    outputs: dict[str, ImageMatrices]

    def counts(self, output: str = RESULT) -> RunCounts:
        """Return the counts of one output for the tables."""
        images = self.outputs[output]
        return RunCounts(self.run.seed, self.run.fold, images.ids, images.groups, images.matrices)

    def image_values(self, columns: Sequence[str]) -> ImageValues:
        """Return further metrics of the images, columns of `per_image.csv`."""
        folder = self.run.folder.evaluation_path(self.result.subset)
        rows = {row["id"]: row for row in read_table(folder / IMAGES_FILE)}
        ids = self.outputs[RESULT].ids
        values = [[_number(rows[each][name]) for name in columns] for each in ids]
        return ImageValues(self.run.seed, self.run.fold, ids, np.array(values, np.float64))

    def metric_columns(self) -> tuple[str, ...]:
        """Return the columns of `per_image.csv` of the further metrics: one, or one per class."""
        folder = self.run.folder.evaluation_path(self.result.subset)
        header = list(read_table(folder / IMAGES_FILE)[0])
        classes = [each.name for each in self.record.classes]
        wanted = [
            name
            for metric in self.result.metrics
            for name in (metric, *(f"{metric}_{each}" for each in classes))
        ]
        return tuple(name for name in wanted if name in header)


def _number(text: str) -> float:
    return float(text) if text else float("nan")


def load_scored(run: BenchmarkRun, subset: str, metrics: Sequence[str] = ()) -> ScoredRun | None:
    """Return a finished run that is scored already, with these metrics too, or None."""
    path = run.folder.root / RESULT_FILE
    counts = run.folder.evaluation_path(subset) / IMAGE_CONFUSION_FILE
    if run.status is not RunStatus.FINISHED or not (path.is_file() and counts.is_file()):
        return None
    try:
        result = RunResult.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError:
        return None  # not what we write: scored again
    if not set(metrics) <= set(result.metrics):
        return None
    if result.subset != subset or result.checkpoint_sha256 != checkpoint_sha256(
        run.folder.best_path
    ):
        return None
    return ScoredRun(run, read_record(run.folder), result, load_image_confusion(counts))


def make_scored(
    run: BenchmarkRun,
    subset: str,
    metrics: Sequence[str] = (),
    report: Report = lambda _: None,
    progress: ProgressCallback = silent,
    out_of_time: Callable[[], bool] = lambda: False,
) -> ScoredRun:
    """Train a run from where it stands to its end, score its best weights, keep the result.

    Raises
    ------
    PausedRunError
        `out_of_time` said so; training goes on from there in another call.
    CellEnhanceError
        Training or scoring failed.
    """
    trained = train_run(run.request, report, progress, out_of_time)
    further = tuple(name for name in metrics if name not in ALWAYS)
    request = EvaluateRunRequest(
        run=run.folder.root,
        dataset=run.request.dataset,
        subset=subset,
        scoring=ScoringOptions(worst=0, metrics=further),
        compute=ComputeOptions(device=run.request.compute.device, precision="fp32"),
    )
    evaluate_run(request, progress)
    result = RunResult(
        subset=subset,
        metrics=tuple(metrics),
        checkpoint_sha256=checkpoint_sha256(run.folder.best_path),
        n_epochs=trained.n_epochs,
        best_epoch=trained.best_epoch,
        best_validation_miou=trained.best_miou,
        stopped_because=trained.stopped_because,
        training_s=_training_seconds(run.folder),
    )
    write_json(run.folder.root / RESULT_FILE, json.loads(result.model_dump_json()))
    counts = run.folder.evaluation_path(subset) / IMAGE_CONFUSION_FILE
    return ScoredRun(run, read_record(run.folder), result, load_image_confusion(counts))


def _training_seconds(folder: RunFolder) -> float:
    """Return the seconds of training and validation that timing.csv adds up to."""
    rows = read_table(folder.timing_path)
    return sum(float(row["train_s"]) + float(row["validation_s"]) for row in rows)
