"""QuPath: a GeoJSON file an image, as File > Export objects as GeoJSON writes it.

The class is the classification's name. Where objects overlap the smaller counts, so that what lies
inside a larger object is kept whatever the order in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cellenhance.data.annotations.json_files import as_list, as_mapping, as_ring, load_json
from cellenhance.data.annotations.shapes import Annotation, Area, Shape, ring_area_px
from cellenhance.data.importers.annotated import (
    Drawing,
    DrawnSource,
    build_source,
    document_folder,
    first_document,
    list_documents,
    listed_labels,
)
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import path_label
from cellenhance.data.importers.image_lookup import ImageLookup
from cellenhance.errors import DatasetError
from cellenhance.texts import counted

SUFFIXES = (".geojson", ".json")
_GEOMETRIES = frozenset(
    {
        "Polygon",
        "MultiPolygon",
        "Point",
        "MultiPoint",
        "LineString",
        "MultiLineString",
        "GeometryCollection",
    }
)
_AREAS = ("Polygon", "MultiPolygon")


class QuPathImporter:
    """See the module."""

    name = "qupath"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of a GeoJSON file, or None."""
        path = first_document(source, options, SUFFIXES, is_geojson)
        return None if path is None else _reason(path, source)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return a pair a GeoJSON file; DatasetError when there is none, or one is damaged."""
        lookup = ImageLookup(source, options.images)
        drawings: list[Drawing] = []
        missing: list[str] = []
        n_without_area = 0
        for path in list_documents(document_folder(source, options), SUFFIXES, options.exclude):
            content = load_json(path)
            if not is_geojson(content):
                continue
            annotation, n_skipped = _read(path, content)
            n_without_area += n_skipped
            image = lookup.by_stem(_image_name(path), path)
            if image is None:
                missing.append(f"{path_label(path, source)} (no image of its name)")
                continue
            labels = tuple(dict.fromkeys(shape.label for shape in annotation.shapes))
            drawings.append(Drawing(image, path, labels, partial(read_qupath, path)))
        if not drawings and not missing:
            raise DatasetError(f"{source}: has no GeoJSON file; expected one per image")
        documents = [drawing.document for drawing in drawings]
        lines = counted(n_without_area, "point or line", "points and lines")
        notes = [f"{lines} left out: no area enclosed"]
        found = DrawnSource(
            drawings, listed_labels(source, documents), missing, notes if n_without_area else ()
        )
        reason = _reason(documents[0] if documents else source, source)
        return build_source(found, lookup, options, layout=self.name, reason=reason)


def is_geojson(content: Any) -> bool:
    """Tell whether a JSON value is a FeatureCollection, or a feature or a list of them."""
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        return True
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and first.get("type") == "Feature" and "geometry" in first


def read_qupath(path: Path) -> Annotation:
    """Return the areas of a GeoJSON file, larger ones first; DatasetError when it is damaged."""
    return _read(path, load_json(path))[0]


def _reason(path: Path, source: Path) -> str:
    return f"GeoJSON objects in {path_label(path, source)}"


def _image_name(path: Path) -> str:
    """Return the name or stem of the image that ``a.geojson`` or ``a.tif.geojson`` is about."""
    return path.name[: -len(path.suffix)]


def _read(path: Path, content: Any) -> tuple[Annotation, int]:
    """Return the areas, and how many objects have none."""
    if isinstance(content, dict):
        is_collection = content.get("type") == "FeatureCollection"
        content = content.get("features") if is_collection else [content]
    features = as_list(content, f"{path}: features")
    shapes, n_skipped = [], 0
    for number, value in enumerate(features, start=1):
        where = f"{path}, feature {number}"
        feature = as_mapping(value, where)
        areas = tuple(_areas(as_mapping(feature.get("geometry"), f"{where}: geometry"), where))
        label = _label(as_mapping(feature.get("properties") or {}, where), where)
        if areas:
            shapes.append(Shape(label, areas))
        else:
            n_skipped += 1
    shapes.sort(key=_size, reverse=True)
    return Annotation(tuple(shapes)), n_skipped


def _size(shape: Shape) -> float:
    return sum(abs(ring_area_px(part.rings[0])) for part in shape.parts if isinstance(part, Area))


def _areas(geometry: dict[str, Any], where: str) -> Iterator[Area]:
    kind = geometry.get("type")
    if kind not in _GEOMETRIES:
        raise DatasetError(
            f"{where}: its geometry is {str(kind)[:40]!r}; expected Polygon or MultiPolygon"
        )
    if kind == "GeometryCollection":
        for each in as_list(geometry.get("geometries"), where):
            yield from _areas(as_mapping(each, where), where)
    if kind not in _AREAS:
        return
    coordinates = as_list(geometry.get("coordinates"), f"{where}: coordinates")
    for polygon in [coordinates] if kind == "Polygon" else coordinates:
        rings = as_list(polygon, f"{where}: a polygon")
        if rings:
            yield Area(tuple(as_ring(ring, where) for ring in rings))


def _label(properties: dict[str, Any], where: str) -> str:
    """Return the classification: a name, names, or as older versions wrote it."""
    value = properties.get("classification")
    if isinstance(value, dict):
        names = value.get("names")
        value = ": ".join(map(str, names)) if isinstance(names, list) else value.get("name")
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise DatasetError(f"{where}: its classification is not a name; expected text")
    return value.strip()
