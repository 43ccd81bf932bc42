"""Which images a TIFF file holds: each as its pages, in the order of its axes.

Reduced copies (pyramids, thumbnails) are no images of their own. OME files that lack pages of which
their XML speaks are read by `ome_set`.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

from cellenhance.data.files.formats.ome_images import parse_ome, read_images
from cellenhance.data.files.formats.orientation import MIXED, UPRIGHT, valid_mark

_ORIENTATION, _SHORT, _MOST_TAGS = 274, 3, 1000

Place: TypeAlias = tuple[int, ...]
"""Where a plane stands on each of its axes."""


@dataclass(frozen=True, slots=True)
class PageStack:
    """One image of a file.

    Attributes
    ----------
    name : as the file calls the image, "" where it does not
    axes, shape : a letter and a length for each axis, colour samples included
    pages : for each place of the leading axes, the last one fastest
    keyframe : the page that says how pixels lie in all of them
    offset : of all pixels, where they lie in the file in one piece, else None
    channels : those of the image that are here, None for all of them
    ome : the XML element of the pixels in an OME file, else None
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    pages: Sequence[Any]
    keyframe: Any
    offset: int | None = None
    channels: tuple[int, ...] | None = None
    ome: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeptPages:
    """The pages of the planes that are there; axes and lengths of the planes, C the last."""

    axes: str
    shape: tuple[int, ...]
    pages: tuple[Any, ...]
    channels: tuple[int, ...]


def stacks_of(file: Any) -> tuple[PageStack, ...]:
    """Return the images of an open TIFF file; ValueError when there is none."""
    if not file.series:
        raise ValueError("it holds no image")
    series = [each for each in file.series if each.index == 0 or not each.keyframe.is_reduced]
    root = parse_ome(file.ome_metadata) if file.is_ome else None
    images = () if root is None else read_images(root)
    # tifffile leaves out images that it cannot read: then nobody knows which is which.
    elements = [image.pixels for image in images] if len(images) == len(series) else []
    return tuple(
        _stack_of(each, elements[index] if elements else None) for index, each in enumerate(series)
    )


def _stack_of(series: Any, ome: Any) -> PageStack:
    """Return a series of tifffile; ValueError when pages of it are not there."""
    axes, shape = _unique_axes(series.axes), tuple(int(n) for n in series.shape)
    if 0 in shape:
        raise ValueError(f"its header says {shape} pixels")
    offset = series.dataoffset
    if offset is None and any(page is None for page in series.pages):
        raise ValueError("its header counts pages that are not there")
    return PageStack(series.name, axes, shape, series.pages, series.keyframe, offset, ome=ome)


def keep_pages(
    letters: str, planes: Mapping[Place, Mapping[int, Any]], n_channels: int
) -> KeptPages:
    """Return the planes that have pages for all their channels, as a grid where they fill one.

    Where no plane has all channels, those that most planes have are kept instead. Axes of which
    one place is left go; places that fill no grid become pages without a label ("I").

    Parameters
    ----------
    letters : axes of the planes, the slowest first, without C
    planes : the pages by channel, of at least one plane
    """
    channels = frozenset(range(n_channels))
    if not any(channels <= pages.keys() for pages in planes.values()):
        found = Counter(frozenset(pages) for pages in planes.values())
        channels = max(found, key=lambda each: (found[each], len(each)))
    kept = [place for place in sorted(planes) if channels <= planes[place].keys()]
    ordered = tuple(sorted(channels))
    places = [sorted(set(values)) for values in zip(*kept, strict=True)]
    axes = "I"
    shape: tuple[int, ...] = (len(kept),)
    if prod(map(len, places)) == len(kept):
        axes = "".join(a for a, each in zip(letters, places, strict=True) if len(each) > 1)
        shape = tuple(len(each) for each in places if len(each) > 1)
    if len(ordered) > 1:
        axes, shape = f"{axes}C", (*shape, len(ordered))
    pages = tuple(planes[place][channel] for place in kept for channel in ordered)
    return KeptPages(axes, shape, pages, ordered)


def common_mark(stack: PageStack) -> int:
    """Return the orientation mark of all pages, `MIXED` where they differ.

    Pages that lie in one piece, or that metadata puts in order, are one image with one mark.
    """
    keyframe = stack.keyframe
    marks = {_mark_of(keyframe)}
    file = keyframe.parent
    if stack.offset is None and not (file.is_ome or file.is_imagej or file.is_shaped):
        marks |= {_mark_at(file, page.offset) for page in stack.pages if page is not keyframe}
    return MIXED if len(marks) > 1 else marks.pop()


def _mark_of(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION)
    return UPRIGHT if tag is None else valid_mark(tag.value)


def _mark_at(file: Any, offset: int) -> int:
    """Return the mark of the page at an offset; tifffile's light frames know no tags.

    Only the numbers of the tags are looked at: a stack of thousands opens as fast as without.
    """
    count, size, value_at = ("Q", 20, 12) if file.is_bigtiff else ("H", 12, 8)
    handle, order = file.filehandle, file.byteorder
    handle.seek(offset)
    [n_tags] = struct.unpack(f"{order}{count}", handle.read(struct.calcsize(count)))
    tags = handle.read(size * min(n_tags, _MOST_TAGS))
    for at in range(0, len(tags) - size + 1, size):
        number, kind = struct.unpack_from(f"{order}HH", tags, at)
        if number == _ORIENTATION and kind == _SHORT:
            return valid_mark(struct.unpack_from(f"{order}H", tags, at + value_at)[0])
    return UPRIGHT


def _unique_axes(axes: str) -> str:
    """Return tifffile's letters with unnamed and repeated ones replaced by free letters."""
    free = [letter for letter in "IJKLMNOPQR" if letter not in axes]
    unique = ""
    for letter in axes:
        unique += free.pop(0) if letter in unique or letter == "Q" else letter
    return unique
