"""Score a run on a subset of a dataset: tables for people, JSON and CSV for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from cellenhance.runs.folder import (
    RunFolder,
    RunRecord,
    checkpoints_of,
    read_record,
    run_folders,
)
from cellenhance.runs.stored_confusion import FIXED_WEIGHTS
from cellenhance.tasks.evaluate.images import (
    Keepers,
    SeenImage,
    WorstImages,
    keep_metrics,
)
from cellenhance.tasks.evaluate.output import refuse_former, write_evaluation
from cellenhance.tasks.evaluate.record import Evaluation
from cellenhance.tasks.evaluate.requests import EvaluateRunRequest
from cellenhance.tasks.evaluate.subset import (
    EvaluatedSubset,
    subset_of_dataset,
    subset_of_run,
)
from cellenhance.tasks.evaluate.threshold import threshold_metric
from cellenhance.tasks.evaluate.validation import choose_on_validation, require_validation

BRANCH_LABELS = {"network 1": "network 1 alone", FIXED_WEIGHTS: "ensemble, fixed weights"}
"""Branches and variants that tables do not call by their own name."""


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
class ScoredSource:
    """A run or checkpoint with the images it is scored on.

    Attributes
    ----------
    title : names the run of a fold too
    output : where the files go; None writes none, and those of a former evaluation stay
    """

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
    sources = _sources(request)
    _check_metrics(request, sources)
    for source in sources:
        if request.output is not None and source.output is not None:
            refuse_former(source.output, overwrite=request.overwrite)
    return [
        evaluate_source(request, source, _load(request, source), progress) for source in sources
    ]


def _check_metrics(request: EvaluateRunRequest, sources: list[ScoredSource]) -> None:
    """Raise SettingsError for metrics that cannot be computed, before any work."""
    for source in sources:
        size = request.scoring.pixel_size or source.subset.dataset.description.pixel_size_um
        choose_metrics(
            request.scoring.metrics, has_probabilities=True, has_pixel_size=size is not None
        )
        if request.threshold_metric is not None:
            threshold_metric(request.threshold_metric)
            require_validation(source.subset)


def _sources(request: EvaluateRunRequest) -> list[ScoredSource]:
    if request.run.suffix == ".safetensors":
        if request.dataset is None:
            raise SettingsError(
                f"{request.run}: a checkpoint file names no dataset; give --dataset"
            )
        subset = subset_of_dataset(request.dataset, request.split, request.subset)
        [checkpoint] = checkpoints_of(request.run)
        return [
            ScoredSource(checkpoint.name, checkpoint.name, checkpoint, None, subset, request.output)
        ]
    folders = run_folders(request.run)
    return [source_of_folder(request, folder, is_only=len(folders) == 1) for folder in folders]


def source_of_folder(
    request: EvaluateRunRequest, folder: RunFolder, *, is_only: bool = True
) -> ScoredSource:
    """Return a run with the images that `request` names; errors as in `evaluate_run`."""
    record = read_record(folder)
    subset = subset_of_run(folder, record, request.dataset, request.split, request.subset)
    root = folder.root.resolve()
    output = request.output if is_only or request.output is None else request.output / root.name
    return ScoredSource(
        name=root.name,
        title=root.name if is_only else f"{root.parent.name}/{root.name}",
        checkpoint=folder.best_path,
        record=record,
        subset=subset,
        output=output or folder.evaluation_path(subset.folder_name),
    )


def evaluate_source(
    request: EvaluateRunRequest,
    source: ScoredSource,
    predictor: Predictor,
    progress: ProgressCallback,
) -> RunScores:
    """Return the scores of a predictor on the images of `source`, and write the files."""
    scoring, resampling = request.scoring, _resampling(request)
    subset, classes = source.subset, predictor.header.class_names
    metric = threshold_metric(request.threshold_metric) if request.threshold_metric else None
    choices = choose_on_validation(predictor, subset, metric, progress)
    size = scoring.pixel_size or subset.dataset.description.pixel_size_um
    keepers = Keepers(
        WorstImages(scoring.worst if source.output else 0),
        keep_metrics(scoring.metrics, classes, size, has_probabilities=True),
        choices.thresholds,
    )
    evaluated = evaluate_samples(
        predictor,
        subset.samples(progress, "evaluating"),
        variants=True,
        probabilities=keepers.needs_probabilities,
    )
    counts = PixelCounts.collect(_watch(evaluated, subset, keepers))
    scores = counts.scores(classes).with_intervals(subset.groups, resampling)
    evaluation = Evaluation(
        title=f"{source.title}, {subset.dataset.description.name}, {subset.name}",
        result_name=_name_result(predictor),
        scores=scores,
        groups=subset.groups,
        n_pixels=subset.n_pixels,
        looks=Classes(
            classes, [each.color for each in predictor.header.classes], subset.background
        ),
        majority=_majority(source, counts, resampling),
        branch_labels=BRANCH_LABELS,
        chosen=choices.branch,
        further=keepers.further.finish(subset.groups, resampling),
        thresholds=keepers.finish_thresholds(classes, subset.groups, resampling),
        facts=_facts(source, predictor),
    )
    if source.output is not None:
        write_evaluation(source.output, evaluation, keepers.worst, request.style, size)
    return RunScores(source.name, predictor.header.entry.name, evaluation, source.output)


def _resampling(request: EvaluateRunRequest) -> Resampling:
    return Resampling(request.scoring.seed, request.scoring.resamples)


def _load(request: EvaluateRunRequest, source: ScoredSource) -> Predictor:
    compute = choose_compute(request.compute.device, request.compute.precision)
    predictor = load_predictor([source.checkpoint], compute, request.tiling, tta=request.tta)
    names, dataset = predictor.header.class_names, source.subset.dataset
    if names != dataset.class_names:
        raise DatasetError(
            f"{dataset.root}: has the classes {list(dataset.class_names)}, the run {list(names)}; "
            "evaluate on a dataset of the same classes in the same order"
        )
    return predictor


def _name_result(predictor: Predictor) -> str:
    """Return what tables call the result: the model, where it has no branches beside it."""
    network = predictor.single
    if network is None:
        return f"{predictor.header.entry.name}, mean of {len(predictor.orientations)} orientations"
    if not network.branch_names:
        return predictor.header.entry.name
    if network.mixing == "mean":
        return "ensemble (the result)"
    if network.mixing == "chosen":
        return f"branch {network.final_branch} alone, as trained (the result)"
    kind = "fixed" if network.mixing == "sum" else "learned"
    return f"ensemble, {kind} weights (the result)"


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


def _majority(
    source: ScoredSource, counts: PixelCounts, resampling: Resampling
) -> Mapping[str, Scores]:
    record = source.record
    if record is None:
        return {}
    names = source.subset.dataset.class_names
    scores = majority_scores(names, record.training_pixels, counts.ids, counts.result)
    return {record.majority_class: scores.with_intervals(source.subset.groups, resampling)}


def _facts(source: ScoredSource, predictor: Predictor) -> dict[str, Any]:
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
    } | ({"n_orientations": len(predictor.orientations)} if predictor.single is None else {})
