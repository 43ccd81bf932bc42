"""How large a pixel is: a side in um, or height and width where they differ.

A float is the side of a square; a pair is (height, width): down a column, along a row. In YAML and
JSON a pair is written with the two words, so that nobody mistakes one for the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

PixelSize: TypeAlias = float | tuple[float, float]
"""Side of a pixel in um, or its (height, width)."""

_SAME = 1e-5
"""Sides that differ by less than this share are one number that was rounded in two ways."""
_DIGITS = 7
MOST_ALIKE = 1.5
"""Objects that are so much larger or smaller than in training, a network may still know."""


def pixel_size(height: float | None, width: float | None) -> PixelSize | None:
    """Return the size of a pixel with these sides in um; None where one is no positive number.

    A side that is not known (None) is taken for as long as the other, as in Bio-Formats.

    Examples
    --------
    >>> pixel_size(0.65, 0.325), pixel_size(0.5, 0.5), pixel_size(None, 0.5), pixel_size(0, 0.5)
    ((0.65, 0.325), 0.5, 0.5, None)
    """
    height, width = width if height is None else height, height if width is None else width
    if height is None or width is None or not _is_length(height) or not _is_length(width):
        return None
    height, width = (float(f"{side:.{_DIGITS}g}") for side in (height, width))
    return width if abs(height - width) <= _SAME * max(height, width) else (height, width)


def pixel_sides(size: PixelSize) -> tuple[float, float]:
    """Return height and width of a pixel in um."""
    return size if isinstance(size, tuple) else (size, size)


def pixel_area(size: PixelSize) -> float:
    """Return the area of a pixel in um2.

    Examples
    --------
    >>> pixel_area(0.5), pixel_area((0.5, 0.25))
    (0.25, 0.125)
    """
    height, width = pixel_sides(size)
    return height * width


def enlarged(size: PixelSize | None, factor: float) -> PixelSize | None:
    """Return the size of pixels that stand for `factor` of them in each direction."""
    if size is None:
        return None
    return size * factor if isinstance(size, float) else (size[0] * factor, size[1] * factor)


def transposed(size: PixelSize | None) -> PixelSize | None:
    """Return the size of a pixel whose rows have become columns."""
    return size[::-1] if isinstance(size, tuple) else size


def is_another_scale(size: PixelSize | None, other: PixelSize | None) -> bool:
    """Tell whether two known sizes differ by more than half on a side.

    Examples
    --------
    >>> is_another_scale(0.5, 0.4), is_another_scale(0.5, (0.5, 0.3)), is_another_scale(None, 0.5)
    (False, True, False)
    """
    if size is None or other is None:
        return False
    pairs = zip(pixel_sides(size), pixel_sides(other), strict=True)
    return any(max(pair) > MOST_ALIKE * min(pair) for pair in pairs)


def describe_pixel_size(size: PixelSize | None) -> str:
    """Return a pixel size in words.

    Examples
    --------
    >>> describe_pixel_size(0.325), describe_pixel_size((0.65, 0.325)), describe_pixel_size(None)
    ('0.325 um', '0.65 um high, 0.325 um wide', 'unknown')
    """
    if size is None:
        return "unknown"
    if isinstance(size, tuple):
        return f"{size[0]:g} um high, {size[1]:g} um wide"
    return f"{size:g} um"


def pixel_size_option(size: PixelSize) -> str:
    """Return a pixel size as ``--pixel-size`` takes it: a number, or height and width."""
    return ",".join(f"{side:g}" for side in size) if isinstance(size, tuple) else f"{size:g}"


def write_pixel_size(size: PixelSize | None) -> float | dict[str, float] | None:
    """Return a pixel size as it stands in YAML and JSON."""
    return {"height": size[0], "width": size[1]} if isinstance(size, tuple) else size


def parse_pixel_size(value: Any) -> PixelSize | None:
    """Return what `write_pixel_size` or `pixel_size_option` gave; ValueError for anything else.

    Examples
    --------
    >>> parse_pixel_size("0.65,0.325"), parse_pixel_size({"height": 0.65, "width": 0.325})
    ((0.65, 0.325), (0.65, 0.325))
    """
    if value is None:
        return None
    sides = value.split(",") if isinstance(value, str) else value
    if isinstance(value, Mapping):
        sides = [value.get("height"), value.get("width")] if len(value) == 2 else []
    sides = sides if isinstance(sides, list | tuple) else [sides]
    try:
        numbers = [float(side) for side in sides]
    except (TypeError, ValueError):
        numbers = []
    if not 1 <= len(numbers) <= 2 or not all(map(_is_length, numbers)):
        raise ValueError("expected a positive number of um, or height and width as in 0.65,0.325")
    height, width = numbers[0], numbers[-1]
    return width if height == width else (height, width)


def _is_length(side: float) -> bool:
    return math.isfinite(side) and side > 0


PixelSizeField: TypeAlias = Annotated[
    PixelSize,
    BeforeValidator(parse_pixel_size),
    PlainSerializer(write_pixel_size),
]
"""A pixel size in settings and options, written as one number or as height and width."""
