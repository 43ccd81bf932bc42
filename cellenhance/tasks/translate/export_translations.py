"""Filters and enhanced images of files, folders and stacks of any size as float32 OME-TIFF."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.inputs import InputImage, find_inputs
from cellenhance.data.files.ome import OmeFile, write_float_tiles
from cellenhance.data.files.ome_xml import StackLayout
from cellenhance.data.files.readers import ChannelChoice, ImageInfo, ImageSource, open_image
from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor
from cellenhance.engine.planes import FilePlane, match_channels
from cellenhance.engine.tiling import round_up
from cellenhance.engine.whole_translations import (
    load_translator,
    n_filters_of,
    name_channels,
    stack_channels,
    translations_of,
)
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.evaluate.run import warn_of_small_overlap
from cellenhance.tasks.image_work import process_images, refuse_existing

logger = logging.getLogger(__name__)

NOTE = (
    "Normalised input x, additive filters f_k, sums x + f_k and enhanced images sigma(x + f_k) of "
    "an AEP network, made for segmentation, not for intensity measurement. Filters are not classes."
)
_TIFF_TILE_STEP = 16
_LONGEST_NAME = 60
_SEPARATE_NAME = re.compile(r"(input|(filter|sum|enhanced)-\d+)(-.*)?\.ome\.tif")


@dataclass(frozen=True, slots=True)
class ExportTranslationsRequest:
    """What to translate with which run, and where the files go.

    `separate` writes one file a channel into a folder for each image.
    """

    run: Path
    inputs: tuple[str, ...]
    output: Path
    separate: bool = False
    channel: ChannelChoice = None
    axes: str | None = None
    device: str = "auto"
    tile_px: int | None = None
    overlap_px: int | None = None
    overwrite: bool = False


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


@dataclass(frozen=True, slots=True)
class ExportTranslationsResult:
    """Everything that was written, what failed and why, and the files that are no images."""

    written: tuple[ExportedImage, ...]
    failed: tuple[tuple[Path, str], ...]
    skipped: tuple[Path, ...]
    compute_reason: str


def export_translations(
    request: ExportTranslationsRequest, progress: ProgressCallback = silent
) -> ExportTranslationsResult:
    """Write `translations/<stem>.ome.tif`, or `translations/<stem>/<channel>.ome.tif`.

    Networks run in float32. An image that cannot be translated does not stop the others.

    Raises
    ------
    DatasetError, CheckpointError, SettingsError, DeviceError
        Nothing was done: an input or the run is not there, or its model has no translations.
    OutputExistsError
        An output exists and overwrite was not asked for; nothing was done.
    """
    found = find_inputs(request.inputs, request.output)
    outputs = [path for image in found.images for path in _existing(image, request)]
    refuse_existing(outputs, overwrite=request.overwrite)
    compute = choose_compute(request.device, "fp32")
    predictor = load_translator(
        request.run, compute, tile_px=request.tile_px, context_px=request.overlap_px
    )
    warn_of_small_overlap(predictor)
    done = process_images(
        found.images, lambda image: _export_file(predictor, image, request), progress
    )
    _warn_of_zero_filters(done.results)
    return ExportTranslationsResult(done.results, done.failed, found.skipped, compute.reason)


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
    with open_image(image.path, axes=request.axes, channel=request.channel) as source:
        info = source.info
        _, note = match_channels(FilePlane(source), predictor.header.in_channels)
        if note:
            logger.info("%s", note)
        stream = _TranslationStream(predictor, source)
        names = name_channels(n_filters_of(predictor), _image_channels(info, predictor))
        files = _files(request, image.stem, names)
        tile_px = min(predictor.tile_px, round_up(max(info.height, info.width), _TIFF_TILE_STEP))
        layout = StackLayout(
            info.height, info.width, info.plane_axes, info.plane_shape, info.pixel_size_um
        )
        write_float_tiles(files, stream.tiles(), layout, tile_px=tile_px, description=NOTE)
    if warning := stream.watch.verdict():
        logger.warning("%s: %s", image.path, warning)
    written = tuple(file.path for file in files)
    if request.separate:  # channels of an earlier export must not be taken for this one's
        for stale in set(_separate_files(request.output, image.stem)) - set(written):
            stale.unlink()
    return ExportedImage(image.path, written, names, stream.filter_ranges())


def _image_channels(info: ImageInfo, predictor: Predictor) -> list[str]:
    n_channels = predictor.header.in_channels
    for names in (info.channel_names, predictor.header.channel_names):
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


@dataclass
class _TranslationStream:
    """Channels tile by tile, plane after plane; remembers ranges of the filters and warnings."""

    predictor: Predictor
    source: ImageSource
    watch: RangeWatch = field(init=False)
    _minima: NDArray[np.float64] = field(init=False)
    _maxima: NDArray[np.float64] = field(init=False)
    _sums: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.watch = RangeWatch(self.predictor.header.normalization)
        n_filters = n_filters_of(self.predictor)
        self._minima = np.full(n_filters, np.inf)
        self._maxima = np.full(n_filters, -np.inf)
        self._sums = np.zeros(n_filters)

    def tiles(self) -> Iterator[NDArray[np.float32]]:
        """Yield (channels, h, w) float32 in the order of the grid."""
        n_channels = self.predictor.header.in_channels
        for index in range(self.source.info.n_planes):
            plane, _ = match_channels(FilePlane(self.source, index), n_channels)
            for part in self.predictor.predict_tiles(plane, self.watch):
                translations = translations_of(part)
                filters = translations.filters.reshape(len(self._sums), -1)
                self._minima = np.minimum(self._minima, filters.min(axis=1))
                self._maxima = np.maximum(self._maxima, filters.max(axis=1))
                self._sums += filters.sum(axis=1, dtype=np.float64)
                yield stack_channels(translations)

    def filter_ranges(self) -> tuple[FilterRange, ...]:
        """Return minimum, maximum and mean of each filter over all planes."""
        info = self.source.info
        n_pixels = info.n_planes * info.height * info.width
        return tuple(
            FilterRange(number, float(low), float(high), float(total / n_pixels))
            for number, (low, high, total) in enumerate(
                zip(self._minima, self._maxima, self._sums, strict=True), start=1
            )
        )


def _warn_of_zero_filters(written: Sequence[ExportedImage]) -> None:
    numbers = sorted({each.number for image in written for each in image.filters if each.is_zero})
    for number in numbers:
        images = [image for image in written if image.filters[number - 1].is_zero]
        logger.warning(
            "filter %d is zero everywhere in %d of %d images (%s): 'enhanced %d' is sigma(x), the "
            "input alone",
            number,
            len(images),
            len(written),
            ", ".join(image.path.name for image in images[:3]) + ("..." if len(images) > 3 else ""),
            number,
        )


def result_to_json(result: ExportTranslationsResult) -> dict[str, object]:
    """Return what ``export-translations --json`` prints."""
    return {
        "written": [
            {
                "input": str(each.path),
                "files": [str(path) for path in each.files],
                "channels": list(each.channels),
                "filters": [
                    {
                        "name": f"filter {one.number}",
                        "minimum": one.minimum,
                        "maximum": one.maximum,
                        "mean": one.mean,
                        "all_zero": one.is_zero,
                    }
                    for one in each.filters
                ],
            }
            for each in result.written
        ],
        "failed": [{"input": str(path), "reason": reason} for path, reason in result.failed],
        "skipped": [str(path) for path in result.skipped],
        "note": NOTE,
    }
