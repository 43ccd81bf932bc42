"""Pixel size and channel names out of OME, ImageJ, our own and plain TIFF metadata."""

from __future__ import annotations

import math
from typing import Any

from cellenhance.data.files.formats.ome_images import children

_UM_PER = {
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25_400.0,
}
_TAG_UNIT_UM = {2: 25_400.0, 3: 10_000.0}
LARGEST_BELIEVED_UM = 10.0
"""Resolution tags above this are printing resolutions (72 dpi), not microscopes."""


def read_pixel_size(file: Any, ome: Any = None) -> float | None:
    """Return the side of a pixel in um, or None when the file does not know it.

    Our own files and OME and ImageJ metadata are believed; bare resolution tags only up to
    `LARGEST_BELIEVED_UM`, since most programs write a printing resolution there.

    Parameters
    ----------
    ome : the XML element of the pixels, of which an OME file may have several
    """
    own = _own_metadata(file).get("pixel_size_um")
    if isinstance(own, int | float):
        return _positive(float(own))
    if ome is not None:
        size, unit = _number(ome.get("PhysicalSizeX")), ome.get("PhysicalSizeXUnit", "µm")
        return _positive(size * _UM_PER[unit]) if size and unit in _UM_PER else None
    if file.is_ome:
        return None
    resolution = _resolution(file)
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ").strip()
        return _positive(_UM_PER[unit] / resolution) if resolution and unit in _UM_PER else None
    unit_um = _TAG_UNIT_UM.get(int(file.pages[0].resolutionunit or 0))
    if not resolution or unit_um is None:
        return None
    size = _positive(unit_um / resolution)
    return size if size is not None and size <= LARGEST_BELIEVED_UM else None


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


def _resolution(file: Any) -> float | None:
    tag = file.pages[0].tags.get("XResolution")
    if tag is None or not isinstance(tag.value, tuple) or not tag.value[1]:
        return None
    return float(tag.value[0]) / float(tag.value[1])


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _positive(value: float) -> float | None:
    return float(f"{value:.7g}") if math.isfinite(value) and value > 0 else None
