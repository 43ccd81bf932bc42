"""A training request becomes a draft: settings, network, time; no pixel is read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.splits import SplitTable, load_split
from cellenhance.data.normalize import Normalization
from cellenhance.engine import seeding
from cellenhance.engine.checkpoints import checkpoint_sha256
from cellenhance.engine.device import Compute, choose_compute
from cellenhance.engine.training.epochs import count_steps
from cellenhance.engine.training.initialisation import find_start, initialise_from
from cellenhance.engine.training.pace import ImageShapes, Pace, fit_to_time, measure_pace
from cellenhance.engine.training.records import FitPlan
from cellenhance.engine.training.settings import (
    RunSettings,
    check_crop,
    check_preprocessing,
    resolve_recipe,
    split_overrides,
)
from cellenhance.engine.windows import choose_window
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.registry import build_network
from cellenhance.runs.folder import Continuation, RunFolder, TimeBudget
from cellenhance.runs.header import ModelHeader
from cellenhance.settings import parse_assignments
from cellenhance.tasks.datasets.degrade_plans import check_training_counts
from cellenhance.tasks.train.memory import fit_batch
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.resuming import (
    FormerRun,
    agree,
    find_former,
    started_otherwise,
    timed_settings,
    with_recorded_batch,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunDraft:
    """A run whose settings are decided, before any pixel is read.

    Attributes
    ----------
    asked : the settings before they were fitted to the memory
    settings : those with which the run is made; of a continued one with its first learning rate
    former : what the folder holds, where the run is resumed
    pace : how fast it would go, once that is measured
    budget : the time limit that the schedule of a new run was fitted to
    """

    request: TrainRequest
    dataset: Dataset
    train_ids: tuple[str, ...]
    val_ids: tuple[str, ...]
    compute: Compute
    asked: RunSettings
    settings: RunSettings
    network: SegmentationNetwork
    former: FormerRun | None
    continued: tuple[Continuation, ...] = ()
    pace: Pace | None = None
    budget: TimeBudget | None = None

    @property
    def folder(self) -> RunFolder:
        """Return where the run lies or will lie."""
        return RunFolder(self.request.output)

    @property
    def shapes(self) -> ImageShapes:
        """Return the sizes of the images, as the manifest has them."""
        return _shapes(self.dataset, self.train_ids, self.val_ids)

    @property
    def n_steps(self) -> int:
        """Return the steps of an epoch."""
        return count_steps(self.shapes, self.settings.recipe)

    @property
    def initialised_from(self) -> str | None:
        """Return the name and hash of the file that the network starts from."""
        return _identify(_start_of(self.request, self.asked))

    @property
    def start_name(self) -> str | None:
        """Return the name of that file."""
        start = _start_of(self.request, self.asked)
        return None if start is None else start.name

    def with_pace(self, short_s: float = 60.0) -> RunDraft:
        """Return the draft with its pace, measured now if it was not; see `measure_pace`."""
        if self.pace is not None:
            return self
        n_channels = self.dataset.description.channels
        any_limits = Normalization(method="unit", low=(0,) * n_channels, high=(1,) * n_channels)
        plan = self.fit_plan(any_limits, (1,) * len(self.dataset.class_names))
        return replace(self, pace=measure_pace(self.network, plan, self.shapes, short_s))

    def fit_plan(self, normalization: Normalization, class_pixels: tuple[int, ...]) -> FitPlan:
        """Return what the training loop needs besides network and data."""
        recipe, first_epoch = self.settings.recipe, 1
        if self.continued:
            first_epoch = self.continued[-1].first_epoch
            rate = {"learning_rate": self.continued[-1].learning_rate}
            recipe = recipe.model_copy(update=rate)
        description = self.dataset.description
        return FitPlan(
            recipe=recipe,
            seed=self.settings.seed,
            compute=self.compute,
            header=ModelHeader(
                entry=self.settings.model,
                in_channels=description.channels,
                channel_names=description.channel_names,
                classes=description.classes,
                normalization=normalization,
                preprocessing=recipe.preprocessing,
                window_px=choose_window(self.network, recipe.crop_px),
                pixel_size_um=description.pixel_size_um,
            ),
            best_path=self.folder.best_path,
            last_path=self.folder.last_path,
            class_pixels=class_pixels,
            first_epoch=first_epoch,
        )


def draft_run(request: TrainRequest) -> RunDraft:
    """Decide settings and network; reads the dataset's tables, no pixels, and writes nothing.

    Raises
    ------
    CheckpointError
        The folder holds a run that was started otherwise.
    SettingsError, DatasetError, CatalogError, DeviceError, ResourceError
        The request does not fit the data, the catalogue, the machine or its memory.
    """
    dataset = load_dataset(request.dataset)
    for each in dataset.description.warnings:
        logger.warning("%s: %s", dataset.description.name, each)
    split = load_split(dataset, request.split)
    compute = choose_compute(request.compute.device, request.compute.precision)
    if compute.precision == "fp16":
        raise SettingsError("training in fp16 is not offered; use --precision bf16 or fp32")
    asked = resolve_settings(request, compute)
    check_training_counts(dataset, asked.recipe.augmentation.degradation)
    network = _build(asked, dataset, request)
    train_ids, val_ids = _subsets(split, asked.fold)
    largest_px = _shapes(dataset, train_ids, val_ids).largest_px
    former = find_former(request)
    settings, continued = (asked, ()) if former is None else agree(former, asked, request)
    fitted = fit_batch(settings, network, largest_px)
    if former is not None:
        _refuse_other_start(former, settings, fitted, _identify(_start_of(request, asked)))
    draft = RunDraft(
        request, dataset, train_ids, val_ids, compute, asked, fitted, network, former, continued
    )
    if former is not None or request.time_limit is None:
        return draft
    return _fitted_to_time(draft, 60 * request.time_limit)


def _refuse_other_start(
    former: FormerRun, settings: RunSettings, fitted: RunSettings, initialised_from: str | None
) -> None:
    before, now = settings.recipe.batch_size, fitted.recipe.batch_size
    if before != now:
        raise started_otherwise(former, f"recipe.batch_size: {before}, now {now}")
    start = former.record.initialised_from
    if start != initialised_from:
        raise started_otherwise(former, f"--init: {start}, now {initialised_from}")


def _fitted_to_time(draft: RunDraft, limit_s: float) -> RunDraft:
    """Return the draft with as many epochs as the time allows, and what decided that."""
    measured = draft.with_pace(min(60.0, limit_s / 2))
    pace, asked = measured.pace, draft.settings.recipe
    assert pace is not None
    recipe = fit_to_time(asked, pace, draft.n_steps, limit_s)
    return replace(
        measured,
        settings=draft.settings.model_copy(update={"recipe": recipe}),
        budget=TimeBudget(
            limit_s=limit_s,
            step_s=pace.step_s,
            epoch_end_s=pace.epoch_end_s,
            asked=timed_settings(asked),
        ),
    )


def expected_settings(request: TrainRequest, compute: Compute) -> RunSettings:
    """Return the settings that `request` asks for, without reading data.

    Of a run to be resumed its batch size counts, which may have been cut down to the memory.
    """
    asked, former = resolve_settings(request, compute), find_former(request)
    return asked if former is None else with_recorded_batch(asked, former.record)


def resolve_settings(request: TrainRequest, compute: Compute) -> RunSettings:
    """Return the settings that `request` comes to by itself, without reading data."""
    catalog = load_catalog(request.recipe.models)
    model_overrides, recipe_overrides = split_overrides(parse_assignments(request.recipe.set))
    recipe_overrides |= request.recipe.overrides
    entry = catalog.resolve(request.model, model_overrides)
    recipe_name = request.recipe.recipe or entry.recipe
    recipe = resolve_recipe(catalog, recipe_name, recipe_overrides)
    check_preprocessing(recipe, entry)
    return RunSettings(
        model=entry,
        recipe_name=recipe_name,
        recipe=recipe,
        split=request.split,
        fold=request.one_fold,
        seed=request.seed,
        device=str(compute.device),
        precision=compute.precision,
        n_threads=torch.get_num_threads(),
    )


def _build(settings: RunSettings, dataset: Dataset, request: TrainRequest) -> SegmentationNetwork:
    """Return the network at its start: random, or from a file where that is asked for."""
    with seeding.seeded(settings.seed, "initialisation"):
        network = build_network(
            settings.model, dataset.description.channels, len(dataset.class_names)
        )
    check_crop(settings.recipe.crop_px, network.stride, settings.model.name)
    start = _start_of(request, settings)
    if start is not None:
        report = initialise_from(network, start, dataset.class_names)
        logger.info("%s: %s", start.name, report.summary())
        logger.debug("reused: %s", ", ".join(report.matched))
        logger.debug("start at random: %s", ", ".join(report.reinitialised))
        logger.debug("left over: %s", ", ".join(report.left_over))
    return network


def _shapes(dataset: Dataset, *parts: tuple[str, ...]) -> ImageShapes:
    rows = {row.id: (row.height, row.width) for row in dataset.samples}
    return ImageShapes(*(tuple(rows[each] for each in part) for part in parts))


def _subsets(split: SplitTable, fold: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the training and validation ids; a warning says when nothing validates."""
    train_ids, val_ids = split.subset(fold, "train"), split.subset(fold, "val")
    if not train_ids:
        raise DatasetError(
            f"split '{split.name}', fold {fold} has no training samples; split again with "
            "cellenhance dataset split"
        )
    if not val_ids:
        logger.warning(
            "split '%s', fold %d has no validation part: the weights of the last epoch are kept "
            "as best, and patience has no effect",
            split.name,
            fold,
        )
    return train_ids, val_ids


def _start_of(request: TrainRequest, settings: RunSettings) -> Path | None:
    return find_start(request.init, settings.model)


def _identify(path: Path | None) -> str | None:
    """Return the name and hash of a file of weights."""
    if path is None:
        return None
    return f"{path.name} {checkpoint_sha256(path)}"
