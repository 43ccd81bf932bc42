"""Fiji: images beside the zip files or ``.roi`` files of ImageJ's ROI Manager.

The class of a selection is its name without the number at the end (``nucleus-12`` is nucleus; a
list in ``labels.txt`` says where names end), else its group (``group 2``). Selections that all have
ImageJ's own names (``0123-0456``) and no group are one class, ``object``. Later selections of a
file count where they overlap.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cellenhance.data.annotations.imagej_roi import MAGIC, Roi, decode_roi
from cellenhance.data.annotations.shapes import Annotation, Shape
from cellenhance.data.importers.annotated import (
    Drawing,
    DrawnSource,
    build_source,
    document_folder,
    list_documents,
    listed_labels,
)
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import path_label
from cellenhance.data.importers.image_lookup import ImageLookup
from cellenhance.errors import DatasetError

SUFFIXES = (".zip", ".roi")
_MARKS = re.compile(r"^(roi_?set|rois?)[-_ ]+|[-_ .]+(roi_?set|rois?)$", re.IGNORECASE)
_OWN_NAME = re.compile(r"[0-9]{3,}(-[0-9]{3,}){1,2}(-[0-9]+)?")
_NUMBER = re.compile(r"([-_ .#]+[0-9]+)+$")
_ANY_NUMBER = re.compile(r"[0-9]*([-_ .#]+[0-9]+)*$")
_MAX_ROI_BYTES = 64 * 1024**2
_N_TRIED = 5


class FijiRoisImporter:
    """See the module."""

    name = "fiji-rois"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of a file with selections, or None."""
        folder = document_folder(source, options)
        for path in list_documents(folder, SUFFIXES, options.exclude)[:_N_TRIED]:
            if _holds_rois(path):
                return _reason(path, source)
        return None

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return a pair an image; DatasetError when a file is damaged or encloses no area."""
        lookup = ImageLookup(source, options.images)
        files = [
            path
            for path in list_documents(document_folder(source, options), SUFFIXES, options.exclude)
            if _holds_rois(path)
        ]
        if not files:
            raise DatasetError(
                f"{source}: has no ROI file of ImageJ; expected NAME.zip or NAME.roi for an image "
                "NAME.tif"
            )
        listed = listed_labels(source, files)
        missing: list[str] = []
        by_image: dict[Path, list[Path]] = {}
        for path in files:
            image = _image_of(path, lookup)
            if image is None:
                missing.append(f"{path_label(path, source)} (no image of its name)")
            else:
                by_image.setdefault(image, []).append(path)
        drawings = [_drawing(image, paths, listed) for image, paths in by_image.items()]
        found = DrawnSource(drawings, listed, missing)
        return build_source(
            found, lookup, options, layout=self.name, reason=_reason(files[0], source)
        )


def _reason(path: Path, source: Path) -> str:
    return f"ImageJ selections in {path_label(path, source)}"


def _image_of(path: Path, lookup: ImageLookup) -> Path | None:
    """Return the image of the file's name, of its folder's, or the only one beside it."""
    for name in (path.stem, path.parent.name):
        image = lookup.by_stem(_MARKS.sub("", name), path)
        if image is not None:
            return image
    return lookup.only_image(path)


def _holds_rois(path: Path) -> bool:
    """Tell whether a zip file lists .roi files, or a file starts as one."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                return any(name.lower().endswith(".roi") for name in archive.namelist())
        with path.open("rb") as file:
            return file.read(4) == MAGIC
    except (OSError, zipfile.BadZipFile):
        return False


def _drawing(image: Path, paths: list[Path], listed: Sequence[str]) -> Drawing:
    labels = [roi_label(roi, listed) for path in paths for roi in _read(path)]
    read = partial(_annotation, tuple(paths), tuple(listed))
    return Drawing(image, paths[0], tuple(dict.fromkeys(labels)), read)


def _annotation(paths: Sequence[Path], listed: Sequence[str]) -> Annotation:
    rois = [roi for path in paths for roi in _read(path)]
    return Annotation(tuple(Shape(roi_label(roi, listed), (roi.area,)) for roi in rois))


def _read(path: Path) -> list[Roi]:
    """Return the selections of a zip or .roi file; DatasetError when one is damaged."""
    if path.suffix.lower() != ".zip":
        return [_decode(path.read_bytes(), path.stem, str(path))]
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                _decode(_entry(archive, entry, path), Path(entry.filename).stem, f"{path}, {name}")
                for entry in archive.infolist()
                if (name := entry.filename).lower().endswith(".roi")
                and not name.startswith("__MACOSX")
            ]
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DatasetError(f"{path}: is a damaged or encrypted zip file ({error})") from error


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes:
    with archive.open(entry) as file:
        data = file.read(_MAX_ROI_BYTES + 1)
    if len(data) > _MAX_ROI_BYTES:
        raise DatasetError(f"{path}: {entry.filename} is larger than 64 MiB; expected a selection")
    return data


def _decode(data: bytes, stem: str, where: str) -> Roi:
    try:
        roi = decode_roi(data)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error
    return roi if roi.name else replace(roi, name=stem)


def roi_label(roi: Roi, listed: Sequence[str] = ()) -> str:
    """Return the class that a selection's name or group means, "" for neither."""
    name = roi.name.strip()
    fitting = [label for label in listed if _is_numbered(name, label)]
    if fitting:
        return max(fitting, key=len)
    if _OWN_NAME.fullmatch(name) or name.isdigit():
        return f"group {roi.group}" if roi.group else ""
    return _NUMBER.sub("", name) if _NUMBER.search(name) else name.rstrip("0123456789")


def _is_numbered(name: str, label: str) -> bool:
    """Tell whether a name is a label, or a label with a number of its own behind it."""
    rest = name[len(label) :]
    own = _NUMBER if label[-1:].isdigit() else _ANY_NUMBER
    return name.startswith(label) and (not rest or own.fullmatch(rest) is not None)
