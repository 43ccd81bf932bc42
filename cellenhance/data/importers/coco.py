"""COCO: one JSON file for many images, with polygons or run lengths.

Classes are the categories in the order of their ids. Where annotations overlap, the later in the
file counts; regions of a crowd are of their class like any other.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.data.annotations.coco_rle import decode_runs
from cellenhance.data.annotations.json_files import (
    as_list,
    as_mapping,
    as_ring,
    as_size,
    load_json,
)
from cellenhance.data.annotations.shapes import Annotation, Area, Shape, Stencil
from cellenhance.data.importers.annotated import (
    Drawing,
    DrawnSource,
    build_source,
    document_folder,
    first_document,
    list_documents,
)
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import path_label
from cellenhance.data.importers.image_lookup import ImageLookup
from cellenhance.errors import DatasetError


class CocoImporter:
    """See the module."""

    name = "coco"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of a COCO file, or None."""
        path = first_document(source, options, (".json",), is_coco)
        return None if path is None else _reason(path, source)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return a pair an image of the COCO files; DatasetError when there is none."""
        lookup = ImageLookup(source, options.images)
        drawings: list[Drawing] = []
        missing: list[str] = []
        listed: dict[str, None] = {}
        documents: list[Path] = []
        notes: list[str] = []
        for path in list_documents(document_folder(source, options), (".json",), options.exclude):
            content = load_json(path)
            if not is_coco(content):
                continue
            documents.append(path)
            categories = _categories(path, content)
            listed |= dict.fromkeys(categories.values())
            notes += _say_doubled(categories, path_label(path, source))
            for drawing, name in _drawings(path, content, categories, lookup):
                if drawing is None:
                    missing.append(f"{name} (listed in {path_label(path, source)})")
                else:
                    drawings.append(drawing)
        if not documents:
            raise DatasetError(
                f"{source}: has no COCO file; expected a .json file with images, annotations and "
                "categories"
            )
        _check_once(drawings)
        found = DrawnSource(drawings, list(listed), missing, notes)
        reason = _reason(documents[0], source)
        return build_source(found, lookup, options, layout=self.name, reason=reason)


def is_coco(content: Any) -> bool:
    """Tell whether a JSON value looks like a COCO file."""
    keys = {"images", "annotations", "categories"}
    return isinstance(content, dict) and keys <= content.keys()


def _reason(path: Path, source: Path) -> str:
    return f"COCO annotations in {path_label(path, source)}"


def _categories(path: Path, content: dict[str, Any]) -> dict[Any, str]:
    """Return the name of each category id, in the order of the ids."""
    names: dict[Any, str] = {}
    for number, value in enumerate(as_list(content["categories"], f"{path}: categories"), start=1):
        where = f"{path}, category {number}"
        category = as_mapping(value, where)
        key, name = category.get("id"), category.get("name")
        if not isinstance(key, int) or not isinstance(name, str) or key in names:
            raise DatasetError(f"{where}: expected an id of its own and a name")
        names[key] = name.strip()
    return dict(sorted(names.items()))


def _say_doubled(categories: dict[Any, str], where: str) -> list[str]:
    doubled = [name for name, number in Counter(categories.values()).items() if number > 1]
    return [f"{where}: categories of the same name, '{name}', are one class" for name in doubled]


def _drawings(
    path: Path, content: dict[str, Any], categories: dict[Any, str], lookup: ImageLookup
) -> list[tuple[Drawing | None, str]]:
    """Return what the file says of each image, None for images that are not there."""
    by_image: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
    images = [
        as_mapping(value, f"{path}, image {i + 1}")
        for i, value in enumerate(as_list(content["images"], f"{path}: images"))
    ]
    known = _image_ids(path, images)
    for i, value in enumerate(as_list(content["annotations"], f"{path}: annotations")):
        where = f"{path}, annotation {i + 1}"
        annotation = as_mapping(value, where)
        owner, category = annotation.get("image_id"), annotation.get("category_id")
        if not isinstance(owner, int | str) or owner not in known:
            raise DatasetError(f"{where}: its image {str(owner)[:40]!r} is not among the images")
        if not isinstance(category, int) or category not in categories:
            raise DatasetError(f"{where}: its category {str(category)[:40]!r} is not listed")
        by_image.setdefault(owner, []).append((where, annotation))
    drawings: list[tuple[Drawing | None, str]] = []
    for image in images:
        name = image.get("file_name")
        if not isinstance(name, str):
            raise DatasetError(f"{path}: an image has no file_name; expected one per image")
        file = lookup.by_path(name, path)
        mine = by_image.get(image.get("id"), [])
        labels = tuple(dict.fromkeys(categories[each["category_id"]] for _, each in mine))
        read = partial(_annotation, str(path), image, mine, categories)
        drawings.append((None if file is None else Drawing(file, path, labels, read), name))
    return drawings


def _image_ids(path: Path, images: list[dict[str, Any]]) -> set[int | str]:
    """Return the ids of the images; DatasetError where annotations could not tell them apart."""
    known: set[int | str] = set()
    for number, image in enumerate(images, start=1):
        key = image.get("id")
        if not isinstance(key, int | str) or key in known:
            raise DatasetError(
                f"{path}, image {number}: its id is {str(key)[:40]!r}; expected one of its own, by "
                "which annotations name it"
            )
        known.add(key)
    return known


def _annotation(
    path: str,
    image: dict[str, Any],
    annotations: list[tuple[str, dict[str, Any]]],
    categories: dict[Any, str],
) -> Annotation:
    stated = tuple(as_size(image.get(each), path) for each in ("height", "width"))
    shapes = tuple(
        Shape(categories[each["category_id"]], _parts(each.get("segmentation"), where, stated))
        for where, each in annotations
    )
    return Annotation(shapes, *stated)


def _parts(
    segmentation: Any, where: str, stated: tuple[int | None, ...]
) -> tuple[Area | Stencil, ...]:
    """Return polygons, which are flat lists of x and y, or run lengths."""
    if isinstance(segmentation, list) and segmentation:
        rings = []
        for polygon in segmentation:
            flat = as_list(polygon, f"{where}: a polygon")
            pairs = [flat[i : i + 2] for i in range(0, len(flat), 2)]
            rings.append(as_ring(pairs, where))
        return tuple(Area((ring,)) for ring in rings)
    if not isinstance(segmentation, dict):
        raise DatasetError(
            f"{where}: has no outline (segmentation); expected polygons or run lengths; a box "
            "alone is not a mask"
        )
    size = as_list(segmentation.get("size"), f"{where}: size of its run lengths")
    height, width = (as_size(each, where) for each in [*size, None, None][:2])
    counts = segmentation.get("counts")
    if height is None or width is None or not isinstance(counts, list | str):
        raise DatasetError(f"{where}: expected run lengths with size [height, width] and counts")
    if (height, width) != (stated[0] or height, stated[1] or width):
        raise DatasetError(
            f"{where}: its run lengths are of {height} x {width} pixels, its image of "
            f"{stated[0]} x {stated[1]}; size is [height, width], save the file again"
        )
    try:
        pixels = decode_runs(counts, height, width)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error
    return (Stencil(np.ascontiguousarray(pixels)),)


def _check_once(drawings: list[Drawing]) -> None:
    seen: dict[Path | None, Path] = {}
    for drawing in drawings:
        if drawing.image in seen:
            raise DatasetError(
                f"{drawing.document}: lists {drawing.image}, and so does {seen[drawing.image]}; "
                "list it once, or leave one file out with --exclude"
            )
        seen[drawing.image] = drawing.document
