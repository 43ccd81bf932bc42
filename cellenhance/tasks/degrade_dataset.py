"""A lower-quality copy of a dataset: same masks, groups and splits, images of a worse microscope.

What is drawn for an image depends on the seed and its id alone; `degradation.csv` in the copy holds
every parameter and makes the same copy again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cellenhance.arrays import ImageArray
from cellenhance.data.build import DatasetBuilder, check_output_folder
from cellenhance.data.degradation_table import (
    DEGRADATION_FILE,
    DegradedImage,
    load_degradations,
    save_degradations,
)
from cellenhance.data.degrade import (
    DegradeSettings,
    degrade_image,
    draw_degradation,
    measure_levels,
)
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.data.manifest import Dataset, load_dataset
from cellenhance.data.samples import Sample, load_sample, pixel_sha256
from cellenhance.data.splits import load_split, split_names, split_path
from cellenhance.data.writers import replacing_folder, write_text
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.progress import ProgressCallback, silent

logger = logging.getLogger(__name__)

DTYPES = ("auto", "keep")
DARK_PERCENTILE = 0.1
"""Without an offset this percentile of the set stands for no light."""


@dataclass(frozen=True, slots=True)
class DegradeRequest:
    """What to copy and how.

    Attributes
    ----------
    replay : a `degradation.csv`; its parameters replace settings and seed
    dtype : "auto" widens 8-bit images to 16 bit where noise would be clipped; "keep" never does
    """

    dataset: Path
    output: Path
    settings: DegradeSettings = field(default_factory=DegradeSettings)
    replay: Path | None = None
    dtype: str = "auto"
    seed: int = 0
    overwrite: bool = False


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
    plans = _Replay(dataset, request.replay) if request.replay else _Draws(dataset, request)
    description = dataset.description.model_copy(
        update={
            "name": f"{dataset.description.name}, {plans.name}",
            "source": "; ".join(filter(None, (dataset.description.source, plans.origin))),
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


class _Draws:
    """Plans that are drawn from settings and seed."""

    def __init__(self, dataset: Dataset, request: DegradeRequest) -> None:
        self._settings, self._seed = request.settings, request.seed
        changed = request.settings.model_dump(mode="json", exclude_defaults=True)
        shown = ", ".join(f"{key} {_show(value)}" for key, value in changed.items())
        self.name = f"degraded ({shown or 'nothing'})"
        self.origin = f"cellenhance dataset degrade, seed {request.seed}, {shown or 'nothing'}"
        self._dark = _dark_level(dataset, request.settings)
        self._widen = request.dtype == "auto" and request.settings.adds_noise
        if self._widen and any(row.dtype == "uint8" for row in dataset.samples):
            logger.info(
                "8-bit images are written as 16-bit on the same scale: noise reaches beyond 255, "
                "where 8 bit would cut it off (--dtype keep does)"
            )

    def plan(self, sample: Sample) -> DegradedImage:
        levels = measure_levels(sample.image, self._dark)
        parameters = draw_degradation(self._settings, levels, _generator(self._seed, sample.id))
        is_widened = self._widen and sample.image.dtype == np.uint8
        dtype = "uint16" if is_widened else str(sample.image.dtype)
        return DegradedImage(sample.id, pixel_sha256(sample.image), dtype, parameters)


class _Replay:
    """Plans that were made before."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self._path, self._rows = path, load_degradations(path)
        self.name, self.origin = "degraded (replay)", f"cellenhance dataset degrade, {path.name}"
        missing = [row.id for row in dataset.samples if row.id not in self._rows]
        if missing:
            raise DatasetError(
                f"{path}: has no row for {missing[0]} ({len(missing)} missing); replay the table "
                "of a copy of this dataset"
            )

    def plan(self, sample: Sample) -> DegradedImage:
        row = self._rows[sample.id]
        if row.source_sha256 != pixel_sha256(sample.image):
            raise DatasetError(
                f"{self._path}: '{sample.id}' was another image (its hash differs); replay the "
                "table of a copy of this dataset"
            )
        return row


def _generator(seed: int, sample_id: str) -> np.random.Generator:
    """Return the generator of one image, whatever other images there are."""
    digest = hashlib.blake2b(sample_id.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


def _dark_level(dataset: Dataset, settings: DegradeSettings) -> tuple[float, ...]:
    """Return the counts of each channel without light: the offset, or the darkest of the set."""
    n_channels = dataset.description.channels
    if settings.offset_adu is not None:
        return (settings.offset_adu,) * n_channels
    fingerprint = dataset.description.fingerprint
    if fingerprint is not None:
        dark = tuple(each.p0_1 for each in fingerprint.intensity)
    else:
        statistics = IntensityStatistics()
        for row in dataset.samples:
            statistics.add(load_sample(dataset, row).image)
        dark = statistics.percentile(DARK_PERCENTILE)
    if settings.adds_noise:
        logger.info(
            "counts without light are taken to be %s, the %g percentile of the set; --offset says "
            "otherwise",
            _show(dark),
            DARK_PERCENTILE,
        )
    return dark


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


def _show(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "..".join(f"{each:g}" for each in dict.fromkeys(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
