"""Draw the outlines of masks from any program on their images, and measure the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cellenhance.arrays import ImageArray
from cellenhance.data.classes.mask_classes import MaskClasses, find_classes
from cellenhance.data.classes.mask_files import FileSet, list_files, match_files
from cellenhance.data.dataset.inputs import FoundInputs, InputImage, find_inputs
from cellenhance.data.files.options import ReadingOptions
from cellenhance.data.files.readers import open_image, open_mask
from cellenhance.data.files.writers import write_csv
from cellenhance.engine.image_pass import AppliedToImages, apply_to_images
from cellenhance.errors import DatasetError, ImageReadError, SettingsError
from cellenhance.metrics.objects import ClassRegion, measure_classes
from cellenhance.pixel_size import PixelSize, pixel_area, write_pixel_size
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.display import asked_display, choose_display
from cellenhance.render.figures import save_all
from cellenhance.render.panels.overlay import OverlayView, draw_overlay
from cellenhance.tasks.compare.requests import ContourOverlayRequest, Crop
from cellenhance.tasks.image_work import refuse_existing

AREAS_FILE = "areas.csv"
AREA_COLUMNS = ("image", "class", "area_px", "area_um2", "share", "n_objects")


@dataclass(frozen=True, slots=True)
class OverlaidImage:
    """The figures of one image, and what each class covers in it."""

    id: str
    figures: tuple[Path, ...]
    display: str
    regions: dict[str, ClassRegion]
    pixel_size_um: PixelSize | None

    def area_um2(self, name: str) -> float | None:
        """Return the area of a class, None when the pixel size is not known."""
        size = self.pixel_size_um
        return None if size is None else self.regions[name].area_px * pixel_area(size)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "image": self.id,
            "figures": [str(path) for path in self.figures],
            "display": self.display,
            "pixel_size_um": write_pixel_size(self.pixel_size_um),
            "classes": {
                name: {
                    "area_px": region.area_px,
                    "area_um2": self.area_um2(name),
                    "n_objects": region.n_objects,
                }
                for name, region in self.regions.items()
            },
        }


@dataclass(frozen=True, slots=True)
class ContourOverlayResult:
    """What was drawn, and the table of all areas."""

    applied: AppliedToImages[OverlaidImage]
    areas: Path

    def to_json(self) -> dict[str, Any]:
        """Return what ``contour-overlay --json`` prints."""
        return {**self.applied.to_json(OverlaidImage.to_json), "areas": str(self.areas)}


def contour_overlay(
    request: ContourOverlayRequest, progress: ProgressCallback = silent
) -> ContourOverlayResult:
    """Write `overlays/<name>.png` (or .pdf, .svg) for every image, and `areas.csv`.

    Raises
    ------
    DatasetError
        Nothing was done: files are missing or do not pair up, or an image differs from its mask.
    SettingsError
        Nothing was done: an option does not fit, such as a crop outside an image.
    OutputExistsError
        An output exists and overwrite was not asked for; nothing was done.
    """
    images, skipped = _list_images(request.images, request.output)
    folders = [each for each in (request.masks, request.truth) if each is not None]
    sets = [images, *(list_files(each, request.output) for each in folders)]
    matched = match_files(*sets, what="images and masks", skip_unmatched=request.skip_unmatched)
    areas = request.output / AREAS_FILE
    stems = [request.output / "overlays" / name for name in matched]
    planned = [path for stem in stems for path in request.style.paths(stem)]
    refuse_existing([areas, *planned], overwrite=request.overwrite)
    homes = [path for path in (request.masks, request.truth) if path is not None]
    masks = [path for _, *paths in matched.values() for path in paths]
    classes = find_classes(homes, masks, classes=request.classes or None, ignore=request.ignore)
    classes = replace(classes, orientation=request.reading.orientation)
    for paths in matched.values():
        _check_sizes(paths, request)
    work = tuple(InputImage(paths[0], name) for name, paths in matched.items())
    done = apply_to_images(
        FoundInputs(work, skipped),
        lambda each: _overlay(each, matched[each.stem], classes, request),
        progress,
    )
    if done.written:
        write_csv(areas, AREA_COLUMNS, [row for each in done.written for row in _rows(each)])
    return ContourOverlayResult(done, areas)


def _list_images(path: Path, output: Path) -> tuple[FileSet, tuple[Path, ...]]:
    """Return the images, of a dataset folder those of its `images`, and what is not an image."""
    found = find_inputs([str(path)], output)
    if path.is_dir():
        return FileSet(path, {each.stem: each.path for each in found.images}), found.skipped
    [only] = found.images
    return FileSet(only.path, {only.stem: only.path}), found.skipped


def _check_sizes(paths: Sequence[Path], request: ContourOverlayRequest) -> None:
    """Raise unless the masks are as large as their image and the crop lies inside."""
    crop, how = request.crop, request.reading
    with open_image(paths[0], **how.arguments_with(None)) as source:
        sizes = [(source.info.width, source.info.height)]
    for path in paths[1:]:
        with open_mask(path, series=how.series, orientation=how.orientation) as source:
            sizes.append((source.info.width, source.info.height))
    for path, size in zip(paths[1:], sizes[1:], strict=True):
        if size != sizes[0]:
            raise DatasetError(
                f"{path} is {size[0]} x {size[1]} pixels, but its image {paths[0]} is "
                f"{sizes[0][0]} x {sizes[0][1]}; a mask has the size of its image"
            )
    width, height = sizes[0]
    if crop and (crop.x + crop.width > width or crop.y + crop.height > height):
        raise SettingsError(
            f"--crop {crop}: reaches outside {paths[0]}, which is {width} x {height} pixels; give "
            "left,top,width,height inside it"
        )


def _overlay(
    each: InputImage,
    paths: tuple[Path, ...],
    classes: MaskClasses,
    request: ContourOverlayRequest,
) -> OverlaidImage:
    image, file_size_um = _read(paths[0], request.reading)
    mask, *truths = (classes.read(path) for path in paths[1:])
    image, mask = _cut(image, request.crop), _cut(mask, request.crop)
    pixel_size_um = request.display.pixel_size or file_size_um or classes.pixel_size_um
    limits = request.display.display_range
    display = choose_display([image]) if limits is None else asked_display(limits)
    view = OverlayView(
        name=each.stem,
        image=image,
        mask=mask,
        truth=_cut(truths[0], request.crop) if truths else None,
        display=display,
        class_names=classes.names,
        colors=classes.colors,
        outlined=_outlined(classes, all_classes=request.all_classes),
        pixel_size_um=pixel_size_um,
        fill=request.fill,
        note=f"Part {request.crop} (left, top, width, height) of the image."
        if request.crop
        else "",
    )
    figure = draw_overlay(view, request.style, request.line_width)
    figures = save_all(figure, request.output / "overlays" / each.stem, request.style)
    regions = dict(zip(classes.names, measure_classes(mask, len(classes.names)), strict=True))
    return OverlaidImage(each.stem, figures, display.text, regions, pixel_size_um)


def _read(path: Path, reading: ReadingOptions) -> tuple[ImageArray, PixelSize | None]:
    with open_image(path, **reading.arguments) as source:
        info = source.info
        if info.n_planes != 1:
            raise ImageReadError(
                f"{path}: holds {info.n_planes} planes ({info.plane_axes}); expected a single "
                "image, save the planes as files of their own"
            )
        return source.read_plane(), info.pixel_size_um


def _cut(array: Any, crop: Crop | None) -> Any:
    if crop is None:
        return array
    return array[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]


def _outlined(classes: MaskClasses, *, all_classes: bool) -> list[int]:
    """Return the classes that get an outline; a single class is always outlined."""
    indices = range(len(classes.names))
    if all_classes or len(indices) == 1:
        return list(indices)
    return [index for index in indices if index != classes.background]


def _rows(each: OverlaidImage) -> list[tuple[object, ...]]:
    total = sum(region.area_px for region in each.regions.values())
    rows: list[tuple[object, ...]] = []
    for name, region in each.regions.items():
        area = each.area_um2(name)
        share = region.area_px / total if total else ""
        um2 = "" if area is None else f"{area:.6g}"
        rows.append((each.id, name, region.area_px, um2, share, region.n_objects))
    return rows
