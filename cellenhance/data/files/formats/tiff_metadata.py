"""Pixel size and channel names out of OME, ImageJ, our own and plain TIFF metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cellenhance.data.files.formats.ome_images import children
from cellenhance.pixel_size import PixelSize, parse_pixel_size, pixel_sides, pixel_size

_UM_PER = {
    **dict.fromkeys(("um", "µm", "micron", "microns", "micrometer", "micrometers"), 1.0),
    **dict.fromkeys(("micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25_400.0),
    **dict.fromkeys(("pm", "picometer", "picometers"), 1e-6),
    **dict.fromkeys(("å", "angstrom", "angstroms"), 1e-4),
}
_SAME_LETTERS = (("\\u00B5", "µ"), ("\\u00b5", "µ"), ("μ", "µ"), ("Â", ""))
"""Ways in which programs write the letter: escaped, the Greek one, UTF-8 taken for Latin-1."""
_TAG_UNIT_UM = {2: 25_400.0, 3: 10_000.0}
LARGEST_BELIEVED_UM = 10.0
"""Resolution tags above this are printing resolutions (72 dpi), not microscopes."""


def read_pixel_size(file: Any, page: Any, ome: Any = None) -> PixelSize | None:
    """Return the size of a pixel, or None when the file does not know it.

    Our own files and OME and ImageJ metadata are believed; bare resolution tags only up to
    `LARGEST_BELIEVED_UM`, since most programs write a printing resolution there. A side with an
    unknown unit makes the whole size unknown.

    Parameters
    ----------
    page : whose resolution tags count
    ome : the XML element of the pixels, of which an OME file may have several
    """
    own = _own_metadata(file).get("pixel_size_um")
    if own is not None:
        try:
            return parse_pixel_size(own)
        except ValueError:
            return None
    if ome is not None:
        sides = [_length(ome.get(f"PhysicalSize{axis}"), _ome_unit(ome, axis)) for axis in "YX"]
        return _size_of(sides)
    if file.is_ome:
        return None
    per_px = [_resolution(page, f"{axis}Resolution") for axis in "YX"]
    if file.is_imagej:
        says = file.imagej_metadata or {}
        unit = says.get("unit", "")
        units = [_um_per(says.get("yunit", unit)), _um_per(unit)]
    else:
        units = [_TAG_UNIT_UM.get(int(page.resolutionunit or 0))] * 2
    sides = [
        None if resolution is None else (unit or math.nan) / resolution
        for unit, resolution in zip(units, per_px, strict=True)
    ]
    size = _size_of(sides)
    if size is None or file.is_imagej or max(pixel_sides(size)) <= LARGEST_BELIEVED_UM:
        return size
    return None


def read_channel_names(file: Any, ome: Any = None) -> tuple[str, ...]:
    """Return the names of the C axis, empty when there are none; `ome` as in `read_pixel_size`."""
    own = _own_metadata(file).get("channel_names")
    if isinstance(own, list) and all(isinstance(name, str) for name in own):
        return tuple(own)
    names = [] if ome is None else [each.get("Name") for each in children(ome, "Channel")]
    return tuple(str(name) for name in names) if names and all(names) else ()


def _own_metadata(file: Any) -> dict[str, Any]:
    metadata = file.shaped_metadata if file.is_shaped else None
    return dict(metadata[0]) if metadata else {}


def _size_of(sides: Sequence[float | None]) -> PixelSize | None:
    height, width = sides
    return pixel_size(height, width)


def _ome_unit(pixels: Any, axis: str) -> float | None:
    return _um_per(pixels.get(f"PhysicalSize{axis}Unit", "µm"))


def _um_per(unit: object) -> float | None:
    """Return how many um a unit of length is, None for a word that is none."""
    word = str(unit).strip()
    for written, meant in _SAME_LETTERS:
        word = word.replace(written, meant)
    return _UM_PER.get(word) or _UM_PER.get(word.lower())


def _length(text: str | None, um_per: float | None) -> float | None:
    """Return a length in um: None where nothing is stated, NaN where it has no known unit."""
    if not text:
        return None
    try:
        return float(text) * (um_per or math.nan)
    except ValueError:
        return math.nan


def _resolution(page: Any, name: str) -> float | None:
    """Return the pixels per unit of a resolution tag; None without one, NaN for a senseless one."""
    tag = page.tags.get(name)
    if tag is None or not isinstance(tag.value, tuple):
        return None
    above, below = tag.value
    return float(above) / float(below) if above and below else math.nan
