"""A page on which translated images are looked at: records in, one HTML file out.

Every image has a slider between its input and a filter or an enhanced image, outlines that are
switched on and off, and panels that zoom and move together. The page needs no internet: pictures
are inlined, or lie beside it when there are too many, and its content policy forbids all else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np
from imagecodecs import jpeg8_encode
from jinja2 import Environment, StrictUndefined

from cellenhance.render.contours import Outline
from cellenhance.render.display import RgbArray, halo_color

MOST_INLINE = 200
"""Pages of more images keep their pictures in files beside them."""

_INLINE_BYTES = 90_000_000
_BYTES_PER_PIXEL = 0.68
"""Of a noisy grey JPEG of quality 75, as base64 (measured on four sets at 10 photons)."""
_SMALLEST_PX, _LARGEST_PX = 192, 1024
_JPEG_QUALITY = 75

Kind = Literal["input", "filter", "enhanced"]


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture of an image, (h, w, 3) uint8 as it is shown, and a line on how to read it."""

    name: str
    kind: Kind
    rgb: RgbArray
    note: str = ""


@dataclass(frozen=True, slots=True)
class ShownOutlines:
    """The outlines of one mask, in pixels of the image that `ExploredImage` states."""

    name: str
    outlines: tuple[Outline, ...]
    is_on: bool = False


@dataclass(frozen=True, slots=True)
class ExploredImage:
    """One image of the page.

    Attributes
    ----------
    height, width : px of the image in which outlines are given; all pictures show the whole of it
    pictures : the input first
    numbers : label and value, as texts
    confidence : in [0, 1], by which images can be sorted; None where it is unknown
    """

    name: str
    height: int
    width: int
    pictures: tuple[ShownPicture, ...]
    outlines: tuple[ShownOutlines, ...]
    numbers: tuple[tuple[str, str], ...]
    confidence: float | None


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as the page keeps it: its data for the script, and its pictures as JPEG."""

    data: Mapping[str, Any]
    pictures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ExplorerPage:
    """The page and the files beside it, by their paths relative to the page."""

    html: str
    files: Mapping[str, bytes]


def picture_side(n_images: int, n_pictures: int) -> int:
    """Return the largest side of a picture, px, so that a page of them stays under 100 MB.

    Parameters
    ----------
    n_pictures : pictures of one image

    Examples
    --------
    >>> picture_side(1, 5), picture_side(200, 5)
    (1024, 363)
    """
    if n_images > MOST_INLINE:
        return _LARGEST_PX
    side = math.isqrt(int(_INLINE_BYTES / (max(1, n_images * n_pictures) * _BYTES_PER_PIXEL)))
    return min(_LARGEST_PX, max(_SMALLEST_PX, side))


def encode_image(image: ExploredImage, side_px: int) -> EncodedImage:
    """Return an image with pictures whose sides have at most `side_px` pixels.

    Larger pictures lose rows and columns; neighbours are not averaged, since that would remove
    noise that the microscope recorded.
    """
    data = {
        "name": image.name,
        "height": image.height,
        "width": image.width,
        "confidence": image.confidence,
        "numbers": [list(each) for each in image.numbers],
        "pictures": [
            {"name": each.name, "kind": each.kind, "note": each.note} for each in image.pictures
        ],
        "outlines": [
            {
                "name": each.name,
                "on": each.is_on,
                "paths": [_path_data(outline) for outline in each.outlines],
            }
            for each in image.outlines
        ],
    }
    pictures = tuple(_to_jpeg(_thinned(each.rgb, side_px)) for each in image.pictures)
    return EncodedImage(data, pictures)


def _thinned(rgb: RgbArray, side_px: int) -> RgbArray:
    """Return evenly spaced rows and columns of `rgb`, at most `side_px` of each."""
    largest = max(rgb.shape[:2])
    if largest <= side_px:
        return rgb
    rows, cols = (
        ((np.arange(n) + 0.5) * side / n).astype(np.intp)
        for side, n in ((side, max(1, side * side_px // largest)) for side in rgb.shape[:2])
    )
    return np.ascontiguousarray(rgb[rows][:, cols])


def _to_jpeg(rgb: RgbArray) -> bytes:
    is_grey = bool((rgb == rgb[..., :1]).all())
    pixels = np.ascontiguousarray(rgb[..., 0]) if is_grey else rgb
    return bytes(jpeg8_encode(pixels, level=_JPEG_QUALITY))


def _path_data(outline: Outline) -> dict[str, object]:
    """Return an outline as the data of an SVG path; half pixels are exact with one decimal."""
    rings = (
        "M" + " ".join(f"{x:g},{y:g}" for x, y in np.round(ring[:-1], 1)) + "Z"
        for ring in outline.rings
    )
    return {
        "d": "".join(rings),
        "color": outline.color,
        "halo": halo_color(outline.color),
        "dashed": outline.dashed,
    }


def render_explorer(
    images: Sequence[EncodedImage],
    *,
    title: str,
    subtitle: str,
    classes: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> ExplorerPage:
    """Return the page of all `images`.

    Parameters
    ----------
    classes : name and #rrggbb of each class
    notes : sentences on how to read the page
    """
    files: dict[str, bytes] = {}
    rows = []
    for number, image in enumerate(images):
        pictures = []
        for place, (about, jpeg) in enumerate(
            zip(image.data["pictures"], image.pictures, strict=True)
        ):
            source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
            if len(images) > MOST_INLINE:
                source = f"pictures/{number:05d}-{place}.jpg"
                files[source] = jpeg
            pictures.append({**about, "source": source})
        rows.append({**image.data, "pictures": pictures})
    room = resources.files("cellenhance.render.explorer")
    script = room.joinpath("page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.from_string(
        room.joinpath("page.html.j2").read_text(encoding="utf-8")
    ).render(
        title=title,
        subtitle=subtitle,
        classes=classes,
        notes=notes,
        script=script,
        digest=digest,
        data=_script_safe(rows),
    )
    return ExplorerPage(html, files)


def _script_safe(value: object) -> str:
    """Return JSON that cannot close the script element that holds it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
