"""What a run's filters were measured to do on its validation part; kept in the run folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split
from cellenhance.data.files.writers import write_json
from cellenhance.engine.checkpoints import LoadedModel, checkpoint_sha256
from cellenhance.engine.device import Compute
from cellenhance.engine.probing import FilterFacts, measure_filters
from cellenhance.errors import DatasetError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs.folder import RunFolder, RunRecord, dataset_identity, read_record

logger = logging.getLogger(__name__)


def filters_of_run(
    folder: RunFolder | None,
    model: LoadedModel,
    compute: Compute,
    progress: ProgressCallback = silent,
) -> Sequence[FilterFacts]:
    """Return the facts of every filter, measured once for a checkpoint and then read back.

    Empty, with a warning, where there is nothing to measure on: a checkpoint file without its run,
    a run without validation part, a dataset that is gone or has changed. Filters that do nothing or
    destroy their input are warned of.
    """
    found = _find_or_measure(folder, model, compute, progress)
    for facts in found:
        if facts.flag:
            logger.warning("%s", facts.flag)
    return found


def _find_or_measure(
    folder: RunFolder | None, model: LoadedModel, compute: Compute, progress: ProgressCallback
) -> Sequence[FilterFacts]:
    if folder is None:
        logger.warning(
            "%s: is not in a run folder, so what filters do was not measured", model.path
        )
        return ()
    path = folder.root / "evaluation" / "val" / "filters.json"
    identity = checkpoint_sha256(model.path)
    known = _read(path, identity)
    if known is not None:
        return known
    record = read_record(folder)
    ids = _validation_ids(record)
    if not ids:
        return ()
    dataset = load_dataset(Path(record.dataset))
    samples = [load_sample(dataset, dataset.row(each)) for each in ids]
    facts = measure_filters(model, compute, samples, progress)
    rows = [asdict(each) for each in facts]
    write_json(path, {"checkpoint_sha256": identity, "n_images": len(ids), "filters": rows})
    return facts


def _validation_ids(record: RunRecord) -> tuple[str, ...]:
    try:
        dataset = load_dataset(Path(record.dataset))
        split = load_split(dataset, record.settings.split)
        same = dataset_identity(dataset, record.settings.split) == record.dataset_identity
    except DatasetError as error:
        logger.warning("what filters do was not measured: %s", error)
        return ()
    ids = split.subset(record.settings.fold, "val") if same else ()
    if not ids:
        reason = "has no validation part" if same else "has changed since training"
        logger.warning("what filters do was not measured: %s %s", record.dataset, reason)
    return ids


def _read(path: Path, identity: str) -> list[FilterFacts] | None:
    """Return the facts kept for this checkpoint, or None."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["checkpoint_sha256"] != identity:
            return None
        return [FilterFacts(**row) for row in values["filters"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
