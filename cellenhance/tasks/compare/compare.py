"""Set runs and masks of other programs side by side on the same images: figures and scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.arrays import MaskArray
from cellenhance.data.classes.mask_classes import MaskClasses
from cellenhance.data.dataset.inputs import InputImage, find_inputs
from cellenhance.data.files.readers import open_image
from cellenhance.data.files.writers import write_csv
from cellenhance.engine.image_pass import apply_to_images
from cellenhance.errors import CellEnhanceError, ImageReadError, SettingsError
from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.disagreement import find_disagreements
from cellenhance.metrics.overlap import mean_defined
from cellenhance.metrics.scores import PER_CLASS, OverlapScores
from cellenhance.pixel_size import PixelSize, pixel_sides
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.display import DisplayRange, asked_display, choose_display
from cellenhance.render.figures import save_all
from cellenhance.render.panels.comparison import Classes, ComparedView, draw_comparison
from cellenhance.render.panels.panels import check_columns
from cellenhance.tasks.compare.models import (
    ComparedModel,
    FolderModel,
    RunModel,
    check_size,
    choose_classes,
    list_mask_folders,
    load_each_run,
    names_beside,
)
from cellenhance.tasks.compare.records import ComparedImage, CompareResult
from cellenhance.tasks.compare.requests import CompareRequest
from cellenhance.tasks.image_work import refuse_existing
from cellenhance.tasks.truth import find_truth
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

SCORES_FILE = "scores.csv"
_SMALLEST_WINDOW_PX = 16
_WINDOWS_ACROSS = 5


@dataclass(frozen=True, slots=True)
class _Work:
    """All that stays the same from image to image."""

    request: CompareRequest
    models: Mapping[str, ComparedModel]
    classes: MaskClasses
    truths: Mapping[Path, Path]

    @property
    def looks(self) -> Classes:
        return Classes(self.classes.names, self.classes.colors, self.classes.background)


def compare(request: CompareRequest, progress: ProgressCallback = silent) -> CompareResult:
    """Write `comparisons/<stem>.png` for every image, or `grid.png`; and `scores.csv` with truth.

    Raises
    ------
    DatasetError, CheckpointError, SettingsError, DeviceError
        Nothing was done: an input, run or mask is not there, or they do not fit together.
    OutputExistsError
        An output exists and overwrite was not asked for; nothing was done.
    """
    _check_request(request)
    found = find_inputs(request.inputs, request.output)
    _refuse_existing(request, found.images)
    work, reason = _prepare(request, found.images)
    check_columns(1 + bool(work.truths) + len(work.models), request.style)
    if request.grid and len(work.truths) < len(found.images):
        raise SettingsError(
            f"--grid ranks images by their IoU, but {len(found.images) - len(work.truths)} of "
            f"{len(found.images)} have no true mask; give --truth DIR"
        )
    draw = _score if request.grid else _draw
    done = apply_to_images(found, lambda image: draw(work, image), progress, reason)
    grid = _draw_grid(work, found.images, done.written) if request.grid and done.written else ()
    scores = _write_scores(request.output / SCORES_FILE, work.classes.names, done.written)
    return CompareResult(tuple(work.models), work.classes.names, done, grid, scores)


def _check_request(request: CompareRequest) -> None:
    names = [name for name, _ in request.masks]
    if not request.runs and not names:
        raise SettingsError("nothing to compare: give runs, or masks with --masks NAME=DIR")
    for name in names:
        if names.count(name) > 1 or name == "truth":
            raise SettingsError(f"--masks {name}: the name is taken; choose another")


def _refuse_existing(request: CompareRequest, images: Sequence[InputImage]) -> None:
    stems = [request.output / "comparisons" / image.stem for image in images]
    if request.grid:
        stems = [request.output / "grid"]
    planned = [path for stem in stems for path in request.style.paths(stem)]
    refuse_existing([request.output / SCORES_FILE, *planned], overwrite=request.overwrite)


def _prepare(request: CompareRequest, images: Sequence[InputImage]) -> tuple[_Work, str]:
    """Return the models, classes and true masks, and why the device was chosen."""
    predictors = load_each_run(request.runs, request.compute, request.tiling)
    reason = next((each.compute.reason for each in predictors.values()), "")
    folders = list_mask_folders(dict(request.masks), images)
    header = next(iter(predictors.values())).header if predictors else None
    names = header.class_names if header else names_beside(images)
    truths = dict(find_truth(images, request.truth, names).paths)
    if truths and request.truth is None:
        logger.info("truth: the masks of the dataset that the images lie in")
    if missing := len(images) - len(truths):
        message = "%d of %s without a true mask, so without scores; --truth DIR gives masks"
        logger.info(message, missing, counted(len(images), "image"))
    homes = [path.parent for path in truths.values()] + [each.root for each in folders.values()]
    files = [*truths.values(), *(path for each in folders.values() for path in each.by_id.values())]
    classes = choose_classes(
        header,
        list(dict.fromkeys(homes)),
        files,
        classes=request.classes,
        ignore=request.ignore,
    )
    classes = replace(classes, orientation=request.reading.orientation)
    models: dict[str, ComparedModel] = {name: RunModel(each) for name, each in predictors.items()}
    for name, files_of in folders.items():
        if name in models:
            raise SettingsError(f"--masks {name}: a run has this name too; choose another")
        models[name] = FolderModel(files_of, classes)
    return _Work(request, models, classes, truths), reason


def _view(work: _Work, image: InputImage) -> tuple[ComparedView, PixelSize | None]:
    """Return an image with all its masks and scores, and its pixel size."""
    request = work.request
    with open_image(image.path, **request.reading.arguments) as source:
        info = source.info
        if info.n_planes != 1:
            raise ImageReadError(
                f"{image.path}: holds {info.n_planes} planes ({info.plane_axes}); expected a "
                "single image, save the planes as files of their own"
            )
        pixels = source.read_plane()
        masks = {name: model.mask(image, source) for name, model in work.models.items()}
        truth = None
        if image.path in work.truths:
            truth = work.classes.read(work.truths[image.path])
            check_size(truth, work.truths[image.path], source)
    scores = {} if truth is None else _score_masks(work.classes.names, truth, masks)
    size = request.display.pixel_size or info.pixel_size_um or work.classes.pixel_size_um
    return ComparedView(image.stem, pixels, truth, masks, scores), size


def _score_masks(
    names: Sequence[str], truth: MaskArray, masks: Mapping[str, MaskArray]
) -> dict[str, OverlapScores]:
    return {
        name: OverlapScores.from_matrix(names, confusion_matrix(truth, mask, len(names)))
        for name, mask in masks.items()
    }


def _score(work: _Work, image: InputImage) -> ComparedImage:
    view, _ = _view(work, image)
    return ComparedImage(image.stem, (), "", view.scores)


def _draw(work: _Work, image: InputImage) -> ComparedImage:
    """Write the figure of one image."""
    request = work.request
    view, pixel_size_um = _view(work, image)
    display = _display(request, [view])
    view, notes = _with_windows(view, request.insets, pixel_size_um)
    figure = draw_comparison(
        [view],
        request.style,
        caption=image.stem,
        classes=work.looks,
        display=display,
        pixel_size_um=pixel_size_um,
        notes=[*_score_note([view]), *notes],
    )
    figures = save_all(figure, request.output / "comparisons" / image.stem, request.style)
    return ComparedImage(image.stem, figures, display.text, view.scores)


def _display(request: CompareRequest, views: Sequence[ComparedView]) -> DisplayRange:
    """Return the range that was asked for, else one for all images shown."""
    if request.display.display_range is not None:
        return asked_display(request.display.display_range)
    return choose_display([view.image for view in views])


def _with_windows(
    view: ComparedView, n_windows: int, pixel_size_um: PixelSize | None
) -> tuple[ComparedView, list[str]]:
    """Return the view with its enlarged places, and what the figure says of them."""
    masks = list(view.masks.values())
    if len(masks) == 1 and view.truth is not None:
        masks.append(view.truth)
    if len(masks) < 2 or not n_windows:
        return view, []
    side = min(view.image.shape[:2]) // _WINDOWS_ACROSS
    if side < _SMALLEST_WINDOW_PX:
        return view, ["The image is too small to enlarge places in it."]
    windows = find_disagreements(masks, n_windows=n_windows, side=side)
    if not windows:
        return view, ["The masks are equal in every pixel."]
    counts = ", ".join(f"{index}: {each.n_different}" for index, each in enumerate(windows, 1))
    size = f"{side} x {side} px{_in_um(side, pixel_size_um)}"
    note = f"Enlarged: where the masks differ most (each {size}; pixels that differ {counts})."
    view = ComparedView(view.name, view.image, view.truth, view.masks, view.scores, windows)
    return view, [note]


def _in_um(side: int, pixel_size_um: PixelSize | None) -> str:
    """Return how large a square of pixels is, both ways where its pixels are not square."""
    if pixel_size_um is None:
        return ""
    lengths = [f"{side * each:.3g}" for each in pixel_sides(pixel_size_um)]
    return f", {' x '.join(lengths if isinstance(pixel_size_um, tuple) else lengths[:1])} µm"


def _score_note(views: Sequence[ComparedView]) -> list[str]:
    if not any(view.scores for view in views):
        return []
    return [
        "IoU of each image in percent; mIoU is the mean over its classes, absent ones left out."
    ]


def _draw_grid(
    work: _Work, images: Sequence[InputImage], scored: Sequence[ComparedImage]
) -> tuple[Path, ...]:
    """Write one figure of the images of the ranks that were asked for."""
    request = work.request
    by_stem = {image.stem: image for image in images}
    views, sizes = [], []
    for stem, words in _pick(scored, request.grid).items():
        view, size = _view(work, by_stem[stem])
        title = f"{', '.join(words)}: {view.name}"
        views.append(ComparedView(title, view.image, view.truth, view.masks, view.scores))
        sizes.append(size)
    which = "the model" if len(work.models) == 1 else f"the {len(work.models)} models"
    figure = draw_comparison(
        views,
        request.style,
        caption=f"{', '.join(request.grid)} of {counted(len(scored), 'image')}",
        classes=work.looks,
        display=_display(request, views),
        pixel_size_um=sizes[0],
        notes=[f"Ranked by the mIoU of each image, mean over {which}.", *_score_note(views)],
    )
    return save_all(figure, request.output / "grid", request.style)


def _pick(scored: Sequence[ComparedImage], ranks: Sequence[str]) -> dict[str, list[str]]:
    """Return the images of the ranks; one that has several ranks stands once with all of them."""
    means = [(mean_defined(s.miou for s in each.scores.values()), each.id) for each in scored]
    order = [name for _, name in sorted(each for each in means if not math.isnan(each[0]))]
    if not order:
        raise CellEnhanceError("--grid: no image has a defined IoU")
    places = {"best": -1, "median": (len(order) - 1) // 2, "worst": 0}
    picked: dict[str, list[str]] = {}
    for rank in ranks:
        picked.setdefault(order[places[rank]], []).append(rank)
    return picked


def _write_scores(
    path: Path, classes: Sequence[str], images: Sequence[ComparedImage]
) -> Path | None:
    """Write one row for each image and model; None where no image has truth."""
    rows = []
    for image in images:
        for name, scores in image.scores.items():
            values = [scores.accuracy]
            for each in PER_CLASS:
                values += [getattr(scores, f"m{each}"), *getattr(scores, each).values()]
            rows.append((image.id, name, *("" if math.isnan(x) else repr(x) for x in values)))
    if not rows:
        return None
    columns = [
        column
        for each in PER_CLASS
        for column in (f"m{each}", *(f"{each}_{name}" for name in classes))
    ]
    write_csv(path, ("image", "model", "accuracy", *columns), rows)
    return path
