"""Filters and enhanced images of files, folders and stacks of any size as float32 OME-TIFF."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.data.dataset.inputs import InputImage
from cellenhance.data.files.ome import OmeFile
from cellenhance.data.files.readers import ImageInfo
from cellenhance.engine.device import choose_compute
from cellenhance.engine.image_pass import (
    AppliedToImages,
    PassingImage,
    Sink,
    apply_to_images,
    open_passing,
    show_image,
)
from cellenhance.engine.inference import Predictor, make_predictor
from cellenhance.engine.predictions import TilePrediction
from cellenhance.engine.sinks import FloatFile
from cellenhance.engine.translation import load_translator, name_channels, stack_channels
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs.header import ModelHeader
from cellenhance.tasks.image_work import find_images
from cellenhance.tasks.translate.requests import ExportTranslationsRequest
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

NOTE = (
    "Normalised input x, additive filters f_k, sums x + f_k and enhanced images sigma(x + f_k) of "
    "an AEP network, made for segmentation, not for intensity measurement. Filters are not classes."
)
_LONGEST_NAME = 60
_SEPARATE_NAME = re.compile(r"(input|(filter|sum|enhanced)-\d+)(-.*)?\.ome\.tif")


@dataclass(frozen=True, slots=True)
class FilterRange:
    """The values of filter `number` (from 1) over all pixels and planes of one image."""

    number: int
    minimum: float
    maximum: float
    mean: float

    @property
    def is_zero(self) -> bool:
        """Tell whether the filter adds nothing anywhere."""
        return self.minimum == self.maximum == 0


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """The files of one input, the channels in their order, and what its filters hold."""

    path: Path
    files: tuple[Path, ...]
    channels: tuple[str, ...]
    filters: tuple[FilterRange, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "input": str(self.path),
            "files": [str(path) for path in self.files],
            "channels": list(self.channels),
            "filters": [
                {
                    "name": f"filter {each.number}",
                    "minimum": each.minimum,
                    "maximum": each.maximum,
                    "mean": each.mean,
                    "all_zero": each.is_zero,
                }
                for each in self.filters
            ],
        }


def export_translations(
    request: ExportTranslationsRequest, progress: ProgressCallback = silent
) -> AppliedToImages[ExportedImage]:
    """Write `translations/<stem>.ome.tif`, or `translations/<stem>/<channel>.ome.tif`.

    Networks run in float32. An image that cannot be translated does not stop the others.

    Raises
    ------
    DatasetError, CheckpointError, SettingsError, DeviceError
        Nothing was done: an input or the run is not there, or its model has no translations.
    OutputExistsError
        An output exists and overwrite was not asked for; nothing was done.
    """
    found = find_images(
        request.inputs,
        request.output,
        lambda image: _existing(image, request),
        overwrite=request.overwrite,
    )
    compute = choose_compute(request.compute.device, "fp32")
    model, _ = load_translator(request.run)
    predictor = make_predictor([model], compute, request.tiling)
    done = apply_to_images(
        found, lambda image: _export_file(predictor, image, request), progress, compute.reason
    )
    _warn_of_zero_filters(done.written)
    return done


def translations_path(output: Path, stem: str) -> Path:
    """Return where all channels of an input go; with `separate`, a folder without the suffix."""
    return output / "translations" / f"{stem}.ome.tif"


def _existing(image: InputImage, request: ExportTranslationsRequest) -> list[Path]:
    """Return the outputs of an image that may be there already."""
    whole = translations_path(request.output, image.stem)
    return _separate_files(request.output, image.stem) if request.separate else [whole]


def _separate_files(output: Path, stem: str) -> list[Path]:
    folder = output / "translations" / stem
    files = sorted(folder.glob("*.ome.tif")) if folder.is_dir() else []
    return [file for file in files if _SEPARATE_NAME.fullmatch(file.name)]


def _export_file(
    predictor: Predictor, image: InputImage, request: ExportTranslationsRequest
) -> ExportedImage:
    n_filters = predictor.members[0].network.n_filters
    with open_passing(image.path, request.reading, predictor.header) as passing:
        names = name_channels(n_filters, _image_channels(passing.info, predictor.header))
        files = _files(request, image.stem, names)
        sinks: list[Sink[tuple[FilterRange, ...]]] = [
            FloatFile(predictor.tile_px, (), files, stack_channels, NOTE),
            _FilterRanges(n_filters),
        ]
        _, ranges = show_image(predictor, passing, sinks)
    written = tuple(file.path for file in files)
    if request.separate:  # channels of an earlier export must not be taken for this one's
        for stale in set(_separate_files(request.output, image.stem)) - set(written):
            stale.unlink()
    return ExportedImage(image.path, written, names, ranges)


def _image_channels(info: ImageInfo, header: ModelHeader) -> list[str]:
    n_channels = header.in_channels
    for names in (info.channel_names, header.channel_names):
        if len(names) >= n_channels:
            return list(names[:n_channels])
    return [f"channel {number}" for number in range(1, n_channels + 1)]


def _files(
    request: ExportTranslationsRequest, stem: str, names: tuple[str, ...]
) -> tuple[OmeFile, ...]:
    if not request.separate:
        path = translations_path(request.output, stem)
        return (OmeFile(path, tuple(range(len(names))), names),)
    folder = request.output / "translations" / stem
    return tuple(
        OmeFile(folder / f"{file_name}.ome.tif", (index,), (name,))
        for index, (file_name, name) in enumerate(zip(_file_names(names), names, strict=True))
    )


def _file_names(names: Sequence[str]) -> list[str]:
    """Return a file name for each channel name: letters, digits, hyphens; different in any case."""
    taken: set[str] = set()
    file_names = []
    for name in names:
        plain = re.sub(r"[^\w]+", "-", name).strip("-")[:_LONGEST_NAME]
        number, unique = 1, plain
        while unique.casefold() in taken:
            number += 1
            unique = f"{plain}-{number}"
        taken.add(unique.casefold())
        file_names.append(unique)
    return file_names


class _FilterRanges(Sink[tuple[FilterRange, ...]]):
    """Minimum, maximum and mean of each filter over all planes."""

    def __init__(self, n_filters: int) -> None:
        self._minima = np.full(n_filters, np.inf)
        self._maxima = np.full(n_filters, -np.inf)
        self._sums = np.zeros(n_filters)

    def begin(self, image: PassingImage) -> None:
        """Count the pixels."""
        self._n_pixels = image.info.n_planes * image.info.height * image.info.width

    def tile(self, part: TilePrediction) -> None:
        """Take in the filters of a tile."""
        output = part.outputs[0].filters
        assert output is not None
        filters = output[0].float().flatten(1).cpu().numpy()  # N,h*w
        self._minima = np.minimum(self._minima, filters.min(axis=1))
        self._maxima = np.maximum(self._maxima, filters.max(axis=1))
        self._sums += filters.sum(axis=1, dtype=np.float64)

    def finish(self) -> tuple[FilterRange, ...]:
        """Return the range of each filter."""
        limits = zip(self._minima, self._maxima, self._sums, strict=True)
        return tuple(
            FilterRange(number, float(low), float(high), float(total / self._n_pixels))
            for number, (low, high, total) in enumerate(limits, start=1)
        )


def _warn_of_zero_filters(written: Sequence[ExportedImage]) -> None:
    numbers = sorted({each.number for image in written for each in image.filters if each.is_zero})
    for number in numbers:
        images = [image for image in written if image.filters[number - 1].is_zero]
        logger.warning(
            "filter %d is zero everywhere in %d of %s (%s): 'enhanced %d' is sigma(x), the "
            "input alone",
            number,
            len(images),
            counted(len(written), "image"),
            ", ".join(image.path.name for image in images[:3]) + ("..." if len(images) > 3 else ""),
            number,
        )
