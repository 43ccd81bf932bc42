"""A draft becomes a run before its first step: its data are read, its record is made."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cellenhance.data.dataset.manifest import SAMPLES_FILE, Dataset
from cellenhance.data.name_lists import name_some
from cellenhance.engine.training.trainer import Trainer
from cellenhance.errors import CheckpointError
from cellenhance.progress import ProgressCallback
from cellenhance.runs import folder as run_folder
from cellenhance.runs.folder import RunRecord
from cellenhance.runs.samples import UsedSample
from cellenhance.tasks.train.draft import RunDraft
from cellenhance.tasks.train.reading import RunSamples, read_samples
from cellenhance.tasks.train.resuming import (
    FormerRun,
    data_changes,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run before its first step."""

    draft: RunDraft
    record: RunRecord
    used: tuple[UsedSample, ...]
    trainer: Trainer


def prepare_run(draft: RunDraft, progress: ProgressCallback) -> PreparedRun:
    """Read the data and build the trainer; writes nothing.

    Raises
    ------
    CheckpointError
        The run is to go on, but its data have changed.
    DatasetError
        An image or a mask does not fit.
    """
    samples = read_samples(
        draft.dataset, draft.train_ids, draft.val_ids, draft.settings.recipe.normalization, progress
    )
    if draft.former is None:
        record = _new_record(draft, samples)
    else:
        record = _record_of_resumed(draft, draft.former, samples)
    plan = draft.fit_plan(record.normalization, record.training_pixels)
    data = samples.prepared(record.normalization, plan.recipe.preprocessing)
    return PreparedRun(draft, record, samples.used, Trainer(draft.network, data, plan))


def _new_record(draft: RunDraft, samples: RunSamples) -> RunRecord:
    settings, dataset, normalization = draft.settings, draft.dataset, samples.normalization
    _report_changed_images(dataset, samples.used)
    if normalization.method != settings.recipe.normalization:
        logger.info(
            "recipe '%s' asks for unit normalisation, which serves uint8 and floats in [0, 1]; "
            "these images are neither: limits are percentiles of the training images",
            settings.recipe_name,
        )
    return RunRecord(
        settings=settings.as_recorded(),
        asked_batch_size=draft.asked.recipe.batch_size,
        classes=dataset.description.classes,
        in_channels=dataset.description.channels,
        normalization=normalization,
        dataset=str(dataset.root.resolve()),
        dataset_name=dataset.description.name,
        dataset_identity=run_folder.dataset_identity(dataset, settings.split),
        n_train=len(samples.training),
        n_val=len(samples.validation),
        training_pixels=samples.class_pixels,
        compute_reason=draft.compute.reason,
        initialised_from=draft.initialised_from,
        time_budget=draft.budget,
        versions=run_folder.collect_versions(),
        command_line=draft.request.command,
    )


def _report_changed_images(dataset: Dataset, used: Sequence[UsedSample]) -> None:
    changed = [each.id for each in used if each.image_sha256 != dataset.row(each.id).sha256]
    if changed:
        logger.warning(
            "%s: has other images than %s says, they changed after the dataset was prepared: %s",
            dataset.root,
            SAMPLES_FILE,
            name_some(sorted(changed)),
        )


def _record_of_resumed(draft: RunDraft, former: FormerRun, samples: RunSamples) -> RunRecord:
    """Return the record of a run that goes on; limits of pixels stay those it began with."""
    record, dataset, split = former.record, draft.dataset, draft.settings.split
    new: dict[str, object] = {"dataset": str(dataset.root.resolve())}
    changes = "; ".join(data_changes(former, dataset, split, samples.used))
    if changes and not draft.request.accept_changed_data:
        raise CheckpointError(
            f"{former.folder.root}: the dataset or its split has changed since the run began "
            f"({changes}); bring the data back, begin another run with another -o, or go on all "
            "the same with --accept-changed-data"
        )
    if changes:
        logger.warning("going on with data that have changed since the run began: %s", changes)
        new |= {
            "classes": dataset.description.classes,
            "dataset_identity": run_folder.dataset_identity(dataset, split),
            "n_train": len(samples.training),
            "n_val": len(samples.validation),
            "training_pixels": samples.class_pixels,
            "accepted_changes": (*record.accepted_changes, f"{former.place}: {changes}"),
        }
    if draft.continued != record.continued:
        new |= {
            "settings": draft.settings.as_recorded(),
            "continued": draft.continued,
            "time_budget": None,
            "command_line": draft.request.command,
        }
    return record.model_copy(update=new)
