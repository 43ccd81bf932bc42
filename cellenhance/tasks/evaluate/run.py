"""Score a run on a subset of a dataset: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from cellenhance.engine.checkpoints import checkpoint_sha256
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import (
    EvaluatedSample,
    PixelCounts,
    evaluate_samples,
)
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.metrics.further_scores import choose_metrics
from cellenhance.metrics.score_intervals import Resampling
from cellenhance.metrics.scores import OverlapScores, Scores, majority_scores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.panels.comparison import Classes
from cellenhance.render.style import FigureStyle
from cellenhance.runs.folder import (
    RunFolder,
    RunRecord,
    checkpoints_of,
    read_record,
    run_folders,
)
from cellenhance.tasks.evaluate.images import (
    Keepers,
    SeenImage,
    WorstImages,
    keep_metrics,
)
from cellenhance.tasks.evaluate.names import BRANCH_LABELS, name_result
from cellenhance.tasks.evaluate.output import refuse_former, write_evaluation
from cellenhance.tasks.evaluate.record import Evaluation
from cellenhance.tasks.evaluate.subset import (
    SUBSETS,
    EvaluatedSubset,
    subset_of_dataset,
    subset_of_run,
)
from cellenhance.tasks.evaluate.threshold import threshold_metric
from cellenhance.tasks.evaluate.validation import choose_on_validation, require_validation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluateRunRequest:
    """What to score and how.

    Attributes
    ----------
    dataset : None means the one the run was trained on
    output : where the files go; None means `evaluation/<subset>/` in the run folder
    is_written : whether there are files at all; without, those of a former evaluation stay
    n_worst : how many of the worst images are drawn
    metrics : names of the registry, or "all", beyond what is always reported
    threshold_metric : name of the metric by which thresholds are chosen on the validation part
    pixel_size_um : replaces what the dataset says
    """

    run: Path
    dataset: Path | None = None
    subset: str = "test"
    split: str | None = None
    device: str = "auto"
    precision: str = "fp32"
    tile_px: int | None = None
    overlap_px: int | None = None
    output: Path | None = None
    is_written: bool = True
    overwrite: bool = False
    n_worst: int = 5
    metrics: tuple[str, ...] = ()
    threshold_metric: str | None = None
    pixel_size_um: float | None = None
    resampling: Resampling = field(default_factory=Resampling)
    style: FigureStyle = field(default_factory=FigureStyle)


@dataclass(frozen=True, slots=True)
class RunScores:
    """One run or fold: its name, its model, its evaluation, and the folder of its files if any."""

    name: str
    model: str
    evaluation: Evaluation
    folder: Path | None

    @property
    def scores(self) -> Scores:
        """Return the scores of the result."""
        return self.evaluation.scores

    @property
    def majority(self) -> Scores | None:
        """Return the scores of the class most frequent in training, where the run knows it."""
        return next(iter(self.evaluation.majority.values()), None)

    @property
    def majority_class(self) -> str | None:
        """Return the name of that class."""
        return next(iter(self.evaluation.majority), None)


@dataclass(frozen=True, slots=True)
class _Source:
    """A run or checkpoint with the images it is scored on; `title` names the run of a fold too."""

    name: str
    title: str
    checkpoint: Path
    record: RunRecord | None
    subset: EvaluatedSubset
    output: Path | None


def evaluate_run(
    request: EvaluateRunRequest, progress: ProgressCallback = silent
) -> list[RunScores]:
    """Return the scores of a run, or of each fold of a run.

    The files are written to `evaluation/<subset>/` of the run folder: `summary.json`,
    `per_image.csv`, `confusion.csv` and its figure, `image_confusion.csv`, `table.md`, `table.tex`
    and the worst images. Scores of another dataset or split lie beside it, in
    `evaluation/<subset>-<dataset>-<split>/`, and never replace those of the run's own.

    Raises
    ------
    CheckpointError, DatasetError, SettingsError
        The run, the dataset or the subset is not there, or the classes differ.
    OutputExistsError
        An output folder was named that holds an evaluation, without `overwrite`.
    """
    if request.subset not in SUBSETS:
        raise SettingsError(f"--subset {request.subset}: expected one of {', '.join(SUBSETS)}")
    sources = _sources(request)
    _check_metrics(request, sources)
    for source in sources:
        if request.output is not None and source.output is not None:
            refuse_former(source.output, overwrite=request.overwrite)
    if not request.is_written:
        sources = [replace(source, output=None) for source in sources]
    return [_evaluate(request, source, progress) for source in sources]


def _check_metrics(request: EvaluateRunRequest, sources: list[_Source]) -> None:
    """Raise SettingsError for metrics that cannot be computed, before any work."""
    for source in sources:
        size = request.pixel_size_um or source.subset.dataset.description.pixel_size_um
        choose_metrics(request.metrics, has_probabilities=True, has_pixel_size=size is not None)
        if request.threshold_metric is not None:
            threshold_metric(request.threshold_metric)
            require_validation(source.subset)


def _sources(request: EvaluateRunRequest) -> list[_Source]:
    if request.run.suffix == ".safetensors":
        if request.dataset is None:
            raise SettingsError(
                f"{request.run}: a checkpoint file names no dataset; give --dataset"
            )
        subset = subset_of_dataset(request.dataset, request.split, request.subset)
        [checkpoint] = checkpoints_of(request.run)
        return [_Source(checkpoint.name, checkpoint.name, checkpoint, None, subset, request.output)]
    folders = run_folders(request.run)
    return [_source_of_folder(request, folder, is_only=len(folders) == 1) for folder in folders]


def _source_of_folder(request: EvaluateRunRequest, folder: RunFolder, *, is_only: bool) -> _Source:
    record = read_record(folder)
    subset = subset_of_run(folder, record, request.dataset, request.split, request.subset)
    root = folder.root.resolve()
    output = request.output if is_only or request.output is None else request.output / root.name
    return _Source(
        name=root.name,
        title=root.name if is_only else f"{root.parent.name}/{root.name}",
        checkpoint=folder.best_path,
        record=record,
        subset=subset,
        output=output or folder.evaluation_path(subset.folder_name),
    )


def _evaluate(
    request: EvaluateRunRequest, source: _Source, progress: ProgressCallback
) -> RunScores:
    predictor = _load(request, source)
    subset, classes = source.subset, predictor.header.class_names
    metric = threshold_metric(request.threshold_metric) if request.threshold_metric else None
    choices = choose_on_validation(predictor, subset, metric, progress)
    size = request.pixel_size_um or subset.dataset.description.pixel_size_um
    keepers = Keepers(
        WorstImages(request.n_worst if source.output else 0),
        keep_metrics(request.metrics, classes, size, has_probabilities=True),
        choices.thresholds,
    )
    evaluated = evaluate_samples(
        predictor,
        subset.samples(progress, "evaluating"),
        variants=True,
        probabilities=keepers.needs_probabilities,
    )
    counts = PixelCounts.collect(_watch(evaluated, subset, keepers))
    scores = counts.scores(classes).with_intervals(subset.groups, request.resampling)
    evaluation = Evaluation(
        title=f"{source.title}, {subset.dataset.description.name}, {subset.name}",
        result_name=name_result(predictor),
        scores=scores,
        groups=subset.groups,
        n_pixels=subset.n_pixels,
        looks=Classes(
            classes, [each.color for each in predictor.header.classes], subset.background
        ),
        majority=_majority(source, counts, request.resampling),
        branch_labels=BRANCH_LABELS,
        chosen=choices.branch,
        further=keepers.further.finish(subset.groups, request.resampling),
        thresholds=keepers.finish_thresholds(classes, subset.groups, request.resampling),
        facts=_facts(source, predictor),
    )
    if source.output is not None:
        write_evaluation(source.output, evaluation, keepers.worst, request.style, size)
    return RunScores(source.name, predictor.header.entry.name, evaluation, source.output)


def _load(request: EvaluateRunRequest, source: _Source) -> Predictor:
    compute = choose_compute(request.device, request.precision)
    predictor = load_predictor(
        [source.checkpoint], compute, tile_px=request.tile_px, context_px=request.overlap_px
    )
    names, dataset = predictor.header.class_names, source.subset.dataset
    if names != dataset.class_names:
        raise DatasetError(
            f"{dataset.root}: has the classes {list(dataset.class_names)}, the run {list(names)}; "
            "evaluate on a dataset of the same classes in the same order"
        )
    warn_of_small_overlap(predictor)
    return predictor


def _watch(
    evaluated: Iterator[EvaluatedSample], subset: EvaluatedSubset, keepers: Keepers
) -> Iterator[EvaluatedSample]:
    """Yield what comes, after its pixels were shown to all who keep something of them."""
    names = subset.dataset.class_names
    for each in evaluated:
        name, truth = each.sample.id, each.sample.mask
        scores = OverlapScores.from_matrix(names, each.matrix)
        image = SeenImage(name, partial(subset.read_image, name), truth, each.mask, scores)
        keepers.see(image, each.probabilities)
        yield each


def _majority(source: _Source, counts: PixelCounts, resampling: Resampling) -> Mapping[str, Scores]:
    record = source.record
    if record is None:
        return {}
    names = source.subset.dataset.class_names
    scores = majority_scores(names, record.training_pixels, counts.ids, counts.result)
    return {record.majority_class: scores.with_intervals(source.subset.groups, resampling)}


def _facts(source: _Source, predictor: Predictor) -> dict[str, Any]:
    subset = source.subset
    return {
        "run": source.name,
        "model": predictor.header.entry.name,
        "checkpoint_sha256": checkpoint_sha256(source.checkpoint),
        "dataset": subset.dataset.description.name,
        "is_dataset_of_training": subset.is_own,
        "subset": subset.name,
        "split": subset.split,
        "fold": subset.fold,
        "precision": predictor.compute.precision,
        "device": predictor.compute.reason,
    }


def warn_of_small_overlap(predictor: Predictor) -> None:
    """Warn when tiles get less context than the networks see."""
    if predictor.context_px < predictor.needed_context_px:
        logger.warning(
            "--overlap %d is less than the %d px the model sees around a pixel: results near tile "
            "borders will differ from those of a whole image",
            predictor.context_px,
            predictor.needed_context_px,
        )
