"""The data of a benchmark's conditions: the dataset as it is, and copies at lower doses.

A copy is made once, always from the same seed, so that more training seeds may be added later. It
is checked by its hashes whenever it is used again.
"""

from __future__ import annotations

import logging
from pathlib import Path

from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import load_sample, pixel_sha256
from cellenhance.data.dataset.splits import split_path
from cellenhance.data.degrade.settings import DegradeOptions
from cellenhance.data.degrade.table import DEGRADATION_FILE, load_degradations
from cellenhance.errors import DatasetError, OutputExistsError
from cellenhance.progress import ProgressCallback
from cellenhance.tasks.benchmark.plan import AS_IS, Condition
from cellenhance.tasks.benchmark.requests import BenchmarkRequest
from cellenhance.tasks.datasets.degrade import degrade_dataset
from cellenhance.tasks.datasets.requests import DegradeRequest

logger = logging.getLogger(__name__)

_SEED = 0


def make_conditions(
    request: BenchmarkRequest, progress: ProgressCallback, *, write: bool = True
) -> tuple[Condition, ...]:
    """Return the conditions: the dataset as it is, then the doses in the order of the request.

    Parameters
    ----------
    write : make the copies that are not there yet

    Raises
    ------
    OutputExistsError
        A folder of a copy holds another one, and `overwrite` was not asked for.
    """
    conditions = [Condition(AS_IS, None, request.dataset)]
    for photons in request.tables.photons:
        name = f"photons-{photons:g}"
        condition = Condition(name, photons, request.output / "data" / name)
        conditions.append(condition)
        if write:
            _make_copy(request, condition, progress)
    return tuple(conditions)


def _make_copy(request: BenchmarkRequest, condition: Condition, progress: ProgressCallback) -> None:
    assert condition.photons is not None  # the dataset as it is needs no copy
    folder = condition.dataset
    if folder.exists():
        difference = _difference(request, condition, progress)
        if difference is None:
            return
        if not request.overwrite:
            raise OutputExistsError(
                f"{folder}: is not a copy of {request.dataset} at {condition.photons:g} photons "
                f"({difference}); choose another -o, or replace it with --overwrite"
            )
    logger.info("making a copy of %s at %g photons", request.dataset, condition.photons)
    copy = DegradeRequest(
        dataset=request.dataset,
        output=folder,
        seed=_SEED,
        overwrite=request.overwrite,
        loss=DegradeOptions(photons=condition.photons),
    )
    degrade_dataset(copy, progress)


def _difference(
    request: BenchmarkRequest, condition: Condition, progress: ProgressCallback
) -> str | None:
    """Return in what the copy is not the one asked for, or None."""
    folder = condition.dataset
    try:
        source, copy = load_dataset(request.dataset), load_dataset(folder)
        done = load_degradations(folder / DEGRADATION_FILE)
        texts = [_read(split_path(root, request.runs.split)) for root in (source.root, folder)]
    except DatasetError as error:
        return str(error)
    if [row.id for row in source.samples] != [row.id for row in copy.samples]:
        return "it has other samples"
    if texts[0] != texts[1]:
        return f"its split '{request.runs.split}' differs"
    for row in source.samples:
        made = done.get(row.id)
        if made is None or made.source_sha256 != row.sha256:
            return f"'{row.id}' was made from another image"
        if made.parameters.photons != condition.photons:
            return f"'{row.id}' was made at {made.parameters.photons} photons"
    return _damaged(copy, progress)


def _damaged(copy: Dataset, progress: ProgressCallback) -> str | None:
    """Return the name of an image whose pixels are not those that were written, or None."""
    for done, row in enumerate(copy.samples, start=1):
        if pixel_sha256(load_sample(copy, row).image) != row.sha256:
            return f"'{row.id}' has changed since"
        progress(done, len(copy.samples), f"checking {copy.root.name}")
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read; split again") from error
