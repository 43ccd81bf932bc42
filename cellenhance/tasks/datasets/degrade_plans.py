"""What is to be done to each image of a dataset: drawn from settings and seed, or read back."""

from __future__ import annotations

import hashlib
import logging

import numpy as np

from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.dataset.samples import Sample, load_sample, pixel_sha256
from cellenhance.data.degrade.camera import load_camera
from cellenhance.data.degrade.physics import draw_degradation, measure_levels
from cellenhance.data.degrade.settings import DegradeSettings
from cellenhance.data.degrade.table import DegradedImage, load_degradations
from cellenhance.data.intensity import IntensityStatistics
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.options import given_in
from cellenhance.settings import validate_settings
from cellenhance.tasks.datasets.requests import DegradeRequest
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

DARK_PERCENTILE = 0.1
"""Without an offset this percentile of the set stands for no light."""


class Draws:
    """Plans that are drawn from settings and seed.

    Attributes
    ----------
    summary : what is done, in words
    warnings : what the copy has to say of itself
    """

    def __init__(self, dataset: Dataset, request: DegradeRequest) -> None:
        settings = _settings(request)
        if request.force_thinning and settings.fraction is None:
            raise SettingsError("--force-thinning goes with --fraction only; leave it out")
        settings, self.warnings = _check_thinning(dataset, settings, force=request.force_thinning)
        changed = settings.model_dump(mode="json", exclude_defaults=True)
        shown = ", ".join(f"{key} {_show(value)}" for key, value in changed.items())
        self.summary = shown or "nothing"
        self._seed = request.seed
        self._settings = settings.in_pixels(dataset.description.pixel_size_um)
        self._dark = _dark_level(dataset, self._settings)
        self._widen = request.dtype == "auto" and settings.can_exceed
        if self._widen and any(row.dtype == "uint8" for row in dataset.samples):
            logger.info(
                "8-bit images are written as 16-bit on the same scale: values reach beyond 255, "
                "where 8 bit would cut them off (--dtype keep does)"
            )

    def plan(self, sample: Sample) -> DegradedImage:
        """Return what to do to one image; it depends on the seed and the id alone."""
        levels = measure_levels(sample.image, self._dark)
        parameters = draw_degradation(self._settings, levels, _generator(self._seed, sample.id))
        is_widened = self._widen and sample.image.dtype == np.uint8
        dtype = "uint16" if is_widened else str(sample.image.dtype)
        return DegradedImage(
            id=sample.id,
            source_sha256=pixel_sha256(sample.image),
            dtype=dtype,
            parameters=parameters,
            warning="; ".join(self.warnings),
        )


class Replay:
    """Plans that were made before; attributes as of `Draws`."""

    def __init__(self, dataset: Dataset, request: DegradeRequest) -> None:
        assert request.replay is not None
        self._path, self._rows = request.replay, load_degradations(request.replay)
        missing = [row.id for row in dataset.samples if row.id not in self._rows]
        if missing:
            raise DatasetError(
                f"{self._path}: has no row for {missing[0]} ({len(missing)} missing); replay the "
                "table of a copy of this dataset"
            )
        self.summary = f"replay of {self._path.name}"
        rows = [self._rows[row.id] for row in dataset.samples]
        self.warnings = tuple(dict.fromkeys(row.warning for row in rows if row.warning))

    def plan(self, sample: Sample) -> DegradedImage:
        """Return what was done to one image."""
        row = self._rows[sample.id]
        if row.source_sha256 != pixel_sha256(sample.image):
            raise DatasetError(
                f"{self._path}: '{sample.id}' was made from another image (its hash differs); "
                "replay the table of a copy of this dataset"
            )
        known = {str(sample.image.dtype), *(["uint16"] if sample.image.dtype == np.uint8 else [])}
        n_levels = {len(row.parameters.dark_adu), len(row.parameters.bright_adu)}
        if row.dtype not in known or n_levels != {sample.image.shape[2]}:
            raise DatasetError(
                f"{self._path}: '{sample.id}' has dtype {row.dtype} and levels of "
                f"{counted(max(n_levels), 'channel')}, its image {sample.image.dtype} and "
                f"{sample.image.shape[2]}; replay a table as it was written"
            )
        return row


def _settings(request: DegradeRequest) -> DegradeSettings:
    """Return what is lost: what was given, and the camera's numbers where nothing was."""
    camera = {} if request.camera is None else load_camera(request.camera).as_settings()
    where = "the options of degrade"
    return validate_settings(DegradeSettings, {**camera, **given_in(request.loss)}, where=where)


def _check_thinning(
    dataset: Dataset, settings: DegradeSettings, *, force: bool
) -> tuple[DegradeSettings, tuple[str, ...]]:
    """Return the settings with a gain, and the warning that a forced thinning leaves behind."""
    if settings.fraction in (None, (1.0, 1.0)):
        return settings, ()
    doubts = _doubts(dataset, settings)
    if not doubts:
        if settings.read_noise_e[1] == 0:
            logger.info("read noise is taken to be 0, so that of the images is thinned too")
        return settings, ()
    found = "; ".join(doubts)
    if not force:
        raise SettingsError(
            f"--fraction: only raw counts with known gain and offset can be thinned ({found}); "
            "measure them with cellenhance dataset camera and give --camera, take --photons, or "
            "insist with --force-thinning"
        )
    warning = (
        f"these images were thinned by force ({found}): they carry their own noise, which is not "
        "that of less light; do not read a dose from them"
    )
    logger.warning(warning)
    gain = 1.0 if settings.gain_adu is None else settings.gain_adu
    return settings.model_copy(update={"gain_adu": gain}), (warning,)


def _doubts(dataset: Dataset, settings: DegradeSettings) -> list[str]:
    """Return why the images may be no raw counts of a known camera."""
    given = {"gain": settings.gain_adu, "offset": settings.offset_adu}
    unknown = [name for name, value in given.items() if value is None]
    doubts = [f"{' and '.join(unknown)} of the camera unknown"] if unknown else []
    types = {row.dtype for row in dataset.samples}
    if "uint8" in types:
        doubts.append("8-bit images, which were scaled or compressed after the camera")
    if any(each.startswith("float") for each in types):
        doubts.append("float images, which were computed from counts")
    return doubts


def check_training_counts(dataset: Dataset, settings: DegradeSettings | None) -> None:
    """Raise `SettingsError` where a recipe thins images that are no raw counts."""
    doubts = [] if settings is None or settings.fraction is None else _doubts(dataset, settings)
    if doubts:
        raise SettingsError(
            f"recipe.augmentation.degradation.fraction: only raw counts can be thinned "
            f"({'; '.join(doubts)}); take photons"
        )


def _generator(seed: int, sample_id: str) -> np.random.Generator:
    """Return the generator of one image, whatever other images there are."""
    digest = hashlib.blake2b(sample_id.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])


def _dark_level(dataset: Dataset, settings: DegradeSettings) -> tuple[float, ...]:
    """Return the counts of each channel without light: the offset, or the darkest of the set."""
    if settings.offset_adu is not None:
        return (settings.offset_adu,) * dataset.description.channels
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
            "counts without light are taken to be %s, the %g percentile of the set; --offset "
            "sets another value",
            ", ".join(f"{each:g}" for each in dark),
            DARK_PERCENTILE,
        )
    return dark


def _show(value: object) -> str:
    if isinstance(value, list):
        return "..".join(f"{each:g}" for each in dict.fromkeys(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
