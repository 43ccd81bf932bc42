"""Which images a TIFF file holds: each as its pages, in the order of its axes.

Planes whose pages are not there are left out and named, never made up. Reduced copies (pyramids,
thumbnails) are no images of their own. Sets of several files are read by `ome_set`.
"""

from __future__ import annotations

import logging
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from cellenhance.data.files.formats.ome_images import parse_ome, read_images
from cellenhance.data.files.formats.orientation import MIXED, UPRIGHT, valid_mark
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

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


def stacks_of(path: Path, file: Any) -> tuple[PageStack, ...]:
    """Return the images of an open TIFF file; ValueError when there is none."""
    if not file.series:
        raise ValueError("it holds no image")
    series = [each for each in file.series if each.index == 0 or not each.keyframe.is_reduced]
    root = parse_ome(file.ome_metadata) if file.is_ome else None
    images = () if root is None else read_images(root)
    elements = [image.pixels for image in images if len(images) == len(series)]
    stacks = [_stack_of(path, each) for each in series]
    return tuple(
        replace(stack, ome=elements[index] if elements else images[0].pixels if images else None)
        for index, stack in enumerate(stacks)
    )


def _stack_of(path: Path, series: Any) -> PageStack:
    """Return a series of tifffile, without the planes whose pages are not in the file."""
    axes, shape = _unique_axes(series.axes), tuple(int(n) for n in series.shape)
    if 0 in shape:
        raise ValueError(f"its header says {shape} pixels")
    stack = PageStack(
        series.name, axes, shape, series.pages, series.keyframe, offset=series.dataoffset
    )
    if stack.offset is not None or all(page is not None for page in series.pages):
        return stack
    n_leading = len(shape) - len(series.keyframe.shape)
    letters, lengths = axes[:n_leading], shape[:n_leading]
    planes: dict[Place, dict[int, Any]] = {}
    for index, page in zip(np.ndindex(*lengths), series.pages, strict=True):
        if page is not None:
            here = dict(zip(letters, index, strict=True))
            channel = here.pop("C", 0)
            planes.setdefault(tuple(here.values()), {})[channel] = page
    n_channels = dict(zip(letters, lengths, strict=True)).get("C", 1)
    kept = keep_pages(letters.replace("C", ""), planes, n_channels)
    logger.warning(
        "%s: speaks of %d pages, of which %d are there; only %s can be read",
        path,
        prod(lengths),
        sum(map(len, planes.values())),
        counted(len(kept.pages) // len(kept.channels), "plane"),
    )
    return replace(
        stack,
        axes=kept.axes + axes[n_leading:],
        shape=(*kept.shape, *shape[n_leading:]),
        pages=kept.pages,
        channels=kept.channels if len(kept.channels) < n_channels else None,
    )


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
