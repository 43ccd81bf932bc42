"""A benchmark request becomes its list of runs: which are finished, begun, or still to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.engine.checkpoints import load_state
from cellenhance.engine.device import Compute, choose_compute
from cellenhance.engine.training.settings import RunSettings, first_difference, recorded_settings
from cellenhance.errors import DatasetError, OutputExistsError, SettingsError
from cellenhance.metrics.further_scores import choose_metrics
from cellenhance.runs.folder import RunFolder
from cellenhance.runs.samples import UsedSample
from cellenhance.tasks.benchmark.requests import BenchmarkRequest
from cellenhance.tasks.train.draft import expected_settings
from cellenhance.tasks.train.reading import use_sample
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.resuming import FormerRun, data_changes, find_former

AS_IS = "as-is"
"""Name of the condition in which the dataset is used as it lies."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The dataset as it is, or a copy of it at a lower dose."""

    name: str
    photons: float | None
    dataset: Path


class RunStatus(Enum):
    """How far a run has come."""

    NEW = "to do"
    BEGUN = "begun"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class BenchmarkRun:
    """One model, fold and seed in one condition, in a run folder of its own."""

    condition: Condition
    model: str
    seed: int
    fold: int
    status: RunStatus
    request: TrainRequest

    @property
    def folder(self) -> RunFolder:
        """Return the run folder."""
        return RunFolder(self.request.output)

    @property
    def name(self) -> str:
        """Return what the run is called in messages."""
        return f"{self.condition.name}, {self.model}, seed {self.seed}, fold {self.fold}"


@dataclass(frozen=True, slots=True)
class BenchmarkPlan:
    """All runs, in the order in which they are made: whole comparisons come first."""

    request: BenchmarkRequest
    conditions: tuple[Condition, ...]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    runs: tuple[BenchmarkRun, ...]

    def count(self, status: RunStatus) -> int:
        """Return the number of runs of a status."""
        return sum(run.status is status for run in self.runs)


def check_request(request: BenchmarkRequest) -> None:
    """Raise `SettingsError` or `DatasetError` for what can be seen to be wrong at once."""
    if not request.model:
        raise SettingsError("--model: name at least one model, such as -m light-unet,aep")
    for what, values in (("-m", request.model), ("--photons", request.tables.photons)):
        twice = [each for each in values if values.count(each) > 1]
        if twice:
            raise SettingsError(f"{what}: {twice[0]} is listed twice; list each once")
    metric_names(request)
    dataset = load_dataset(request.dataset)
    split, subset = load_split(dataset, request.runs.split), request.runs.subset
    for fold in chosen_folds(request):
        if not split.subset(fold, subset):
            raise DatasetError(
                f"{dataset.root}: split '{split.name}', fold {fold} has no {subset} "
                "samples to score; choose another --split or --subset"
            )


def metric_names(request: BenchmarkRequest) -> tuple[str, ...]:
    """Return the further metrics by their full names; "accuracy" is always there to be named.

    Raises
    ------
    SettingsError
        A name is none, or the metric needs what the dataset does not have.
    """
    size = load_dataset(request.dataset).description.pixel_size_um
    found, _ = choose_metrics(
        request.tables.metrics, has_probabilities=True, has_pixel_size=size is not None
    )
    always = ("accuracy",) if "accuracy" in request.tables.metrics else ()
    return (*always, *(each.name for each in found))


def chosen_folds(request: BenchmarkRequest) -> tuple[int, ...]:
    """Return the folds meant by ``--folds``.

    Raises
    ------
    SettingsError
        The word is not a list of numbers, or the split lacks a fold.
    """
    asked, name = request.runs.folds, request.runs.split
    n_folds = load_split(load_dataset(request.dataset), name).n_folds
    if asked == "all":
        return tuple(range(1, n_folds + 1))
    words = asked.split(",")
    if not all(word.isdigit() and 1 <= int(word) <= n_folds for word in words):
        raise SettingsError(
            f"--folds {asked}: split '{name}' has the folds 1 to {n_folds}; "
            "expected all, or numbers separated by commas"
        )
    return tuple(dict.fromkeys(int(word) for word in words))


def plan_benchmark(request: BenchmarkRequest, conditions: tuple[Condition, ...]) -> BenchmarkPlan:
    """Return all runs and how far each has come; writes nothing.

    Raises
    ------
    OutputExistsError
        A run was made with other settings or data, and `overwrite` was not asked for.
    SettingsError, CatalogError, DatasetError
        A model, a setting, a fold or the dataset does not fit.
    """
    compute = choose_compute(request.compute.device, request.compute.precision)
    folds = chosen_folds(request)
    seeds = tuple(range(request.runs.seed, request.runs.seed + request.runs.seeds))
    runs = tuple(
        _plan_run(request, condition, train, compute, data)
        for condition in conditions
        for data in [_CurrentData(condition.dataset, request.runs.split)]
        for train in _train_requests(request, condition, folds, seeds)
    )
    return BenchmarkPlan(request, conditions, folds, seeds, runs)


def _train_requests(
    request: BenchmarkRequest,
    condition: Condition,
    folds: tuple[int, ...],
    seeds: tuple[int, ...],
) -> Iterator[TrainRequest]:
    for seed in seeds:
        for fold in folds:
            for model in request.model:
                root = request.output / "runs" / condition.name / model
                yield TrainRequest(
                    dataset=condition.dataset,
                    model=model,
                    output=root / f"seed-{seed}" / f"fold-{fold}",
                    split=request.runs.split,
                    fold=fold,
                    seed=seed,
                    resume=True,
                    recipe=request.recipe,
                    compute=request.compute,
                    command_line=request.command,
                )


class _CurrentData:
    """The data of a condition as they lie there now, decoded when first asked for."""

    def __init__(self, dataset: Path, split: str) -> None:
        self._place = dataset
        self._split = split
        self._known: dict[str, UsedSample] = {}

    def changes(self, former: FormerRun, fold: int) -> list[str]:
        """Return how they differ from what a run of this fold was trained on."""
        dataset = load_dataset(self._place)
        split = load_split(dataset, self._split)
        used = [
            replace(self._hashes(dataset, each), subset=part)
            for part in ("train", "val")
            for each in split.subset(fold, part)
        ]
        return data_changes(former, dataset, self._split, used)

    def _hashes(self, dataset: Dataset, sample: str) -> UsedSample:
        if sample not in self._known:
            self._known[sample] = use_sample(load_sample(dataset, dataset.row(sample)), "")
        return self._known[sample]


def _plan_run(
    request: BenchmarkRequest,
    condition: Condition,
    train: TrainRequest,
    compute: Compute,
    data: _CurrentData,
) -> BenchmarkRun:
    status = _status(train)
    settings = expected_settings(train, compute)
    if status is not RunStatus.NEW:
        difference = _difference(train, settings, data, finished=status is RunStatus.FINISHED)
        if difference is not None:
            if not request.overwrite:
                raise OutputExistsError(
                    f"{train.output}: was made with other settings ({difference}); repeat the "
                    "first command, choose another -o, or replace such runs with --overwrite"
                )
            status = RunStatus.NEW
            train = train.model_copy(update={"resume": False, "overwrite": True})
    return BenchmarkRun(condition, train.model, settings.seed, settings.fold, status, train)


def as_it_stands(run: BenchmarkRun) -> BenchmarkRun:
    """Return a run with how far it has come by now; one that is to be replaced stays as it is."""
    return run if run.request.overwrite else replace(run, status=_status(run.request))


def _status(train: TrainRequest) -> RunStatus:
    folder = RunFolder(train.output)
    if not folder.record_path.is_file():
        return RunStatus.NEW
    if not folder.last_path.is_file():
        return RunStatus.BEGUN
    return RunStatus.FINISHED if load_state(folder.last_path).finished else RunStatus.BEGUN


def _difference(
    train: TrainRequest, settings: RunSettings, data: _CurrentData, *, finished: bool
) -> str | None:
    """Return what a run was made with otherwise; threads count only where it goes on exactly."""
    former = find_former(train)
    assert former is not None
    record = former.record
    if finished:
        settings = settings.model_copy(update={"n_threads": record.settings.n_threads})
    difference = first_difference(recorded_settings(record), settings)
    if difference is None:
        changes = data.changes(former, settings.fold)
        if changes:
            return f"the dataset or its split has changed: {'; '.join(changes)}"
    return difference
