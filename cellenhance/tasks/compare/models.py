"""What `compare` sets side by side: runs that predict, and masks that lie in folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.data.classes.class_map import ClassMap, ClassRule, parse_class
from cellenhance.data.classes.mask_classes import MaskClasses, dataset_of, find_classes
from cellenhance.data.classes.mask_files import FileSet, list_files, shorten
from cellenhance.data.dataset.inputs import InputImage
from cellenhance.data.files.sources import ImageSource
from cellenhance.engine.image_pass import file_image, show_image
from cellenhance.engine.inference import Predictor
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.engine.sinks import MaskSink
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.runs.header import ModelHeader
from cellenhance.tasks.image_work import load_runs
from cellenhance.tasks.run_names import name_runs


class ComparedModel(Protocol):
    """Something that has a mask for every image."""

    def mask(self, image: InputImage, source: ImageSource) -> MaskArray:
        """Return the (H, W) uint8 mask of an open image."""


@dataclass(frozen=True, slots=True)
class RunModel:
    """A run; several folds are averaged."""

    predictor: Predictor

    def mask(self, image: InputImage, source: ImageSource) -> MaskArray:  # noqa: ARG002 - open
        """Predict the mask tile by tile."""
        passing = file_image(source, self.predictor.header)
        [mask] = show_image(self.predictor, passing, [MaskSink()])
        return mask


@dataclass(frozen=True, slots=True)
class FolderModel:
    """Masks from any program in a folder."""

    files: FileSet
    classes: MaskClasses

    def mask(self, image: InputImage, source: ImageSource) -> MaskArray:
        """Read the mask of an image; DatasetError when its size differs."""
        path = self.files.root if self.files.is_single else self.files.by_id[image.stem]
        mask = self.classes.read(path)
        check_size(mask, path, source)
        return mask


def check_size(mask: MaskArray, path: Path, source: ImageSource) -> None:
    """Raise DatasetError unless a mask is as large as its image."""
    info = source.info
    if mask.shape != (info.height, info.width):
        raise DatasetError(
            f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels, but its image {info.path} is "
            f"{info.width} x {info.height}; a mask has the size of its image"
        )


def load_each_run(
    runs: Sequence[Path], compute: ComputeOptions, tiling: TilingOptions
) -> dict[str, Predictor]:
    """Return the predictor of each run by its name; equal folder names get their parent's too.

    Raises
    ------
    SettingsError
        The classes of the runs differ, or one is given twice.
    """
    predictors: dict[str, Predictor] = {}
    for name, run in zip(name_runs(runs), runs, strict=True):
        predictor = load_runs([run], compute, tiling)
        names = predictor.header.class_names
        for other, known in predictors.items():
            if known.header.class_names != names:
                raise SettingsError(
                    f"{run} has the classes {list(names)}, '{other}' "
                    f"{list(known.header.class_names)}; only runs with the same classes can be "
                    "compared"
                )
        predictors[name] = predictor
    return predictors


def list_mask_folders(
    masks: Mapping[str, Path], images: Sequence[InputImage]
) -> dict[str, FileSet]:
    """Return the files of ``--masks NAME=DIR`` by name.

    Raises
    ------
    DatasetError
        A folder is missing, or has no mask for an image, which is named.
    """
    found = {name: list_files(path) for name, path in masks.items()}
    for files in found.values():
        if files.is_single and len(images) == 1:
            continue
        missing = [each.stem for each in images if each.stem not in files.by_id]
        if missing:
            raise DatasetError(
                f"{files.root}: has no mask for {shorten(missing)}; masks match images by relative "
                "path without extension"
            )
    return found


def choose_classes(
    header: ModelHeader | None,
    homes: Sequence[Path],
    files: Sequence[Path],
    classes: Sequence[str],
    ignore: Sequence[str],
) -> MaskClasses:
    """Return the classes of the comparison, and how masks in files mean them.

    Runs decide; then files hold class indices (255 = ignore) unless `classes` says which values
    mean the classes of the runs. Without runs it is as in `find_classes`.

    Raises
    ------
    SettingsError
        `classes` names other classes than the runs have.
    """
    if header is None:
        return find_classes(homes, files, classes=classes or None, ignore=ignore)
    names = header.class_names
    rules = [ClassRule(name, (index,)) for index, name in enumerate(names)]
    ignored = sorted({*ignore, str(IGNORE)})
    if classes:
        given = {rule.name: rule for rule in map(parse_class, classes)}
        if set(given) != set(names):
            raise SettingsError(
                f"--class names {', '.join(given)}; expected the classes of the runs, "
                f"{', '.join(names)}, each once"
            )
        rules, ignored = [given[name] for name in names], list(ignore)
    colors = tuple(each.color for each in header.classes)
    return MaskClasses(ClassMap(rules, ignored), colors, _background(header, homes))


def _background(header: ModelHeader, homes: Sequence[Path]) -> int:
    """Return the background class: that of a dataset, else of the model."""
    for home in homes:
        description = dataset_of(home)
        if description is not None and description.background in header.class_names:
            return header.class_names.index(description.background)
    return header.background


def names_beside(images: Sequence[InputImage]) -> tuple[str, ...]:
    """Return the classes of the cellenhance dataset that the first image lies in, if any."""
    description = dataset_of(images[0].path.parent.parent / "masks")
    return tuple(each.name for each in description.classes) if description else ()
