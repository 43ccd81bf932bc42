"""What an OME-XML text says of its images: their axes, and in which file each page lies.

Opens no file. Numbers in the text are not believed until a page is looked for: a plane count of a
million million takes no memory.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

_MOST_CHANNELS = 65_536
_FORBIDDEN = re.compile(r"<!(DOCTYPE|ENTITY)")


@dataclass(frozen=True, slots=True)
class PageRun:
    """Pages that follow each other in one file, for planes that follow each other in an image.

    Attributes
    ----------
    first, count : planes, counted in the order of `OmeImage.axes`; a count of None is "the rest"
    ifd : the first of the pages
    file : name of the file as the text has it, "" for the file that holds the text
    uuid : of that file, "" where the text has none
    """

    first: int
    count: int | None
    ifd: int
    file: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One image of an OME-XML text.

    Attributes
    ----------
    axes : the letters of its planes, the slowest first, such as "TZC"
    lengths : one a letter; C counts the channels that have pages of their own
    samples : colours in one page
    pixels : the XML element, with pixel size and channels
    """

    name: str
    axes: str
    lengths: tuple[int, ...]
    samples: int
    runs: tuple[PageRun, ...]
    pixels: Any = field(repr=False)

    @property
    def n_channels(self) -> int:
        """Number of channels that have pages of their own."""
        return self.lengths[self.axes.index("C")]

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the pages, None where it is not stated in numbers."""
        stated = [self.pixels.get(name) or "" for name in ("SizeY", "SizeX")]
        height, width = (int(text) if text.isdecimal() else None for text in stated)
        return None if height is None or width is None else (height, width)

    @property
    def n_planes(self) -> int:
        """Number of pages that the whole image has."""
        return math.prod(self.lengths)

    def place(self, plane: int) -> tuple[int, ...]:
        """Return the index on each axis of a plane that is counted in the order of `axes`."""
        index: list[int] = []
        for length in reversed(self.lengths):
            plane, here = divmod(plane, length)
            index.append(here)
        return tuple(reversed(index))

    def run_at(self, place: tuple[int, ...]) -> tuple[PageRun, int] | None:
        """Return the run that holds a place, and how far into it; None where no page is named."""
        plane = 0
        for length, here in zip(self.lengths, place, strict=True):
            plane = plane * length + here
        at = bisect_right(self.runs, plane, key=lambda run: run.first) - 1
        if at < 0:
            return None
        run, step = self.runs[at], plane - self.runs[at].first
        return (run, step) if run.count is None or step < run.count else None


def parse_ome(text: str | None) -> Any:
    """Return the root element, None for a text that is no XML or has a document type."""
    if not text or _FORBIDDEN.search(text):
        return None
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None


def children(element: Any, tag: str) -> Iterator[Any]:
    """Yield the children of this name, in whatever version of the schema."""
    return (each for each in element if each.tag.rpartition("}")[2] == tag)


def read_images(root: Any) -> tuple[OmeImage, ...]:
    """Return the images of an OME-XML text; ValueError when a number in it is none."""
    return tuple(
        _read_image(image.get("Name") or "", pixels)
        for image in children(root, "Image")
        for pixels in children(image, "Pixels")
    )


def _read_image(name: str, pixels: Any) -> OmeImage:
    order = pixels.get("DimensionOrder", "XYCZT")
    axes = order[:1:-1]
    if order[:2] != "XY" or sorted(axes) != ["C", "T", "Z"]:
        raise ValueError(f"OME-XML with the dimension order {order[:20]!r}")
    samples = {int(each.get("SamplesPerPixel", 1)) for each in children(pixels, "Channel")} or {1}
    if len(samples) > 1 or min(samples) < 1:
        raise ValueError(f"OME-XML with channels of {sorted(samples)} samples")
    [n_samples] = samples
    lengths = {axis: int(pixels.get(f"Size{axis}", 1)) for axis in axes}
    lengths["C"] = max(1, lengths["C"] // n_samples)
    if min(lengths.values()) < 1 or lengths["C"] > _MOST_CHANNELS:
        raise ValueError(f"OME-XML with the sizes {lengths}")
    shape = tuple(lengths[axis] for axis in axes)
    read = (_read_run(each, axes, shape) for each in children(pixels, "TiffData"))
    runs = {run.first: run for run in read if run is not None}
    ordered = tuple(runs[first] for first in sorted(runs))
    return OmeImage(name, axes, shape, n_samples, ordered, pixels)


def _read_run(data: Any, axes: str, shape: tuple[int, ...]) -> PageRun | None:
    """Return a TiffData element; None for planes that the image has not, as cropping leaves."""
    first = 0
    for axis, length in zip(axes, shape, strict=True):
        here = int(data.get(f"First{axis}", 0))
        if not 0 <= here < length:
            return None
        first = first * length + here
    stated = data.get("PlaneCount", data.get("NumPlanes"))
    count = 1 if "IFD" in data.attrib else None
    uuid = next(children(data, "UUID"), None)
    return PageRun(
        first=first,
        count=count if stated is None else int(stated),
        ifd=int(data.get("IFD", 0)),
        file="" if uuid is None else uuid.get("FileName", ""),
        uuid="" if uuid is None else (uuid.text or "").strip(),
    )
