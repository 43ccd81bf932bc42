"""Look at what an AEP run learned to enhance: one figure an image, and contrast with controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cellenhance.arrays import MaskArray
from cellenhance.data.dataset.inputs import InputImage
from cellenhance.engine.device import choose_compute
from cellenhance.engine.image_pass import AppliedToImages, apply_to_images
from cellenhance.engine.inference import make_predictor
from cellenhance.engine.probing import FilterFacts
from cellenhance.engine.translation import Translations, load_translator
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.figures import save_all
from cellenhance.runs.folder import run_folders
from cellenhance.tasks.image_work import find_images
from cellenhance.tasks.translate.contrast import (
    ContrastTable,
    ImageContrast,
    measure_contrast,
    summarize,
)
from cellenhance.tasks.translate.drawing import TranslationDrawing
from cellenhance.tasks.translate.measure_filters import filters_of_run
from cellenhance.tasks.translate.requests import TranslateRequest
from cellenhance.tasks.truth import find_truth


@dataclass(frozen=True, slots=True)
class TranslatedImage:
    """The figures of one image, each member's share of the logit range, and the contrast."""

    path: Path
    figures: tuple[Path, ...]
    shares: tuple[float, ...]
    contrast: ImageContrast | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None for what is undefined."""
        return {
            "input": str(self.path),
            "figures": [str(path) for path in self.figures],
            "shares": list(self.shares),
            "contrast": _defined(self.contrast),
        }


@dataclass(frozen=True, slots=True)
class TranslateResult:
    """Everything that was drawn and measured."""

    model: str
    members: tuple[str, ...]
    weights: tuple[float, ...]
    filters: tuple[FilterFacts, ...]
    applied: AppliedToImages[TranslatedImage]
    contrast: ContrastTable | None

    def to_json(self) -> dict[str, Any]:
        """Return what ``translate --json`` prints; None for what is undefined."""
        contrast = None
        if self.contrast is not None:
            contrast = {
                name: {picture: asdict(value) for picture, value in row.items()}
                for name, row in self.contrast.items()
            }
        return {
            "model": self.model,
            "members": list(self.members),
            "weights": list(self.weights),
            "filters": [asdict(each) | {"flag": each.flag} for each in self.filters],
            "contrast": _defined(contrast),
            **self.applied.to_json(TranslatedImage.to_json, "images"),
        }


def _defined(value: Any) -> Any:
    """Return nested mappings with undefined and infinite numbers as None."""
    if isinstance(value, Mapping):
        return {key: _defined(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def translate(request: TranslateRequest, progress: ProgressCallback = silent) -> TranslateResult:
    """Write one figure for each image and format; measure contrast where truth is known.

    Networks run in float32. An image that fails does not stop the others.

    Raises
    ------
    SettingsError
        The run has no filters, or is a folder of several folds.
    DatasetError, CheckpointError, DeviceError, OutputExistsError
        Nothing was done: an input, the run or the device is not there, or outputs exist.
    """
    found = find_images(
        request.inputs,
        request.output,
        lambda image: request.style.paths(request.output / image.stem),
        overwrite=request.overwrite,
    )
    model, network = load_translator(request.run)
    compute = choose_compute(request.compute.device, "fp32")
    folder = None if request.run.suffix == ".safetensors" else run_folders(request.run)[0]
    filters = filters_of_run(folder, model, compute, progress)
    predictor = make_predictor([model], compute, request.tiling)
    truth = find_truth(
        found.images, request.truth, model.header.class_names, request.reading.orientation
    )
    drawing = TranslationDrawing(predictor, network, filters, request.style, truth)
    work = _Work(request, drawing)
    applied = work.with_contrast(
        apply_to_images(found, work.write_figures, progress, compute.reason)
    )
    contrasts = [each.contrast for each in applied.written if each.contrast is not None]
    return TranslateResult(
        model=model.header.entry.name,
        members=network.branch_names,
        weights=tuple(drawing.weights),
        filters=tuple(filters),
        applied=applied,
        contrast=summarize(contrasts),
    )


@dataclass
class _Work:
    """The images of one call: each is a control of the one after it, the last of the first."""

    request: TranslateRequest
    drawing: TranslationDrawing
    seen: list[tuple[Translations, MaskArray | None]] = field(default_factory=list)
    """Of the first image and of the last one: what was made of it, and its truth."""

    def write_figures(self, image: InputImage) -> TranslatedImage:
        """Draw one image and measure its contrast where the truth is known."""
        drawn = self.drawing.draw(image, self.request.reading)
        paths = save_all(drawn.figure, self.request.output / image.stem, self.request.style)
        before = self.seen[-1][0] if self.seen else None
        contrast = self._contrast(drawn.translations, drawn.truth, before)
        self.seen = [*self.seen[:1], (drawn.translations, drawn.truth)]
        return TranslatedImage(image.path, paths, drawn.shares, contrast)

    def with_contrast(
        self, applied: AppliedToImages[TranslatedImage]
    ) -> AppliedToImages[TranslatedImage]:
        """Return what came of all images, the last of which is the control of the first."""
        if len(self.seen) < 2:
            return applied
        first, last = self.seen
        contrast = self._contrast(*first, last[0])
        written = [replace(applied.written[0], contrast=contrast), *applied.written[1:]]
        return replace(applied, written=tuple(written))

    def _contrast(
        self, translations: Translations, truth: MaskArray | None, other: Translations | None
    ) -> ImageContrast | None:
        if truth is None:
            return None
        classes = self.drawing.predictor.header.class_names
        filters = None if other is None else other.filters
        return measure_contrast(translations, truth, filters, classes)
