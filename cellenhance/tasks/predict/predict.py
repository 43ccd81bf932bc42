"""Segment files, folders and stacks of any size with one run or the average of several."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import MaskArray
from cellenhance.data.classes.mask_classes import write_classes
from cellenhance.data.dataset.inputs import InputImage, find_inputs
from cellenhance.data.files.readers import ChannelChoice, ImageSource, open_image
from cellenhance.data.files.writers import write_mask_tiles, write_png
from cellenhance.data.normalize import RangeWatch
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.planes import FilePlane, match_channels
from cellenhance.engine.tiling import round_up
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.preview import MAX_SIDE_PX, render_preview
from cellenhance.runs.folder import checkpoints_of
from cellenhance.tasks.evaluate.run import warn_of_small_overlap
from cellenhance.tasks.image_work import process_images, refuse_existing

logger = logging.getLogger(__name__)

_TIFF_TILE_STEP = 16


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What to segment with which runs, and where the masks go."""

    runs: tuple[Path, ...]
    inputs: tuple[str, ...]
    output: Path
    channel: ChannelChoice = None
    axes: str | None = None
    device: str = "auto"
    precision: str = "auto"
    tile_px: int | None = None
    overlap_px: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class PredictedImage:
    """What was written for one input, and the share of pixels of each class by name."""

    path: Path
    mask: Path
    preview: Path
    class_shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class PredictResult:
    """Everything that was written, what failed and why, and the files that are no images."""

    written: tuple[PredictedImage, ...]
    failed: tuple[tuple[Path, str], ...]
    skipped: tuple[Path, ...]
    compute_reason: str


def predict(request: PredictRequest, progress: ProgressCallback = silent) -> PredictResult:
    """Write `masks/<stem>.tif` and `previews/<stem>.png` for every input, and `classes.yaml`.

    An image that cannot be segmented does not stop the others; it is in `failed`.

    Raises
    ------
    DatasetError, CheckpointError, SettingsError, DeviceError
        Nothing was done: an input or a run is not there, or they do not fit together.
    OutputExistsError
        An output exists and overwrite was not asked for; nothing was done.
    """
    found = find_inputs(request.inputs, request.output)
    outputs = [mask_path(request.output, image.stem) for image in found.images]
    refuse_existing(outputs, overwrite=request.overwrite)
    paths = [path for run in request.runs for path in checkpoints_of(run)]
    compute = choose_compute(request.device, request.precision)
    predictor = load_predictor(
        paths, compute, tile_px=request.tile_px, context_px=request.overlap_px
    )
    warn_of_small_overlap(predictor)
    write_classes(request.output, predictor.header.classes)
    done = process_images(
        found.images, lambda image: _predict_file(predictor, image, request), progress
    )
    return PredictResult(done.results, done.failed, found.skipped, compute.reason)


def mask_path(output: Path, stem: str) -> Path:
    """Return where the mask of an input goes."""
    return output / "masks" / f"{stem}.tif"


def preview_path(output: Path, stem: str) -> Path:
    """Return where the coloured preview of a mask goes."""
    return output / "previews" / f"{stem}.png"


def _predict_file(
    predictor: Predictor, image: InputImage, request: PredictRequest
) -> PredictedImage:
    with open_image(image.path, axes=request.axes, channel=request.channel) as source:
        info = source.info
        _, note = match_channels(FilePlane(source), predictor.header.in_channels)
        strip = _MaskStream(predictor, source)
        path = mask_path(request.output, image.stem)
        write_mask_tiles(
            path,
            strip.tiles(),
            plane_axes=info.plane_axes,
            plane_shape=info.plane_shape,
            height=info.height,
            width=info.width,
            tile_px=min(predictor.tile_px, round_up(max(info.height, info.width), _TIFF_TILE_STEP)),
            pixel_size_um=info.pixel_size_um,
        )
    if note:
        logger.info("%s", note)
    if warning := strip.watch.verdict():
        logger.warning("%s: %s", image.path, warning)
    preview = preview_path(request.output, image.stem)
    colors = [each.color for each in predictor.header.classes]
    write_png(preview, render_preview(strip.preview, colors))
    return PredictedImage(image.path, path, preview, strip.class_shares())


@dataclass
class _MaskStream:
    """Masks tile by tile, plane after plane; remembers counts, a thinned copy and warnings.

    `preview` is every n-th pixel of the middle plane, at most 2048 px a side.
    """

    predictor: Predictor
    source: ImageSource
    watch: RangeWatch = field(init=False)
    preview: MaskArray = field(init=False)
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.watch = RangeWatch(self.predictor.header.normalization)
        info = self.source.info
        self._step = max(1, -(-max(info.height, info.width) // MAX_SIDE_PX))
        thinned = (-(-info.height // self._step), -(-info.width // self._step))
        self.preview = np.zeros(thinned, np.uint8)
        self.counts = np.zeros(len(self.predictor.header.classes), np.int64)

    def tiles(self) -> Iterator[MaskArray]:
        """Yield (h, w) uint8 masks in the order of the grid."""
        n_planes = self.source.info.n_planes
        for index in range(n_planes):
            plane, _ = match_channels(
                FilePlane(self.source, index), self.predictor.header.in_channels
            )
            for part in self.predictor.predict_tiles(plane, self.watch):
                mask = part.mask()
                self.counts += np.bincount(mask.ravel(), minlength=len(self.counts))
                if index == n_planes // 2:
                    self._keep(mask, part.tile.rows.core_start, part.tile.cols.core_start)
                yield mask

    def _keep(self, mask: MaskArray, top: int, left: int) -> None:
        step = self._step
        thinned = mask[-top % step :: step, -left % step :: step]
        row, col = -(-top // step), -(-left // step)
        self.preview[row : row + thinned.shape[0], col : col + thinned.shape[1]] = thinned

    def class_shares(self) -> dict[str, float]:
        """Return the share of pixels of each class over all planes."""
        shares: Sequence[float] = (self.counts / self.counts.sum()).tolist()
        return dict(zip(self.predictor.header.class_names, shares, strict=True))


def result_to_json(result: PredictResult) -> dict[str, object]:
    """Return what ``predict --json`` prints."""
    return {
        "written": [
            {
                "input": str(each.path),
                "mask": str(each.mask),
                "preview": str(each.preview),
                "class_shares": each.class_shares,
            }
            for each in result.written
        ],
        "failed": [{"input": str(path), "reason": reason} for path, reason in result.failed],
        "skipped": [str(path) for path in result.skipped],
    }
