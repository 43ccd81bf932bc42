"""A training request becomes a run before its first step: data, settings, network, trainer."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from cellenhance.arrays import IGNORE
from cellenhance.catalog import load_catalog
from cellenhance.data.manifest import Dataset, load_dataset
from cellenhance.data.normalize import fit_normalization
from cellenhance.data.samples import load_mask, load_sample
from cellenhance.data.splits import DEFAULT_SPLIT, SplitTable, load_split
from cellenhance.engine import run_folder, seeding
from cellenhance.engine.batches import TrainingImages
from cellenhance.engine.checkpoints import ModelHeader
from cellenhance.engine.device import Compute, choose_compute, free_memory_bytes
from cellenhance.engine.run_folder import RunFolder, RunRecord
from cellenhance.engine.run_settings import (
    RunSettings,
    check_crop,
    resolve_recipe,
    split_overrides,
)
from cellenhance.engine.training import FitPlan, Trainer, TrainingData
from cellenhance.errors import DatasetError, ResourceError, SettingsError
from cellenhance.networks.complexity import activation_bytes_per_pixel, count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.progress import ProgressCallback
from cellenhance.settings import parse_assignments

logger = logging.getLogger(__name__)

_DATA_SHARE = 0.5
"""Share of the free memory that decoded training images may take before they go to disk."""


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What `train` is asked to do; None means "as the recipe or the default says"."""

    dataset: Path
    model: str
    output: Path
    recipe: str | None = None
    split: str = DEFAULT_SPLIT
    fold: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    time_limit_min: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    assignments: tuple[str, ...] = ()
    models_file: Path | None = None
    resume: bool = False
    overwrite: bool = False
    command_line: str = field(default_factory=lambda: " ".join(sys.argv))


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run before its first step."""

    folder: RunFolder
    record: RunRecord
    trainer: Trainer


def prepare_run(request: TrainRequest, progress: ProgressCallback) -> PreparedRun:
    """Read the data and build network, settings and trainer; writes nothing."""
    dataset = load_dataset(request.dataset)
    split = load_split(dataset, request.split)
    compute = choose_compute(request.device, request.precision)
    if compute.precision == "fp16":
        raise SettingsError("training in fp16 is not offered; use --precision bf16 or fp32")
    settings = _resolve_settings(request, compute)
    train_ids, val_ids = _subsets(split, settings.fold)
    record = _make_record(request, settings, dataset, train_ids, val_ids, compute)
    header = ModelHeader(
        entry=settings.model,
        in_channels=record.in_channels,
        channel_names=dataset.description.channel_names,
        classes=record.classes,
        normalization=record.normalization,
    )
    with seeding.seeded(settings.seed, "initialisation"):
        network = build_network(settings.model, header.in_channels, len(header.classes))
    check_crop(settings.recipe.crop_px, network.stride, settings.model.name)
    samples = (
        load_sample(dataset, dataset.row(each))
        for each in _counted(train_ids, progress, "training images")
    )
    data = TrainingData(
        images=TrainingImages(
            samples,
            record.normalization,
            int(free_memory_bytes(torch.device("cpu")) * _DATA_SHARE),
        ),
        validation=[load_sample(dataset, dataset.row(each)) for each in val_ids],
    )
    if data.images.on_disk:
        logger.info("training images exceed half of the free memory: some are mapped from disk")
    folder = RunFolder(request.output)
    plan = FitPlan(
        recipe=settings.recipe,
        seed=settings.seed,
        compute=compute,
        header=header,
        best_path=folder.best_path,
        last_path=folder.last_path,
        time_limit_s=None if request.time_limit_min is None else 60 * request.time_limit_min,
    )
    trainer = Trainer(network, data, plan)
    _check_memory(trainer)
    return PreparedRun(folder, record, trainer)


def _counted(ids: tuple[str, ...], progress: ProgressCallback, what: str) -> Iterator[str]:
    for done, each in enumerate(ids, start=1):
        yield each
        progress(done, len(ids), f"reading {what}")


def _resolve_settings(request: TrainRequest, compute: Compute) -> RunSettings:
    catalog = load_catalog(request.models_file)
    model_overrides, recipe_overrides = split_overrides(parse_assignments(request.assignments))
    options = {
        "epochs": request.epochs,
        "batch_size": request.batch_size,
        "patience": request.patience,
    }
    recipe_overrides |= {key: value for key, value in options.items() if value is not None}
    entry = catalog.resolve(request.model, model_overrides)
    recipe_name = request.recipe or entry.recipe
    return RunSettings(
        model=entry,
        recipe_name=recipe_name,
        recipe=resolve_recipe(catalog, recipe_name, recipe_overrides),
        split=request.split,
        fold=request.fold or 1,
        seed=request.seed,
        device=str(compute.device),
        precision=compute.precision,
        n_threads=torch.get_num_threads(),
    )


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
    dataset: Dataset,
    train_ids: tuple[str, ...],
    val_ids: tuple[str, ...],
    compute: Compute,
) -> RunRecord:
    rows = [dataset.row(each) for each in train_ids]
    normalization = fit_normalization(
        settings.recipe.normalization, (load_sample(dataset, row).image for row in rows)
    )
    if normalization.method != settings.recipe.normalization:
        logger.info(
            "recipe '%s' asks for unit normalisation, which serves uint8 and floats in [0, 1]; "
            "these images are neither: limits are percentiles of the training images",
            settings.recipe_name,
        )
    return RunRecord(
        settings=settings,
        classes=dataset.description.classes,
        in_channels=dataset.description.channels,
        normalization=normalization,
        dataset=str(dataset.root),
        dataset_name=dataset.description.name,
        dataset_identity=run_folder.dataset_identity(dataset, settings.split),
        n_train=len(train_ids),
        n_val=len(val_ids),
        training_pixels=_count_training_pixels(dataset, train_ids),
        compute_reason=compute.reason,
        versions=run_folder.collect_versions(),
        command_line=request.command_line,
    )


def _count_training_pixels(dataset: Dataset, ids: tuple[str, ...]) -> tuple[int, ...]:
    """Return the annotated training pixels of each class."""
    counts = np.zeros(256, np.int64)
    for each in ids:
        counts += np.bincount(load_mask(dataset, dataset.row(each)).ravel(), minlength=256)
    if not counts[:IGNORE].any():
        raise DatasetError(f"{dataset.root}: no training pixel is annotated; check the masks")
    return tuple(counts[: len(dataset.class_names)].tolist())


def _check_memory(trainer: Trainer) -> None:
    """Refuse on the CPU what cannot fit: there, running out of memory is a kill, not an error."""
    recipe, device = trainer.plan.recipe, trainer.plan.compute.device
    needed, free = estimate_bytes(trainer, recipe.batch_size), free_memory_bytes(device)
    if needed <= free:
        return
    single = estimate_bytes(trainer, 1)
    fitting = int((free - (single - _bytes_per_image(trainer))) / _bytes_per_image(trainer))
    advice = (
        f"--batch-size {fitting}"
        if fitting >= 1
        else f"--set recipe.crop_px={trainer.network.stride * 8} or a smaller model"
    )
    raise ResourceError(
        f"training needs about {needed / 2**30:.1f} GiB at batch size {recipe.batch_size}, "
        f"{free / 2**30:.1f} GiB are free; use {advice}"
    )


def _bytes_per_image(trainer: Trainer) -> int:
    crop = trainer.plan.recipe.crop_px
    largest = max(mask.size for mask in trainer.data.images.masks)
    return (crop**2 if crop else largest) * activation_bytes_per_pixel(trainer.network)


def estimate_bytes(trainer: Trainer, batch_size: int) -> int:
    """Return weights, gradients and Adam's two moments, plus all layers' outputs of a batch."""
    weights = 4 * 4 * count_parameters(trainer.network)
    return weights + batch_size * _bytes_per_image(trainer)
