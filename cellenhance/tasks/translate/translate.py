"""Look at what an AEP run learned to enhance: one figure an image, and contrast with controls."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import MaskArray
from cellenhance.data.dataset.inputs import InputImage, find_inputs
from cellenhance.data.files.readers import ChannelChoice, ImageInfo, open_image
from cellenhance.engine.aep_analysis import FilterFacts, ensemble_weights, require_aep
from cellenhance.engine.checkpoints import load_model
from cellenhance.engine.device import choose_compute
from cellenhance.engine.inference import Predictor, load_predictor
from cellenhance.engine.planes import FilePlane, match_channels
from cellenhance.engine.translation import Translated, translate_plane
from cellenhance.errors import CellEnhanceError, SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.figures import save_all
from cellenhance.render.panels.translation_figure import TranslationView, draw_translation
from cellenhance.render.style import FigureStyle
from cellenhance.runs.folder import RunFolder, checkpoints_of, run_folders
from cellenhance.tasks.evaluate.run import warn_of_small_overlap
from cellenhance.tasks.image_work import process_images, refuse_existing
from cellenhance.tasks.translate.contrast import (
    ContrastTable,
    ImageContrast,
    measure_contrast,
    summarize,
)
from cellenhance.tasks.translate.measure_filters import filters_of_run
from cellenhance.tasks.truth import TruthMasks, find_truth

logger = logging.getLogger(__name__)

MAX_SIDE_PX = 2048
"""Figures show every n-th pixel of larger images; that is said."""


@dataclass(frozen=True, slots=True)
class TranslateRequest:
    """Which images to translate with which run, and how the figures look."""

    run: Path
    inputs: tuple[str, ...]
    output: Path
    truth: Path | None = None
    channel: ChannelChoice = None
    axes: str | None = None
    device: str = "auto"
    tile_px: int | None = None
    overlap_px: int | None = None
    style: FigureStyle = field(default_factory=FigureStyle)
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class TranslatedImage:
    """The figures of one image, each member's share of the logit range, and the contrast."""

    path: Path
    figures: tuple[Path, ...]
    shares: tuple[float, ...]
    contrast: ImageContrast | None


@dataclass(frozen=True, slots=True)
class TranslateResult:
    """Everything that was drawn and measured."""

    model: str
    members: tuple[str, ...]
    weights: tuple[float, ...]
    filters: tuple[FilterFacts, ...]
    images: tuple[TranslatedImage, ...]
    contrast: ContrastTable | None
    failed: tuple[tuple[Path, str], ...]
    skipped: tuple[Path, ...]
    compute_reason: str


def translate(request: TranslateRequest, progress: ProgressCallback = silent) -> TranslateResult:
    """Write one figure an image and format; measure contrast where truth is known.

    Networks run in float32. An image that fails does not stop the others.

    Raises
    ------
    SettingsError
        The run has no filters, or is a folder of several folds.
    DatasetError, CheckpointError, DeviceError, OutputExistsError
        Nothing was done: an input, the run or the device is not there, or outputs exist.
    """
    found = find_inputs(request.inputs, request.output)
    stems = [request.output / image.stem for image in found.images]
    files = [figure_path(stem, each) for stem in stems for each in request.style.formats]
    refuse_existing(files, overwrite=request.overwrite)
    checkpoint, folder = _single_run(request.run)
    model = load_model(checkpoint)
    network = require_aep(model)
    compute = choose_compute(request.device, "fp32")
    filters = filters_of_run(folder, model, compute, progress)
    for facts in filters:
        if facts.flag:
            logger.warning("%s", facts.flag)
    predictor = load_predictor(
        [checkpoint], compute, tile_px=request.tile_px, context_px=request.overlap_px
    )
    warn_of_small_overlap(predictor)
    truth = find_truth(found.images, request.truth, model.header.class_names)
    work = _Translator(request, predictor, ensemble_weights(network), filters, truth)
    work.begin(found.images)
    done = process_images(found.images, work.translate_file, progress)
    contrasts = [each.contrast for each in done.results if each.contrast is not None]
    return TranslateResult(
        model=model.header.entry.name,
        members=network.branch_names,
        weights=tuple(work.weights),
        filters=tuple(filters),
        images=done.results,
        contrast=summarize(contrasts),
        failed=done.failed,
        skipped=found.skipped,
        compute_reason=compute.reason,
    )


def figure_path(stem: Path, suffix: str) -> Path:
    """Return the file of a figure; dots in the stem stay."""
    return stem.with_name(f"{stem.name}.{suffix}")


def _single_run(run: Path) -> tuple[Path, RunFolder | None]:
    checkpoints = checkpoints_of(run)
    if len(checkpoints) > 1:
        raise SettingsError(
            f"{run}: holds {len(checkpoints)} folds; give one, such as {run}/fold-1"
        )
    folder = None if run.suffix == ".safetensors" else run_folders(run)[0]
    return checkpoints[0], folder


@dataclass
class _Translator:
    """What the images of one call share, and the filters of the image before."""

    request: TranslateRequest
    predictor: Predictor
    weights: list[float]
    filters: Sequence[FilterFacts]
    truth: TruthMasks
    other_filters: NDArray[np.float32] | None = None

    def begin(self, images: Sequence[InputImage]) -> None:
        """Make the filters of the last image, the control of the first one."""
        if len(images) > 1 and self.truth.paths:
            try:
                self.other_filters = self._translate(images[-1])[0].filters
            except CellEnhanceError as error:
                logger.debug("no control for the first image: %s", error)

    def translate_file(self, image: InputImage) -> TranslatedImage:
        """Draw one image and measure its contrast where the truth is known."""
        translated, info = self._translate(image)
        if translated.range_warning:
            logger.warning("%s: %s", image.path, translated.range_warning)
        step = translated.step
        mask = self.truth.load(image.path, (info.height, info.width))
        truth = None if mask is None else mask[::step, ::step]
        contrast = None
        classes = self.predictor.header.class_names
        if truth is not None:
            contrast = measure_contrast(translated, truth, self.other_filters, classes)
        self.other_filters = translated.filters
        shares = translated.member_shares(self.weights)
        view = self._view(image, translated, truth, shares, info)
        figure = draw_translation(view, self.request.style)
        paths = save_all(figure, self.request.output / image.stem, self.request.style)
        return TranslatedImage(image.path, paths, tuple(shares), contrast)

    def _translate(self, image: InputImage) -> tuple[Translated, ImageInfo]:
        request = self.request
        with open_image(image.path, axes=request.axes, channel=request.channel) as source:
            middle = source.info.n_planes // 2
            if source.info.n_planes > 1:
                logger.info("%s: a stack; plane %d (from 0) is shown", image.path, middle)
            channels = self.predictor.header.in_channels
            plane, _ = match_channels(FilePlane(source, middle), channels)
            return translate_plane(self.predictor, plane, MAX_SIDE_PX), source.info

    def _view(
        self,
        image: InputImage,
        translated: Translated,
        truth: MaskArray | None,
        shares: Sequence[float],
        info: ImageInfo,
    ) -> TranslationView:
        header, step = self.predictor.header, translated.step
        notes = [_describe(each) for each in self.filters]
        if step > 1:
            notes.append(f"every {step}. pixel of {info.width} x {info.height} is shown")
        return TranslationView(
            title=f"{image.path.name}: what {header.entry.name} made of it",
            image=translated.image,
            filters=translated.filters,
            enhanced=translated.enhanced,
            branch_masks=translated.branch_masks,
            mask=translated.mask,
            truth=truth,
            weights=self.weights,
            shares=shares,
            class_names=header.class_names,
            class_colors=[each.color for each in header.classes],
            pixel_size_um=None if info.pixel_size_um is None else info.pixel_size_um * step,
            notes=notes,
        )


def _describe(facts: FilterFacts) -> str:
    """Return one line: what a filter was measured to do on the validation part."""
    weights = ", ".join(f"{name} {value:+.2f}" for name, value in facts.head_weights.items())
    losses = ", ".join(f"{name} {100 * value:+.1f}" for name, value in facts.iou_loss.items())
    head = f"weights in network 1's classifier {weights}; " if weights else ""
    flag = f"; {facts.flag}" if facts.flag else ""
    return (
        f"filter {facts.number}: {head}validation IoU lost when muted, percentage points: "
        f"{losses}{flag}"
    )


def result_to_json(result: TranslateResult) -> dict[str, Any]:
    """Return what ``translate --json`` prints; None for what is undefined."""
    return {
        "model": result.model,
        "members": list(result.members),
        "weights": list(result.weights),
        "filters": [asdict(each) | {"flag": each.flag} for each in result.filters],
        "images": [
            {
                "input": str(each.path),
                "figures": [str(path) for path in each.figures],
                "shares": list(each.shares),
                "contrast": _defined(each.contrast),
            }
            for each in result.images
        ],
        "contrast": _defined(
            None
            if result.contrast is None
            else {
                name: {picture: asdict(value) for picture, value in row.items()}
                for name, row in result.contrast.items()
            }
        ),
        "failed": [{"input": str(path), "reason": reason} for path, reason in result.failed],
        "skipped": [str(path) for path in result.skipped],
    }


def _defined(value: Any) -> Any:
    """Return nested mappings with undefined and infinite numbers as None."""
    if isinstance(value, Mapping):
        return {key: _defined(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
