"""ImageJ's ROI files: one selection each, read as a shape and written from one.

Read are what encloses an area: polygon, freehand, traced, rectangle, oval, and composites of
straight lines and curves. Big-endian throughout.

Source: the header as `ij.io.RoiDecoder` and `RoiEncoder` of ImageJ 1.54 lay it out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.annotations.shapes import Area, Ring

MAGIC = b"Iout"
_HEADER, _HEADER2 = 64, 64
_VERSION = 228
_POLYGON, _RECTANGLE, _OVAL, _FREEHAND, _TRACED = 0, 1, 2, 7, 8
_LINES = {3: "line", 4: "freehand line", 5: "segmented line", 9: "angle", 10: "point"}
_TEXT, _ARROW, _IMAGE = 1, 2, 4
_SPLINE, _SUB_PIXEL = 1, 128
_OVAL_POINTS = 720
_CURVE_STEPS = 16
_MOVE, _LINE, _QUADRATIC, _CUBIC, _CLOSE = range(5)
_PATH_LENGTH = {_MOVE: 2, _LINE: 2, _QUADRATIC: 4, _CUBIC: 6, _CLOSE: 0}


@dataclass(frozen=True, slots=True)
class Roi:
    """One selection.

    Attributes
    ----------
    name : as the ROI Manager shows it, "" where the file has none
    group : 1 to 255, or 0 for none
    """

    name: str
    group: int
    area: Area


def decode_roi(data: bytes) -> Roi:
    """Return the selection in the bytes of a ``.roi`` file.

    Raises
    ------
    ValueError
        The bytes are no ROI file, are cut short, or the selection encloses no area.
    """
    if not data.startswith(MAGIC) or len(data) < _HEADER:
        raise ValueError("is not an ImageJ ROI")
    try:
        name, group = _name_and_group(data)
        area = _area(data)
    except struct.error as error:
        raise ValueError("is an ImageJ ROI that is cut short") from error
    if not area.rings or not all(np.isfinite(ring).all() for ring in area.rings):
        raise ValueError("is an ImageJ ROI without an outline")
    return Roi(name, group, area)


def encode_roi(roi: Roi) -> bytes:
    """Return an area as a ``.roi`` file: a polygon, or a composite where there are holes."""
    points = np.concatenate(roi.area.rings)
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    is_polygon = len(roi.area.rings) == 1 and len(points) < 2**16
    if is_polygon:
        whole = np.rint(points - (left, top)).astype(">i2")
        body = b"".join(each.tobytes() for each in whole.T)
        body += b"".join(each.astype(">f4").tobytes() for each in points.T)
    else:
        body = _path_of(roi.area).astype(">f4").tobytes()
    header = bytearray(_HEADER)
    header[:4] = MAGIC
    kind = _POLYGON if is_polygon else _RECTANGLE
    struct.pack_into(">hBx4h", header, 4, _VERSION, kind, top, left, bottom, right)
    if is_polygon:
        struct.pack_into(">H", header, 16, len(points))
        struct.pack_into(">h", header, 50, _SUB_PIXEL)
    else:
        struct.pack_into(">i", header, 36, len(body) // 4)
    start2 = _HEADER + len(body)
    struct.pack_into(">i", header, 60, start2)
    header2 = bytearray(_HEADER2)
    name = roi.name.encode("utf-16-be")
    struct.pack_into(">ii", header2, 16, start2 + _HEADER2, len(name) // 2)
    struct.pack_into(">B", header2, 30, roi.group)
    return bytes(header) + body + bytes(header2) + name


def _name_and_group(data: bytes) -> tuple[str, int]:
    version, start = _read(">h", data, 4)[0], _read(">i", data, 60)[0]
    if start <= 0 or start + 31 > len(data):
        return "", 0
    offset, length = _read(">ii", data, start + 16)
    group = data[start + 30] if version >= 228 else 0
    if offset <= 0 or not 0 < length < 4096 or offset + 2 * length > len(data):
        return "", group
    return data[offset : offset + 2 * length].decode("utf-16-be", "replace"), group


def _area(data: bytes) -> Area:
    version, kind = _read(">hB", data, 4)
    top, left, bottom, right = _read(">4h", data, 8)
    subtype, options = _read(">hh", data, 48)
    path_length = _read(">i", data, 36)[0]
    is_sub_pixel = bool(options & _SUB_PIXEL) and version >= 222
    if kind in _LINES or subtype in (_TEXT, _ARROW, _IMAGE):
        what = _LINES.get(kind) or {_TEXT: "text", _ARROW: "arrow", _IMAGE: "image"}[subtype]
        raise ValueError(
            f"is a {what} selection, which encloses no area; expected polygons, freehand or traced "
            "selections, rectangles, ovals or composites"
        )
    if path_length > 0:
        return _area_of_path(_floats(data, _HEADER, path_length))
    if kind in (_RECTANGLE, _OVAL):
        if is_sub_pixel and version >= 223:
            x, y, width, height = _read(">4f", data, 18)
        else:
            x, y, width, height = left, top, right - left, bottom - top
        return _rectangle(x, y, width, height) if kind == _RECTANGLE else _oval(x, y, width, height)
    if kind not in (_POLYGON, _FREEHAND, _TRACED):
        raise ValueError(f"is an ImageJ ROI of kind {kind}, which is not read")
    if options & _SPLINE:
        raise ValueError(
            "is a spline fit; use Edit > Selection > Interpolate in ImageJ and save it"
        )
    n_points = _read(">H", data, 16)[0] or _read(">i", data, 18)[0]
    if is_sub_pixel:
        xy = _floats(data, _HEADER + 4 * n_points, 2 * n_points)
        return Area((xy.reshape(2, n_points).T,))
    if _HEADER + 4 * n_points > len(data) or n_points < 0:
        raise ValueError("is an ImageJ ROI that is cut short")
    whole = np.frombuffer(data, ">i2", 2 * n_points, _HEADER).reshape(2, n_points).T
    return Area((whole + np.array([left, top], dtype=np.float64),)) if n_points else Area(())


def _read(form: str, data: bytes, offset: int) -> tuple[int, ...]:
    return struct.unpack_from(form, data, offset)


def _floats(data: bytes, offset: int, number: int) -> NDArray[np.float64]:
    if number < 0 or offset + 4 * number > len(data):
        raise ValueError("is an ImageJ ROI that is cut short")
    return np.frombuffer(data, ">f4", number, offset).astype(np.float64)


def _rectangle(x: float, y: float, width: float, height: float) -> Area:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return Area((np.array(corners, dtype=np.float64),))


def _oval(x: float, y: float, width: float, height: float) -> Area:
    angle = np.linspace(0, 2 * np.pi, _OVAL_POINTS, endpoint=False)
    center = np.array([x + width / 2, y + height / 2])
    return Area((center + np.stack([np.cos(angle) * width, np.sin(angle) * height], axis=1) / 2,))


def _path_of(area: Area) -> NDArray[np.float64]:
    pieces = []
    for ring in area.rings:
        steps = np.column_stack([np.full(len(ring), _LINE), ring])
        steps[0, 0] = _MOVE
        pieces += [steps.ravel(), np.array([_CLOSE], dtype=np.float64)]
    return np.concatenate(pieces)


def _area_of_path(path: NDArray[np.float64]) -> Area:
    """Return the closed lines of a composite; curves become short straight pieces."""
    rings: list[list[NDArray[np.float64]]] = []
    place = 0
    while place < len(path):
        step = int(path[place]) if np.isfinite(path[place]) else -1
        length = _PATH_LENGTH.get(step)
        points = path[place + 1 : place + 1 + (length or 0)].reshape(-1, 2)
        if length is None or 2 * len(points) != length or (step != _MOVE and not rings):
            raise ValueError("is a composite ImageJ ROI whose path is damaged")
        if step == _MOVE:
            rings.append([points[0]])
        elif step != _CLOSE:
            rings[-1] += _bezier(np.vstack([rings[-1][-1], points]))
        place += 1 + length
    return Area(tuple(np.array(ring) for ring in rings if len(ring) > 2))


def _bezier(control: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return points of the line or Bezier curve that `control` gives, without its start."""
    if len(control) == 2:
        return [control[1]]
    points = []
    for part in np.linspace(0, 1, _CURVE_STEPS + 1)[1:]:
        line = control
        while len(line) > 1:
            line = line[:-1] + part * (line[1:] - line[:-1])
        points.append(line[0])
    return points


__all__ = ["MAGIC", "Ring", "Roi", "decode_roi", "encode_roi"]
