"""Look at what an AEP run learned to enhance: a figure for each image, contrast with controls.

How well classes stand out is measured before and after enhancement, with the controls beside each
number. The enhanced image is made by a network that was trained to separate the classes, from the
image itself: that its contrast is higher is not an independent finding. Two controls stand beside
it: the same picture with the filters muted, and with the filters of another image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cellenhance.arrays import FloatImage, MaskArray
from cellenhance.data.dataset.inputs import InputImage
from cellenhance.engine.device import choose_compute
from cellenhance.engine.image_pass import AppliedToImages, apply_to_images
from cellenhance.engine.inference import make_predictor
from cellenhance.engine.probing import FilterFacts
from cellenhance.engine.tiling import reflect_indices
from cellenhance.engine.translation import Translations, load_translator
from cellenhance.metrics.contrast import Interval, bootstrap_mean, contrast_to_noise
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.figures import save_all
from cellenhance.runs.folder import run_folders
from cellenhance.tasks.image_work import find_images, refuse_existing
from cellenhance.tasks.translate.drawing import TranslationDrawing
from cellenhance.tasks.translate.measure_filters import filters_of_run
from cellenhance.tasks.translate.page import PAGE_FILE, PageOfTranslations
from cellenhance.tasks.translate.requests import TranslateRequest
from cellenhance.tasks.truth import find_truth

ImageContrast: TypeAlias = Mapping[str, Mapping[str, float]]
"""Contrast-to-noise ratio by class and picture."""

ContrastTable: TypeAlias = Mapping[str, Mapping[str, Interval]]
"""Mean over images with its interval, by class and picture."""

INPUT, MUTED = "input", "filters muted"


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
    page: Path | None = None

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
            "page": None if self.page is None else str(self.page),
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
    if request.page:
        refuse_existing([request.output / PAGE_FILE], overwrite=request.overwrite)
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
    page = PageOfTranslations(model.header, len(found.images)) if request.page else None
    work = _Work(request, drawing, page)
    applied = work.with_contrast(
        apply_to_images(found, work.write_figures, progress, compute.reason)
    )
    contrasts = [each.contrast for each in applied.written if each.contrast is not None]
    if page is not None and applied.written:
        known = {each.path: each.contrast for each in applied.written if each.contrast is not None}
        page.write(request.output, known)
    return TranslateResult(
        model=model.header.entry.name,
        members=network.branch_names,
        weights=tuple(drawing.weights),
        filters=tuple(filters),
        applied=applied,
        contrast=_summarize(contrasts),
        page=request.output / PAGE_FILE if page is not None and applied.written else None,
    )


@dataclass
class _Work:
    """The images of one call: each is a control of the one after it, the last of the first."""

    request: TranslateRequest
    drawing: TranslationDrawing
    page: PageOfTranslations | None
    seen: list[tuple[Translations, MaskArray | None]] = field(default_factory=list)
    """The translations and the truth of the first image and of the last one."""

    def write_figures(self, image: InputImage) -> TranslatedImage:
        """Draw one image and measure its contrast where the truth is known."""
        drawn = self.drawing.draw(image, self.request.reading)
        paths = save_all(drawn.figure, self.request.output / image.stem, self.request.style)
        if self.page is not None:
            self.page.add(image.path, image.stem, drawn.view, drawn.translations)
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
        return _measure_contrast(translations, truth, filters, classes)


def _measure_contrast(
    translated: Translations,
    truth: MaskArray,
    other_filters: NDArray[np.float32] | None,
    classes: Sequence[str],
) -> ImageContrast:
    """Return the contrast of every class in the input, each enhanced image and the controls.

    Parameters
    ----------
    truth : (h, w) uint8, thinned like `translated`
    other_filters : (N, h', w') of another image; mirrored or cut to the size of this one; None
        where there is only one image
    classes : names in index order; several channels are averaged
    """
    pictures = {INPUT: translated.image, MUTED: expit(translated.image)}
    for k, enhanced in enumerate(translated.enhanced, start=1):
        pictures[f"enhanced {k}"] = enhanced
    if other_filters is not None:
        height, width = truth.shape
        rows = reflect_indices(0, height, other_filters.shape[1])
        cols = reflect_indices(0, width, other_filters.shape[2])
        for k, values in enumerate(other_filters[:, rows][:, :, cols], start=1):
            pictures[_other_name(k)] = expit(translated.image + values[..., None])
    grey = {name: _mean_channel(picture) for name, picture in pictures.items()}
    return {
        each: {name: contrast_to_noise(picture, truth, index) for name, picture in grey.items()}
        for index, each in enumerate(classes)
    }


def _other_name(number: int) -> str:
    """Return the name of the control with the filters of another image."""
    return f"filter {number} of another image"


def _mean_channel(picture: FloatImage) -> FloatImage:
    mean: FloatImage = picture.mean(axis=-1, dtype=np.float32)
    return mean


def _summarize(contrasts: Sequence[ImageContrast]) -> ContrastTable | None:
    """Return the mean over images with 95 % bootstrap intervals; None without any image."""
    if not contrasts:
        return None
    names = list(dict.fromkeys(n for each in contrasts for row in each.values() for n in row))
    return {
        each: {
            name: bootstrap_mean([row[each].get(name, float("nan")) for row in contrasts])
            for name in names
        }
        for each in contrasts[0]
    }
