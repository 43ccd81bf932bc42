"""A lower-quality copy of a dataset: same masks, groups and splits, images of a worse microscope.

What is drawn for an image depends on the seed and its id alone; `degradation.csv` in the copy holds
every parameter and makes the same copy again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.arrays import ImageArray
from cellenhance.data.dataset.build import DatasetBuilder, check_output_folder
from cellenhance.data.dataset.manifest import Dataset, load_dataset
from cellenhance.data.dataset.samples import load_sample
from cellenhance.data.dataset.splits import load_split, split_names, split_path
from cellenhance.data.degrade.physics import DegradeParameters, degrade_image
from cellenhance.data.degrade.table import DEGRADATION_FILE, DegradedImage, save_degradations
from cellenhance.data.files.storage import replacing_folder
from cellenhance.data.files.writers import write_text
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.datasets.degrade_plans import Draws, Replay
from cellenhance.tasks.datasets.requests import DegradeRequest
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DegradeResult:
    """The copy.

    Attributes
    ----------
    cut_above, cut_below : share of the pixels that came to lie at the largest value of their type
        or camera, and at 0 where read noise would go below it
    """

    dataset: Dataset
    n_unchanged: int
    cut_above: float
    cut_below: float


def degrade_dataset(request: DegradeRequest, progress: ProgressCallback = silent) -> DegradeResult:
    """Write the copy: images, masks, groups, all splits, `degradation.csv`.

    Raises
    ------
    DatasetError
        The dataset is damaged, the table to replay is not one of these images, or a dose is asked
        for and no image has a signal above dark.
    SettingsError, OutputExistsError
        The settings do not fit the images, or the output exists.
    """
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
    cut: list[tuple[float, float]] = []
    with replacing_folder(request.output, overwrite=request.overwrite) as folder:
        builder = DatasetBuilder(folder, description)
        for row in dataset.samples:
            sample = load_sample(dataset, row)
            plan = plans.plan(sample)
            before = sample.image.astype(plan.dtype)
            after = degrade_image(before, plan.parameters)
            builder.add(row.id, after, sample.mask, row.group)
            done.append(plan)
            cut.append(_cut_shares(before, after, plan.parameters))
            progress(len(done), len(dataset.samples), "degrading")
        _say_dark(done)
        built = builder.finish()
        save_degradations(folder / DEGRADATION_FILE, done)
        _copy_splits(dataset, folder)
    copy = Dataset(request.output, built.description, built.samples)
    n_unchanged = sum(each.parameters.is_identity for each in done)
    above, below = np.mean(cut, axis=0).tolist()
    return DegradeResult(copy, n_unchanged, above, below)


def _say_dark(done: Sequence[DegradedImage]) -> None:
    """Warn of images without a signal above dark; DatasetError when all are."""
    dark = [each for each in done if each.parameters.has_no_light]
    if not dark:
        return
    counts = ", ".join(f"{each:g}" for each in dark[0].parameters.dark_adu)
    what = (
        f"{len(dark)} of {counted(len(done), 'image')} without signal above dark ({counts} counts)"
    )
    if len(dark) == len(done):
        raise DatasetError(f"{what}: none can be given a dose; check --offset")
    named = ", ".join(each.id for each in dark[:5])
    logger.warning(
        "%s, so without shot noise in the copy (%s); check --offset and these images",
        what,
        named,
    )


def _cut_shares(
    before: ImageArray, after: ImageArray, parameters: DegradeParameters
) -> tuple[float, float]:
    """Return the shares of pixels that the largest value, and that 0, cut off."""
    if after.dtype.kind not in "iu":
        return 0.0, 0.0
    top = np.iinfo(after.dtype.name).max
    if parameters.bit_depth is not None:
        top = min(top, 2**parameters.bit_depth - 1)
    above = float(np.mean((after == top) & (before < top)))
    # Without read noise 0 cuts nothing off: electrons cannot be fewer than none.
    is_signed = after.dtype.kind == "i"
    below = 0.0 if is_signed or not parameters.read_noise_e else float(np.mean(after == 0))
    return above, below


def _copy_splits(dataset: Dataset, folder: Path) -> None:
    for name in split_names(dataset.root):
        load_split(dataset, name)  # a damaged split is not handed on
        text = split_path(dataset.root, name).read_text(encoding="utf-8")
        write_text(split_path(folder, name), text)
