"""LabelMe: a JSON file an image, with shapes, versions 4 and 5.

Coordinate 0 is the centre of pixel 0, as tracers of masks write it, and pixel centres on an outline
belong to the shape. LabelMe itself also paints the pixels that an outline merely crosses, so its
own masks are about half a pixel larger. Lines and points are as wide as LabelMe draws them: 10 px,
and a disc of radius 5 px.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.annotations.json_files import (
    as_list,
    as_mapping,
    as_ring,
    as_size,
    load_json,
)
from cellenhance.data.annotations.shapes import Annotation, Area, Ring, Shape, Stencil
from cellenhance.data.files.readers import read_mask
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
from cellenhance.errors import DatasetError, ImageReadError
from cellenhance.texts import counted

LINE_WIDTH_PX, POINT_RADIUS_PX = 10.0, 5.0
CENTER = 0.5
"""From LabelMe's coordinates, which count pixel centres, to ours, which count corners."""
_EDGE = 1e-4 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
"""Moved by these, an outline takes in the pixel centres that lie on it, as LabelMe does."""
_CIRCLE_POINTS = 360


class LabelMeImporter:
    """See the module."""

    name = "labelme"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of a LabelMe file, or None."""
        path = first_document(source, options, (".json",), is_labelme)
        return None if path is None else _reason(path, source)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return a pair a LabelMe file; DatasetError when there is none, or one is damaged."""
        lookup = ImageLookup(source, options.images)
        drawings, missing, others, counts = [], [], [], dict.fromkeys(("line", "point"), 0)
        for path in list_documents(document_folder(source, options), (".json",), options.exclude):
            content = load_json(path)
            if not is_labelme(content):
                others.append(path_label(path, source))
                continue
            drawing = _drawing(path, content, lookup)
            if drawing is None:
                missing.append(f"{path_label(path, source)} (its image '{content['imagePath']}')")
                continue
            drawings.append(drawing)
            for shape in content["shapes"]:
                kind = str(shape.get("shape_type")).replace("linestrip", "line")
                counts[kind] = counts.get(kind, 0) + 1
        if not drawings and not missing:
            raise DatasetError(
                f"{source}: has no LabelMe JSON file (with shapes and imagePath); expected one "
                "per image"
            )
        documents = [drawing.document for drawing in drawings]
        notes = [f"left out: {', '.join(others[:6])}"] if others else []
        if counts["line"] or counts["point"]:
            notes.append(
                f"drawn as in LabelMe: {counted(counts['line'], 'line')} {LINE_WIDTH_PX:g} px "
                f"wide, {counted(counts['point'], 'point')} as discs of radius "
                f"{POINT_RADIUS_PX:g} px"
            )
        found = DrawnSource(drawings, listed_labels(source, documents), missing, notes)
        reason = _reason(documents[0] if documents else source, source)
        return build_source(found, lookup, options, layout=self.name, reason=reason)


def is_labelme(content: Any) -> bool:
    """Tell whether a JSON value looks like a LabelMe file."""
    return isinstance(content, dict) and {"shapes", "imagePath"} <= content.keys()


def read_labelme(path: Path) -> Annotation:
    """Return the shapes of a LabelMe file in their order.

    Raises
    ------
    DatasetError
        The file is damaged or has a shape of a kind that is not read.
    """
    content = as_mapping(load_json(path), str(path))
    shapes = as_list(content.get("shapes"), f"{path}: shapes")
    return Annotation(
        tuple(_shape(each, f"{path}, shape {i + 1}") for i, each in enumerate(shapes)),
        as_size(content.get("imageHeight"), str(path)),
        as_size(content.get("imageWidth"), str(path)),
    )


def _reason(path: Path, source: Path) -> str:
    return f"LabelMe shapes in {path_label(path, source)}"


def _drawing(path: Path, content: dict[str, Any], lookup: ImageLookup) -> Drawing | None:
    """Return what a LabelMe file says, None when neither its image nor a picture is there."""
    shapes = as_list(content["shapes"], f"{path}: shapes")
    labels = tuple(dict.fromkeys(_label(s, f"{path}, shape {i + 1}") for i, s in enumerate(shapes)))
    image = lookup.by_path(str(content["imagePath"] or ""), path)
    if image is None and not content.get("imageData"):
        return None
    picture = partial(_picture, path) if image is None else None
    return Drawing(image, path, labels, partial(read_labelme, path), picture)


def _picture(path: Path) -> bytes:
    return _decode(as_mapping(load_json(path), str(path)).get("imageData"), f"{path}: imageData")


def _decode(text: Any, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise DatasetError(f"{where}: is not base64 text; save the file again") from error


def _label(shape: Any, where: str) -> str:
    label = as_mapping(shape, where).get("label")
    if not isinstance(label, str):
        raise DatasetError(f"{where}: has no label; give it one in LabelMe")
    return label.strip()


def _shape(value: Any, where: str) -> Shape:
    shape = as_mapping(value, where)
    kind = shape.get("shape_type") or "polygon"
    label = _label(shape, where)
    least = {"polygon": 3, "oriented_rectangle": 4, "point": 1, "points": 1}.get(kind, 2)
    points = as_ring(shape.get("points"), where, least) + CENTER
    if kind in ("polygon", "oriented_rectangle"):
        return Shape(label, closed_areas(points))
    if kind == "rectangle":
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return Shape(label, closed_areas(np.array(corners)))
    if kind == "circle":
        return Shape(
            label, (Area((_circle(points[0], float(np.hypot(*(points[1] - points[0])))),)),)
        )
    if kind == "point":
        return Shape(label, (Area((_circle(points[0], POINT_RADIUS_PX),)),))
    if kind in ("line", "linestrip"):
        return Shape(label, tuple(Area((ring,)) for ring in _strokes(points)))
    if kind == "mask":
        return Shape(label, (_stencil(shape.get("mask"), points - CENTER, where),))
    raise DatasetError(
        f"{where}: is of the kind '{str(kind)[:40]}'; expected polygon, rectangle, circle, line, "
        "linestrip, point or mask, draw it as one of these"
    )


def closed_areas(points: Ring) -> tuple[Area, ...]:
    """Return an area with the pixel centres on its outline."""
    return tuple(Area((points + step,)) for step in _EDGE)


def _circle(center: NDArray[np.float64], radius: float) -> Ring:
    angle = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)
    radius += 1e-3  # takes in the pixel centres on the circle
    return center + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _strokes(points: Ring) -> list[Ring]:
    """Return a rectangle of the line width along each piece of a line."""
    rings = []
    for start, end in pairwise(points):
        along = end - start
        length = float(np.hypot(*along))
        if length:
            side = np.array([-along[1], along[0]]) / length * LINE_WIDTH_PX / 2
            rings.append(np.array([start + side, end + side, end - side, start - side]))
    return rings


def _stencil(text: Any, corners: Ring, where: str) -> Stencil:
    """Return the picture of a mask shape at the pixel that its first corner names."""
    with tempfile.TemporaryDirectory(prefix="cellenhance-") as folder:
        path = Path(folder) / "mask.png"
        path.write_bytes(_decode(text, f"{where}: mask"))
        try:
            pixels = read_mask(path)
        except ImageReadError as error:
            reason = str(error).replace(str(path), "its mask")
            raise DatasetError(f"{where}: {reason}") from error
    left, top = np.rint(corners.min(axis=0)).astype(int).tolist()
    inside: NDArray[np.bool_] = (pixels if pixels.ndim == 2 else pixels.max(axis=2)) != 0
    return Stencil(inside, top, left)
