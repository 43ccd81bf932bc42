"""A lower-quality copy of a dataset: same masks, groups and splits, images of a worse microscope.

What is drawn for an image depends on the seed and its id alone; `degradation.csv` in the copy holds
every parameter and makes the same copy again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.arrays import ImageArray
from cellenhance.data.build import DatasetBuilder, check_output_folder
from cellenhance.data.degradation_table import DEGRADATION_FILE, DegradedImage, save_degradations
from cellenhance.data.degrade import degrade_image
from cellenhance.data.manifest import Dataset, load_dataset
from cellenhance.data.samples import load_sample
from cellenhance.data.splits import load_split, split_names, split_path
from cellenhance.data.writers import replacing_folder, write_text
from cellenhance.errors import SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.degrade_plans import DTYPES, DegradeRequest, Draws, Replay

__all__ = ["DegradeRequest", "DegradeResult", "degrade_dataset"]


@dataclass(frozen=True, slots=True)
class DegradeResult:
    """The copy, and the share of its pixels that the type of the files cut off."""

    dataset: Dataset
    n_unchanged: int
    clipped_share: float


def degrade_dataset(request: DegradeRequest, progress: ProgressCallback = silent) -> DegradeResult:
    """Write the copy: images, masks, groups, all splits, `degradation.csv`.

    Raises
    ------
    DatasetError
        The dataset is damaged, or the table to replay is not one of these images.
    SettingsError, OutputExistsError
        The settings do not fit the images, or the output exists.
    """
    if request.dtype not in DTYPES:
        raise SettingsError(f"--dtype {request.dtype}: expected {' or '.join(DTYPES)}")
    check_output_folder(request.output, overwrite=request.overwrite)
    if request.output.resolve() == request.dataset.resolve():
        raise SettingsError(f"{request.output}: is the dataset itself; choose another output")
    dataset = load_dataset(request.dataset)
    plans = Replay(dataset, request) if request.replay else Draws(dataset, request)
    seed = "" if request.replay else f", seed {request.seed}"
    origin = f"cellenhance dataset degrade ({plans.summary}{seed})"
    description = dataset.description.model_copy(
        update={
            "name": f"{dataset.description.name}, degraded ({plans.summary})",
            "source": "; ".join(filter(None, (dataset.description.source, origin))),
            "warnings": tuple(dict.fromkeys((*dataset.description.warnings, *plans.warnings))),
            "fingerprint": None,
        }
    )
    done: list[DegradedImage] = []
    clipped: list[float] = []
    with replacing_folder(request.output) as folder:
        builder = DatasetBuilder(folder, description)
        for row in dataset.samples:
            sample = load_sample(dataset, row)
            plan = plans.plan(sample)
            before = sample.image.astype(plan.dtype)
            after = degrade_image(before, plan.parameters)
            builder.add(row.id, after, sample.mask, row.group)
            done.append(plan)
            clipped.append(_clipped_share(before, after))
            progress(len(done), len(dataset.samples), "degrading")
        built = builder.finish()
        save_degradations(folder / DEGRADATION_FILE, done)
        _copy_splits(dataset, folder)
    copy = Dataset(request.output, built.description, built.samples)
    n_unchanged = sum(each.parameters.is_identity for each in done)
    return DegradeResult(copy, n_unchanged, float(np.mean(clipped)))


def _clipped_share(before: ImageArray, after: ImageArray) -> float:
    """Return the share of pixels that came to lie at a limit of an integer type."""
    if after.dtype.kind not in "iu":
        return 0.0
    limits = np.iinfo(after.dtype.name)
    # At 0 and above an offset of 0 nothing is lost: there are no fewer electrons than none.
    return float(np.mean((after == limits.max) & (before != limits.max)))


def _copy_splits(dataset: Dataset, folder: Path) -> None:
    for name in split_names(dataset.root):
        load_split(dataset, name)  # a damaged split is not handed on
        text = split_path(dataset.root, name).read_text(encoding="utf-8")
        write_text(split_path(folder, name), text)
