"""What the values in masks of any program mean: as told, as a dataset says, or as found."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import Field

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.data.classes.class_map import (
    ClassMap,
    ClassRule,
    count_codes,
    encode_mask,
    is_truly_color,
    parse_class,
    show_code,
)
from cellenhance.data.classes.found_values import rules_found
from cellenhance.data.classes.mask_files import shorten
from cellenhance.data.dataset.manifest import (
    DESCRIPTION_FILE,
    DatasetDescription,
    SegmentationClass,
    class_color,
    load_dataset,
)
from cellenhance.data.files.options import Orientation
from cellenhance.data.files.readers import read_mask
from cellenhance.data.files.writers import write_text
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.pixel_size import PixelSize
from cellenhance.settings import Settings, format_yaml, parse_yaml, validate_settings
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

CLASSES_FILE = "classes.yaml"


@dataclass(frozen=True, slots=True)
class MaskClasses:
    """The classes of masks, with the colours they are drawn in.

    Attributes
    ----------
    class_map : codes of the files to class indices
    colors : #rrggbb of each class
    background : index of the class that is background; the first where nobody says
    pixel_size_um : of the dataset that brought the classes, None without one
    orientation : as `read_mask` takes it
    """

    class_map: ClassMap
    colors: tuple[str, ...]
    background: int = 0
    pixel_size_um: PixelSize | None = None
    orientation: Orientation | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names in index order."""
        return tuple(rule.name for rule in self.class_map.rules)

    def read(self, path: Path) -> MaskArray:
        """Return a mask file as (H, W) uint8 class indices, 255 = ignore.

        Raises
        ------
        ImageReadError, DatasetError
            The file cannot be read, or holds a value that is no class.
        """
        codes = self.read_codes(path)
        self.refuse(path, self.class_map.unmapped(count_codes(codes)))
        return self.class_map.apply(codes)

    def read_codes(self, path: Path) -> NDArray[Any]:
        """Return the codes (H, W) of a mask file; DatasetError for colours where values count."""
        mask = read_mask(path, orientation=self.orientation)
        if is_truly_color(mask) and not self.class_map.is_color:
            raise DatasetError(
                f"{path}: is coloured, but the classes are grey values; give colours to all of "
                "them, such as --class cell=#ff8000"
            )
        return encode_mask(mask, is_color=self.class_map.is_color)

    def refuse(self, path: Path, strays: Mapping[int, int]) -> None:
        """Raise DatasetError where there are strays: codes that are no class, with counts."""
        if not strays:
            return
        is_color = self.class_map.is_color
        named = [
            f"{show_code(code, is_color)} in {counted(n, 'pixel')}" for code, n in strays.items()
        ]
        raise DatasetError(
            f"{path}: has values without a class ({shorten(named)}); expected "
            f"{shorten([rule.as_option() for rule in self.class_map.rules])}; name values with "
            "--class, or values of the truth with --ignore"
        )


def dataset_of(masks: Path) -> DatasetDescription | None:
    """Return the dataset of ours whose `masks` folder, or a file of it, `masks` is."""
    folder = masks.resolve()
    folder = folder.parent if folder.is_file() else folder
    if folder.name != "masks" or not (folder.parent / DESCRIPTION_FILE).is_file():
        return None
    return load_dataset(folder.parent).description


class _PredictedClasses(Settings):
    """The content of `classes.yaml` beside the masks of `predict`."""

    classes: tuple[SegmentationClass, ...] = Field(min_length=1)


def write_classes(output: Path, classes: Sequence[SegmentationClass]) -> None:
    """Write what the indices in `output`/masks mean, so that other commands name them."""
    values = _PredictedClasses(classes=tuple(classes)).model_dump(mode="json")
    text = format_yaml(values)
    write_text(output / CLASSES_FILE, text)


def predicted_classes(masks: Path) -> tuple[SegmentationClass, ...] | None:
    """Return the classes that `predict` wrote beside the masks folder, None where it did not.

    Raises
    ------
    DatasetError
        The file is not what `predict` writes.
    """
    folder = masks.resolve()
    folder = folder.parent if folder.is_file() else folder
    path = folder.parent / CLASSES_FILE
    if folder.name != "masks" or not path.is_file():
        return None
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
        return validate_settings(_PredictedClasses, dict(values), where=str(path)).classes
    except (OSError, ValueError, TypeError, SettingsError) as error:
        raise DatasetError(
            f"{path}: {str(error) or 'is not a list of classes'}; predict again, or name "
            "values with --class"
        ) from error


def find_classes(
    homes: Sequence[Path],
    files: Iterable[Path],
    *,
    truth: Iterable[Path] = (),
    classes: Sequence[str] | None,
    ignore: Sequence[str] = (),
) -> MaskClasses:
    """Return the classes of masks.

    Parameters
    ----------
    homes : folders or files given by the user; the first that belongs to a dataset of ours brings
        classes, colours, pixel size and 255 = ignore, and that is said; else the first made by
        `predict` brings classes and colours
    files : all masks, read only when nothing else tells the classes
    truth : the masks that those in `files` are compared with; read likewise
    classes : ``NAME=VALUE[,VALUE...]`` or with #rrggbb; they replace those of a dataset
    ignore : values (or colours) that do not count

    Raises
    ------
    DatasetError
        No class is left, or there are more than 255.
    SettingsError
        A class or a value does not parse or stands twice.
    """
    rules = [parse_class(text) for text in classes or ()]
    codes = list(ignore)
    for home in homes:
        description = dataset_of(home)
        if description is None:
            continue
        codes = sorted({*codes, str(IGNORE)})
        rules = rules or [ClassRule(each.name, (each.index,)) for each in description.classes]
        logger.info("%s belongs to the dataset '%s'", home, description.name)
        names = ", ".join(rule.name for rule in rules)
        logger.info("classes are %s; %d is ignored as in every dataset", names, IGNORE)
        return _with_looks(ClassMap(rules, codes), description)
    for home in homes:
        known = predicted_classes(home)
        if known is not None and not rules:
            rules = [ClassRule(each.name, (each.index,)) for each in known]
            logger.info("%s: classes are %s", home, ", ".join(rule.name for rule in rules))
            colors = tuple(each.color for each in known)
            return MaskClasses(ClassMap(rules, codes), colors)
    rules = rules or rules_found(list(files), list(truth), codes)
    return _with_looks(ClassMap(rules, codes), None)


def _with_looks(class_map: ClassMap, description: DatasetDescription | None) -> MaskClasses:
    known = {each.name: each.color for each in description.classes} if description else {}
    names = [rule.name for rule in class_map.rules]
    colors = tuple(known.get(name, class_color(index)) for index, name in enumerate(names))
    background = 0
    if description is not None and description.background in names:
        background = names.index(description.background)
    size = description.pixel_size_um if description else None
    return MaskClasses(class_map, colors, background, size)
