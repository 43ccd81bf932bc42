"""A training request becomes a run before its first step: data, settings, network, trainer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.splits import SplitTable, load_split
from cellenhance.engine import seeding
from cellenhance.engine.checkpoints import checkpoint_sha256
from cellenhance.engine.device import Compute, choose_compute
from cellenhance.engine.training.initialisation import initialise_from
from cellenhance.engine.training.records import FitPlan
from cellenhance.engine.training.settings import (
    RecipeSettings,
    RunSettings,
    check_crop,
    check_preprocessing,
    recorded_settings,
    resolve_recipe,
    split_overrides,
)
from cellenhance.engine.training.trainer import Trainer
from cellenhance.engine.windows import choose_window
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.registry import build_network
from cellenhance.progress import ProgressCallback
from cellenhance.runs import folder as run_folder
from cellenhance.runs.folder import RunFolder, RunRecord
from cellenhance.runs.header import ModelHeader
from cellenhance.settings import parse_assignments
from cellenhance.tasks.datasets.degrade_plans import check_training_counts
from cellenhance.tasks.train.memory import fit_batch
from cellenhance.tasks.train.reading import RunSamples, read_samples
from cellenhance.tasks.train.requests import TrainRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run before its first step."""

    folder: RunFolder
    record: RunRecord
    trainer: Trainer


def prepare_run(request: TrainRequest, progress: ProgressCallback) -> PreparedRun:
    """Read the data and build network, settings and trainer; writes nothing."""
    dataset = load_dataset(request.dataset)
    for each in dataset.description.warnings:
        logger.warning("%s: %s", dataset.description.name, each)
    split = load_split(dataset, request.split)
    compute = choose_compute(request.compute.device, request.compute.precision)
    if compute.precision == "fp16":
        raise SettingsError("training in fp16 is not offered; use --precision bf16 or fp32")
    settings = _resolve_settings(request, compute)
    check_training_counts(dataset, settings.recipe.augmentation.degradation)
    network = _build(settings, dataset, request)
    train_ids, val_ids = _subsets(split, settings.fold)
    largest_px = max(row.height * row.width for row in map(dataset.row, train_ids))
    asked = settings.recipe.batch_size
    settings = fit_batch(_as_recorded(settings, request), network, largest_px)
    samples = read_samples(dataset, train_ids, val_ids, settings.recipe.normalization, progress)
    record = _make_record(request, settings, asked, dataset, samples, compute)
    folder = RunFolder(request.output)
    plan = FitPlan(
        recipe=settings.recipe,
        seed=settings.seed,
        compute=compute,
        header=_header(record, settings.recipe, dataset, network),
        best_path=folder.best_path,
        last_path=folder.last_path,
        class_pixels=record.training_pixels,
        time_limit_s=None if request.time_limit is None else 60 * request.time_limit,
    )
    data = samples.prepared(record.normalization, settings.recipe.preprocessing)
    return PreparedRun(folder, record, Trainer(network, data, plan))


def _build(settings: RunSettings, dataset: Dataset, request: TrainRequest) -> SegmentationNetwork:
    """Return the network at its start: random, or from a file where that is asked for."""
    with seeding.seeded(settings.seed, "initialisation"):
        network = build_network(
            settings.model, dataset.description.channels, len(dataset.class_names)
        )
    check_crop(settings.recipe.crop_px, network.stride, settings.model.name)
    if request.init_from is not None:
        report = initialise_from(network, request.init_from)
        logger.info("%s: %s", request.init_from, report.summary())
        logger.debug("taken over: %s", ", ".join(report.matched))
        logger.debug("start at random: %s", ", ".join(report.reinitialised))
        logger.debug("left over: %s", ", ".join(report.left_over))
    return network


def _header(
    record: RunRecord, recipe: RecipeSettings, dataset: Dataset, network: SegmentationNetwork
) -> ModelHeader:
    return ModelHeader(
        entry=record.settings.model,
        in_channels=record.in_channels,
        channel_names=dataset.description.channel_names,
        classes=record.classes,
        normalization=record.normalization,
        preprocessing=recipe.preprocessing,
        window_px=choose_window(network, recipe.crop_px),
    )


def expected_settings(request: TrainRequest, compute: Compute) -> RunSettings:
    """Return the settings that `request` asks for, without reading data.

    Of a run to be resumed its batch size counts, which may have been cut down to the memory.
    """
    return _as_recorded(_resolve_settings(request, compute), request)


def _resolve_settings(request: TrainRequest, compute: Compute) -> RunSettings:
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


def _as_recorded(settings: RunSettings, request: TrainRequest) -> RunSettings:
    """Return the settings with the batch size that a run to be resumed was cut down to."""
    folder = RunFolder(request.output)
    if not (request.resume and folder.record_path.exists()):
        return settings
    record = run_folder.read_record(folder)
    if record.asked_batch_size != settings.recipe.batch_size:
        return settings
    recorded = {"batch_size": recorded_settings(record).recipe.batch_size}
    return settings.model_copy(update={"recipe": settings.recipe.model_copy(update=recorded)})


def _subsets(split: SplitTable, fold: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the training and validation ids; without validation that is said."""
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


def _make_record(
    request: TrainRequest,
    settings: RunSettings,
    asked_batch_size: int,
    dataset: Dataset,
    samples: RunSamples,
    compute: Compute,
) -> RunRecord:
    normalization = samples.normalization
    if normalization.method != settings.recipe.normalization:
        logger.info(
            "recipe '%s' asks for unit normalisation, which serves uint8 and floats in [0, 1]; "
            "these images are neither: limits are percentiles of the training images",
            settings.recipe_name,
        )
    return RunRecord(
        settings=settings.as_recorded(),
        asked_batch_size=asked_batch_size,
        classes=dataset.description.classes,
        in_channels=dataset.description.channels,
        normalization=normalization,
        dataset=str(dataset.root.resolve()),
        dataset_name=dataset.description.name,
        dataset_identity=run_folder.dataset_identity(dataset, settings.split),
        n_train=len(samples.training),
        n_val=len(samples.validation),
        training_pixels=samples.class_pixels,
        compute_reason=compute.reason,
        initialised_from=_identify(request.init_from),
        versions=run_folder.collect_versions(),
        command_line=request.command,
    )


def _identify(path: Path | None) -> str | None:
    """Return the name and hash of a file of weights."""
    if path is None:
        return None
    return f"{path.name} {checkpoint_sha256(path)}"
