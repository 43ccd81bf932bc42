"""What the layouts of annotation programs share: shapes in files, drawn into masks when asked."""

from __future__ import annotations

import shlex
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, ImageArray
from cellenhance.data.annotations.json_files import load_json
from cellenhance.data.annotations.labels import (
    LABELS_FILE,
    NO_LABEL,
    LabelTable,
    build_label_table,
    is_ignore,
    read_labels,
)
from cellenhance.data.annotations.rasterize import paint_shapes
from cellenhance.data.annotations.shapes import Annotation, lies_outside
from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.files.readers import image_stem, open_image
from cellenhance.data.files.sources import ImageInfo
from cellenhance.data.importers.contract import AroundPair, FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import FilePair, name_pairs, pair_of, path_label
from cellenhance.data.importers.image_lookup import ImageLookup
from cellenhance.data.importers.places import named_folder
from cellenhance.data.importers.subsets import describe_split, split_by_folders
from cellenhance.errors import DatasetError, ImageReadError, SettingsError

_N_TRIED = 5
"""Annotation files looked at to recognise a layout."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a file says of one image.

    Attributes
    ----------
    image : the image file, None for the picture inside the document
    labels : of its shapes, each once
    read : returns the shapes; called each time that the mask is wanted
    picture : returns the bytes of the picture inside the document
    """

    image: Path | None
    document: Path
    labels: tuple[str, ...]
    read: Callable[[], Annotation]
    picture: Callable[[], bytes] | None = None


@dataclass(frozen=True, slots=True)
class DrawnSource:
    """The drawings of a source, and what was found out on the way.

    Attributes
    ----------
    listed : labels in class order as the source itself lists them, empty for none
    missing : what has no image
    """

    drawings: Sequence[Drawing]
    listed: Sequence[str] = ()
    missing: Sequence[str] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AnnotatedPair(AroundPair):
    """An image and the shapes drawn on it; see `FoundPair`."""

    pair: FilePair
    drawing: Drawing
    table: LabelTable

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the image file's plane, or the picture inside the document."""
        if self.drawing.picture is None:
            return self.pair.load_image(channel)
        with tempfile.TemporaryDirectory(prefix="cellenhance-") as folder:
            path = Path(folder) / "picture"
            path.write_bytes(self.drawing.picture())
            try:
                image, info = replace(self.pair, image=path).load_image(channel)
            except ImageReadError as error:
                reason = str(error).replace(str(path), "the picture inside")
                raise ImageReadError(f"{self.drawing.document}: {reason}") from error
        return image, replace(info, path=self.drawing.document)

    def load_mask(self, *, expand_palette: bool) -> NDArray[Any]:  # noqa: ARG002 - no palette
        """Return the (H, W) places of labels, later shapes over earlier, `IGNORE` for ignore.

        Raises
        ------
        DatasetError
            The document states another image size, or a shape lies outside the image.
        """
        annotation, canvas = self._canvas(self.table.background)
        codes = {shape.label: self.table.code(shape.label) for shape in annotation.shapes}
        paint_shapes(canvas, annotation.shapes, codes)
        return canvas

    def load_objects(self) -> NDArray[np.int64]:
        """Return the (H, W) number of the last shape over a pixel, 0 for background and ignore."""
        annotation, canvas = self._canvas(0)
        numbered = [
            replace(shape, label=str(number))
            for number, shape in enumerate(annotation.shapes, start=1)
        ]
        unmeant = (self.table.background, IGNORE)
        numbers = {
            shape.label: 0 if self.table.code(drawn.label) in unmeant else int(shape.label)
            for shape, drawn in zip(numbered, annotation.shapes, strict=True)
        }
        paint_shapes(canvas, numbered, numbers)
        return canvas

    def _canvas(self, fill: int) -> tuple[Annotation, NDArray[np.int64]]:
        """Return the shapes, and an image-sized array of one value to paint them into."""
        annotation = self.drawing.read()
        info = self._info()
        height, width = info.height, info.width
        stated = (annotation.height or height, annotation.width or width)
        if stated != (height, width):
            raise DatasetError(
                f"{self.image_label}: is {info.size_text}, {self.mask_label} was drawn on "
                f"{stated[0]} x {stated[1]}; fix it"
                f"{', try --orientation' if info.orientation != 1 else ''} or "
                f"give --exclude {shlex.quote(self.id)}"
            )
        outside = [each for each in annotation.shapes if lies_outside(each, height, width)]
        if outside:
            raise DatasetError(
                f"{self.mask_label}: {len(outside)} of {len(annotation.shapes)} shapes, of "
                f"'{outside[0].label}', lie wholly outside {self.image_label} ({height} x {width} "
                "pixels): drawn on another image or at another scale; fix it or give "
                f"--exclude {shlex.quote(self.id)}"
            )
        return annotation, np.full((height, width), fill, dtype=np.int64)

    def load_valid(self) -> None:
        """Return None: labels say themselves what to ignore."""

    def _info(self) -> ImageInfo:
        if self.drawing.picture is not None:
            return self.load_image(None)[1]
        with open_image(self.pair.image, **self.pair.reading.arguments) as source:
            return source.info


def document_folder(source: Path, options: ImportOptions) -> Path:
    """Return where annotation files are looked for: ``--masks`` or the source."""
    return source if options.masks is None else named_folder(source, options.masks)


def list_documents(folder: Path, suffixes: Iterable[str], exclude: Sequence[str]) -> list[Path]:
    """Return the files below `folder` that end like this, but hidden and excluded ones."""
    endings = tuple(suffixes)
    return [
        path
        for path in walk_folder(folder).files
        if path.name.lower().endswith(endings)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and {path.name, image_stem(path)}.isdisjoint(exclude)
    ]


def first_document(
    source: Path, options: ImportOptions, suffixes: Iterable[str], is_kind: Callable[[Any], bool]
) -> Path | None:
    """Return one of the first JSON files that is of a kind, None when none of them is."""
    folder = document_folder(source, options)
    for path in list_documents(folder, suffixes, options.exclude)[:_N_TRIED]:
        try:
            if is_kind(load_json(path)):
                return path
        except DatasetError:  # `first_damage` words it where no layout is found
            continue
    return None


def first_damage(source: Path, options: ImportOptions) -> str | None:
    """Return what is wrong with one of the first annotation files, None when nothing is."""
    folder = document_folder(source, options)
    for path in list_documents(folder, (".json", ".geojson"), options.exclude)[:_N_TRIED]:
        try:
            load_json(path)
        except DatasetError as error:
            return str(error)
    for path in list_documents(folder, (".zip",), options.exclude)[:_N_TRIED]:
        if not zipfile.is_zipfile(path):
            return f"{path}: is a damaged zip file; save it again"
    return None


def listed_labels(source: Path, documents: Iterable[Path]) -> list[str]:
    """Return ``labels.txt`` beside the documents or in the source, empty when there is none.

    Raises
    ------
    DatasetError
        Two lists differ.
    """
    folders = dict.fromkeys([*(path.parent for path in documents), source])
    files = [path for folder in folders if (path := folder / LABELS_FILE).is_file()]
    lists = [read_labels(path) for path in files]
    odd = next((path for path, each in zip(files, lists, strict=True) if each != lists[0]), None)
    if odd is not None:
        raise DatasetError(f"{odd}: differs from {files[0]}; one source has one list of labels")
    return lists[0] if lists else []


def build_source(
    found: DrawnSource, lookup: ImageLookup, options: ImportOptions, *, layout: str, reason: str
) -> FoundSource:
    """Return the pairs of all drawings with their classes.

    Raises
    ------
    DatasetError
        A label does not fit the list, or two images would have one id.
    SettingsError
        A valid mask was given: labels say themselves what to ignore.
    """
    if options.valid_mask is not None:
        raise SettingsError(f"--valid-mask does not go with {layout}; draw what to ignore instead")
    source = lookup.source
    used = [(label, path_label(d.document, source)) for d in found.drawings for label in d.labels]
    table = build_label_table(used, found.listed)
    files = [
        replace(
            pair_of(drawing.image or drawing.document, drawing.document, source),
            reading=options.reading,
        )
        for drawing in found.drawings
    ]
    by_image = {file.image: file for file in name_pairs(files, lookup.root)}
    pairs = tuple(
        AnnotatedPair(by_image[drawing.image or drawing.document], drawing, table)
        for drawing in found.drawings
    )
    split = split_by_folders([each.pair for each in pairs], source)
    ignored = sorted({label for label, _ in used if is_ignore(label)})
    notes = [f"shapes labelled {', '.join(ignored)} are ignored"] if ignored else []
    if any(not label for label, _ in used):
        notes.append(f"shapes without a class are the class '{NO_LABEL}'")
    return FoundSource(
        layout=layout,
        reason=reason,
        folders=(
            ("images", str(lookup.root)),
            ("annotations", str(document_folder(source, options))),
        ),
        pairs=pairs,
        unmatched=(*found.missing, *lookup.unused()),
        split=split,
        default_classes=table.rules,
        ignore=(str(IGNORE),),
        optional_classes=() if table.is_background_listed else (table.background_name,),
        notes=(*found.notes, *notes, *describe_split(split)),
    )
