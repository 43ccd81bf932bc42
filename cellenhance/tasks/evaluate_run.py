"""Score a run on a subset of a dataset: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.manifest import Dataset, load_dataset
from cellenhance.data.samples import Sample, load_sample
from cellenhance.data.splits import DEFAULT_SPLIT, load_split, split_path
from cellenhance.data.writers import write_csv, write_json
from cellenhance.engine.device import choose_compute
from cellenhance.engine.evaluation import count_pixels
from cellenhance.engine.evaluation_files import IMAGE_CONFUSION_FILE, write_image_confusion
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.run_folder import (
    RunFolder,
    RunRecord,
    checkpoints_of,
    dataset_identity,
    read_record,
    run_folders,
)
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.metrics.scores import Scores, majority_scores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.tables import image_table

logger = logging.getLogger(__name__)

ALL = "all"
SUBSETS = ("train", "val", "test", ALL)


@dataclass(frozen=True, slots=True)
class EvaluateRunRequest:
    """What to score; `dataset` None means the one the run was trained on."""

    run: Path
    dataset: Path | None = None
    subset: str = "test"
    split: str | None = None
    device: str = "auto"
    precision: str = "fp32"
    tile_px: int | None = None
    overlap_px: int | None = None


@dataclass(frozen=True, slots=True)
class RunScores:
    """The scores of one run or fold, the majority class on the same images, what was written."""

    name: str
    model: str
    scores: Scores
    majority: Scores | None
    majority_class: str | None
    folder: Path | None


def evaluate_run(
    request: EvaluateRunRequest, progress: ProgressCallback = silent
) -> list[RunScores]:
    """Return the scores of a run, or of each fold of a run.

    For run folders they are also written to `evaluation/<subset>/`: `scores.json`,
    `per_image.csv` and `image_confusion.csv`. Scores of another dataset or split lie beside it, in
    `evaluation/<subset>-<dataset>-<split>/`, and never replace those of the run's own.

    Raises
    ------
    CheckpointError, DatasetError, SettingsError
        The run, the dataset or the subset is not there, or the classes differ.
    """
    if request.subset not in SUBSETS:
        raise SettingsError(f"--subset {request.subset}: expected one of {', '.join(SUBSETS)}")
    if request.run.suffix == ".safetensors":
        return [_evaluate_file(request, progress)]
    return [_evaluate_folder(request, folder, progress) for folder in run_folders(request.run)]


def _evaluate_folder(
    request: EvaluateRunRequest, folder: RunFolder, progress: ProgressCallback
) -> RunScores:
    record = read_record(folder)
    if request.dataset is None and not Path(record.dataset).is_dir():
        raise DatasetError(
            f"{record.dataset}: the dataset that {folder.root} was trained on is not there; give "
            "--dataset DIR where it lies now"
        )
    dataset = load_dataset(request.dataset or Path(record.dataset))
    split = request.split or record.settings.split
    ids = _ids(dataset, split, record.settings.fold, request.subset)
    is_own = _is_own_data(record, dataset, split)
    _note_other_data(dataset, split, request, is_own=is_own)
    other = "" if is_own else f"-{dataset.root.resolve().name}-{split}"
    out = folder.evaluation_path(f"{request.subset}{other}")
    return _evaluate(request, folder.best_path, dataset, ids, record, out, progress)


def _evaluate_file(request: EvaluateRunRequest, progress: ProgressCallback) -> RunScores:
    if request.dataset is None:
        raise SettingsError(f"{request.run}: a checkpoint file names no dataset; give --dataset")
    dataset = load_dataset(request.dataset)
    ids = _ids(dataset, request.split or DEFAULT_SPLIT, 1, request.subset)
    [checkpoint] = checkpoints_of(request.run)
    return _evaluate(request, checkpoint, dataset, ids, None, None, progress)


def _is_own_data(record: RunRecord, dataset: Dataset, split: str) -> bool:
    """Tell whether dataset and split are those of the training, wherever they lie now."""
    if not split_path(dataset.root, split).is_file():
        return False
    return dataset_identity(dataset, split) == record.dataset_identity


def _note_other_data(
    dataset: Dataset, split: str, request: EvaluateRunRequest, *, is_own: bool
) -> None:
    """Say when the images may not be unseen: another dataset or split than in training."""
    if request.subset == ALL:
        logger.info("subset all: every sample, among them those the run was trained on, if any")
    elif not is_own:
        logger.warning(
            "%s with split '%s' is not what the run was trained on: whether its %s part was "
            "unseen in training is not known",
            dataset.root,
            split,
            request.subset,
        )


def _ids(dataset: Dataset, split: str, fold: int, subset: str) -> tuple[str, ...]:
    if subset == ALL:
        return tuple(row.id for row in dataset.samples)
    table = load_split(dataset, split)
    ids = {name: table.subset(fold, name) for name in ("train", "val", "test")}[subset]
    if not ids:
        raise DatasetError(
            f"{dataset.root}: split '{split}', fold {fold} has no {subset} samples; choose another "
            "--subset or split again"
        )
    return ids


def _evaluate(  # noqa: PLR0913 - the facts that meet in one evaluation
    request: EvaluateRunRequest,
    checkpoint: Path,
    dataset: Dataset,
    ids: tuple[str, ...],
    record: RunRecord | None,
    out: Path | None,
    progress: ProgressCallback,
) -> RunScores:
    compute = choose_compute(request.device, request.precision)
    predictor = load_predictor(
        [checkpoint], compute, tile_px=request.tile_px, context_px=request.overlap_px
    )
    names = predictor.header.class_names
    if names != dataset.class_names:
        raise DatasetError(
            f"{dataset.root}: has the classes {list(dataset.class_names)}, the run {list(names)}; "
            "evaluate on a dataset of the same classes in the same order"
        )
    warn_of_small_overlap(predictor)
    counts = count_pixels(predictor, _samples(dataset, ids, progress))
    scores = counts.scores(names)
    majority = None
    if record is not None:
        majority = majority_scores(names, record.training_pixels, counts.ids, counts.result)
    if out is not None:
        _write(out, scores, majority)
        groups = tuple(dataset.row(each).group for each in counts.ids)
        write_image_confusion(out / IMAGE_CONFUSION_FILE, counts.matrices(names, groups))
    return RunScores(
        name=checkpoint.parent.parent.name if out else checkpoint.name,
        model=predictor.header.entry.name,
        scores=scores,
        majority=majority,
        majority_class=record.majority_class if record else None,
        folder=out,
    )


def warn_of_small_overlap(predictor: Predictor) -> None:
    """Warn when tiles get less context than the networks see."""
    if predictor.context_px < predictor.needed_context_px:
        logger.warning(
            "--overlap %d is less than the %d px the model sees around a pixel: results near tile "
            "borders will differ from those of a whole image",
            predictor.context_px,
            predictor.needed_context_px,
        )


def _samples(
    dataset: Dataset, ids: tuple[str, ...], progress: ProgressCallback
) -> Iterator[Sample]:
    for done, each in enumerate(ids):
        progress(done, len(ids), f"evaluating {each}")
        yield load_sample(dataset, dataset.row(each))
    progress(len(ids), len(ids), "evaluating")


def _write(out: Path, scores: Scores, majority: Scores | None) -> None:
    write_json(out / "scores.json", _with_majority(scores, majority))
    table = image_table(scores)
    write_csv(out / "per_image.csv", table.header, table.rows)


def results_to_json(results: list[RunScores]) -> dict[str, object]:
    """Return what ``evaluate RUN --json`` prints: the scores, or those of every fold by name."""
    values = {each.name: _with_majority(each.scores, each.majority) for each in results}
    return next(iter(values.values())) if len(values) == 1 else {"folds": values}


def _with_majority(scores: Scores, majority: Scores | None) -> dict[str, object]:
    values: dict[str, object] = scores.to_json()
    if majority is not None:
        values["majority_class"] = majority.to_json()["pooled"]
    return values
