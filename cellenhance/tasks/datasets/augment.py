"""An offline augmented dataset: changed copies of the samples, ready to split and train.

The changes are those of training, drawn from the seed and the number of the copy, so that the same
request makes the same set again. Copies keep the group of their source: no split parts them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cellenhance.arrays import FloatImage, ImageArray, MaskArray
from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.build import DatasetBuilder, check_output_folder
from cellenhance.data.dataset.manifest import Dataset, SampleRow, load_dataset
from cellenhance.data.dataset.samples import Sample, SampleStore, load_sample
from cellenhance.data.dataset.splits import rows_of_subset
from cellenhance.data.files.storage import replacing_folder
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.data.normalize import Normalization
from cellenhance.engine import seeding
from cellenhance.engine.training.augmentation import (
    AugmentationSettings,
    apply_augmentation,
    draw_augmentation,
)
from cellenhance.engine.training.batches import (
    N_ORIENTATIONS,
    TrainingImages,
    cut_batch,
    whole_images,
)
from cellenhance.engine.training.options import DEFAULT_RECIPE
from cellenhance.engine.training.settings import resolve_recipe, split_overrides
from cellenhance.errors import SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import parse_assignments
from cellenhance.tasks.datasets.inspect import inspect_dataset
from cellenhance.tasks.datasets.requests import AugmentRequest, InspectRequest

SHEET = "contact-sheet.png"
_CPU = torch.device("cpu")


def augment_dataset(request: AugmentRequest, progress: ProgressCallback = silent) -> Dataset:
    """Write `n` changed copies, the sources in turn, and a contact sheet of the first.

    Raises
    ------
    DatasetError, SettingsError, OutputExistsError
        The dataset, its split or the recipe do not fit, or the output exists.
    """
    check_output_folder(request.output, overwrite=request.overwrite)
    settings = _resolve(request)
    dataset = load_dataset(request.dataset)
    rows = _sources(dataset, request)
    limits = _limits(dataset, rows)
    source = (
        f"cellenhance dataset augment of {dataset.description.name}, seed {request.seed}, "
        f"{settings.model_dump_json()}"
    )
    description = dataset.description.model_copy(
        update={
            "name": f"{dataset.description.name}, augmented",
            "source": "; ".join(filter(None, (dataset.description.source, source))),
            "fingerprint": None,
        }
    )
    with replacing_folder(request.output, overwrite=request.overwrite) as folder:
        builder = DatasetBuilder(folder, description)
        done = 0
        for index, row in enumerate(rows):
            sample = load_sample(dataset, row)
            for number in range(index, request.n, len(rows)):
                copy = number // len(rows)
                image, mask = _change(sample, settings, limits, (request.seed, number, copy))
                builder.add(f"{row.id}__{copy + 1:04d}", image, mask, row.group)
                done += 1
                progress(done, request.n, "augmenting")
        built = builder.finish()
        inspect_dataset(InspectRequest(dataset=folder, output=folder / SHEET))
    return Dataset(request.output, built.description, built.samples)


def _resolve(request: AugmentRequest) -> AugmentationSettings:
    """Return the augmentation of the recipe; only its own keys may be set."""
    model, recipe = split_overrides(parse_assignments(request.recipe.set))
    strange = [*model, *(f"recipe.{key}" for key in recipe if key != "augmentation")]
    if strange:
        raise SettingsError(
            f"--set {strange[0]}: has no effect here; expected recipe.augmentation.NAME=VALUE"
        )
    # Copies are whole images whatever the recipe trains on.
    name = request.recipe.recipe or DEFAULT_RECIPE
    catalog = load_catalog(request.recipe.models)
    settings = resolve_recipe(catalog, name, {**recipe, "crop_px": None}).augmentation
    if settings.degradation is not None:
        raise SettingsError(
            f"recipe '{name}': augmentation.degradation is not for copies; leave it out "
            "(--set recipe.augmentation.degradation=null) and give the copies to cellenhance "
            "dataset degrade"
        )
    return settings


def _sources(dataset: Dataset, request: AugmentRequest) -> Sequence[SampleRow]:
    if request.subset is None:
        return dataset.samples
    return rows_of_subset(dataset, request.split, request.subset)


def _limits(dataset: Dataset, rows: Sequence[SampleRow]) -> Normalization:
    """Return the smallest and largest values of the set as 0 and 1: nothing is clipped."""
    statistics = IntensityStatistics()
    for row in rows:
        statistics.add(load_sample(dataset, row).image)
    return Normalization(
        method="dataset", low=tuple(statistics.minimum), high=tuple(statistics.maximum)
    )


def _change(
    sample: Sample,
    settings: AugmentationSettings,
    limits: Normalization,
    key: tuple[int, int, int],
) -> tuple[ImageArray, MaskArray]:
    """Return one copy; `key` is the seed, the number of the copy and its number of this source."""
    seed, number, copy = key
    orientation = copy % N_ORIENTATIONS if settings.eight_fold else 0
    images = TrainingImages([sample], limits, SampleStore(0))  # it is in memory, and stays
    batch = cut_batch(images, whole_images(images, [(0, orientation)], 1), _CPU)
    draw = draw_augmentation(
        settings,
        1,
        seeding.numpy_generator(seed, number, "dataset augment"),
        square=batch.image.shape[2] == batch.image.shape[3],
    )
    image, mask = apply_augmentation(draw, batch.image, batch.mask)
    pixels = image[0].permute(1, 2, 0).numpy()
    return _as_before(pixels, limits, sample.image.dtype), mask[0].numpy().astype(np.uint8)


def _as_before(
    pixels: FloatImage, limits: Normalization, dtype: np.dtype[np.generic]
) -> ImageArray:
    """Return pixels in [0, 1] in the units and the dtype of the files."""
    low, high = (np.asarray(each, np.float64) for each in (limits.low, limits.high))
    values = pixels * (high - low) + low
    if dtype.kind in "iu":
        information = np.iinfo(dtype.name)
        values = np.clip(np.rint(values), information.min, information.max)
    return values.astype(dtype)
