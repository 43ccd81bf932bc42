"""OME-TIFF files whose XML speaks of pages that are not in them: of a set, or cut short.

In a set the planes of images lie in several files, each of which names all others. A plane belongs
to the file that holds its first channel, so that over all files of a set each plane comes once,
from its own file. Other files are opened for two things only: the further channels of these planes,
and the XML where a file says that it stands elsewhere; see `neighbours`. Planes that are nowhere
are left out and named, never made up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from cellenhance.data.files.formats.neighbours import Neighbours
from cellenhance.data.files.formats.ome_images import (
    OmeImage,
    PageRun,
    children,
    parse_ome,
    read_images,
)
from cellenhance.data.files.formats.tiff_stacks import PageStack, Place, keep_pages
from cellenhance.data.name_lists import name_some
from cellenhance.errors import ImageReadError
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_ONE_OF_MANY = "%s: is one of %d files of an OME set; the planes that it holds itself are read"
_INCOMPLETE = (
    "%s: is one of %d files of an OME set; not found beside it under their names: %s; only the "
    "planes that it holds itself are read"
)
_NAMELESS = (
    "%s: is one of %d files of an OME set, but none of their names (%s) is its own; its pages are "
    "read without axes"
)
_NO_XML = "%s: its OME-XML is in '%s', which is not beside it; its pages are read without axes"
_CUT_SHORT = "%s: its OME-XML names %d pages of it, only %d are there; only these are read"
_OTHER_SIZE = "%s: its OME-XML describes images of another size; its pages are read without axes"
_NOT_ALL_CHANNELS = "%s: only these channels are there and read: %s (of %d)"
_PLANES_LEFT_OUT = "%s: left out %s with missing channels"
_OTHER_UUID = "%s: %s has another UUID than its OME-XML says, and is not read with it"


class PartOfImageError(ImageReadError):
    """A file has no plane of its own: it holds further channels of the planes of `whole`."""

    def __init__(self, path: Path, whole: Path) -> None:
        super().__init__(
            f"{path}: holds further channels of {whole.name}, which is read with them; leave this "
            "one out"
        )
        self.whole = whole


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that is read when it is needed."""

    file: Any
    ifd: int


_Planes: TypeAlias = dict[Place, dict[int, _Page]]
"""The pages of planes by channel."""


class _LazyPages(Sequence[Any]):
    """The pages of a stack; a set of thousands is not parsed as a whole."""

    def __init__(self, pages: Sequence[_Page]) -> None:
        self._pages = pages

    def __len__(self) -> int:
        return len(self._pages)

    def __getitem__(self, index: Any) -> Any:
        page = self._pages[index]
        return page.file.pages[page.ifd]


class OmeSet:
    """What one file of a set holds; closing it closes the other files that were opened.

    Parameters
    ----------
    opener : opens a TIFF file without following what it names

    Attributes
    ----------
    is_unreadable : `stacks` gave None though its XML does not fit: which planes the pages of this
        file are, nobody knows
    """

    is_unreadable = False

    def __init__(self, path: Path, file: Any, opener: Callable[[Path], Any]) -> None:
        self._path, self._file = path, file
        self._beside = Neighbours(path, opener)
        self._others: dict[str, Any] = {}
        self._uuid = ""
        self._names: dict[str, str] = {}
        self._own: frozenset[str] = frozenset()

    def close(self) -> None:
        """Close the other files."""
        self._beside.close()

    def stacks(self) -> tuple[PageStack, ...] | None:
        """Return the images with planes of this file; None where tifffile's reading is right.

        Raises
        ------
        PartOfImageError
            It holds further channels only, and the file with the first ones is there.
        ValueError
            The XML has numbers that cannot be.
        """
        root = parse_ome(self._file.ome_metadata)
        if root is None:
            return None
        self._uuid = root.get("UUID", "").strip()
        elsewhere = next(children(root, "BinaryOnly"), None)
        if elsewhere is not None:
            root = self._xml_elsewhere(elsewhere.get("MetadataFile", ""))
        images = () if root is None else read_images(root)
        self._names = {_key(run): run.file for image in images for run in image.runs}
        if not self._names or (elsewhere is None and self._is_whole(images)):
            return None
        self._own = self._find_own(has_xml=elsewhere is None)
        if not self._own:
            names = name_some(list(self._names.values()), 3)
            logger.warning(_NAMELESS, self._path, len(self._names), names)
            self.is_unreadable = True
            return None
        self._say_missing()
        found, wholes = [], []
        for image in images:
            planes, whole = self._planes_of(image, self._own_pages(image))
            found += [self._stack_of(image, planes)] if planes else []
            wholes += [] if whole is None else [whole]
        if not found and wholes:
            raise PartOfImageError(self._path, wholes[0])
        self.is_unreadable = not found or None in found
        return None if self.is_unreadable else tuple(each for each in found if each is not None)

    def _xml_elsewhere(self, name: str) -> Any:
        """Return the root of the XML that stands in another file, None when it is not there."""
        text = self._beside.read_xml(name)
        root = parse_ome(text)
        if root is None:
            logger.warning(_NO_XML, self._path, name)
        return root

    def _is_whole(self, images: Sequence[OmeImage]) -> bool:
        """Tell whether all planes are in this file, and tifffile knows it for the one named."""
        if len(self._names) > 1 or sum(i.n_planes for i in images) > len(self._file.pages):
            return False
        [(key, name)] = self._names.items()
        is_named = name.lower() == self._path.name.lower()
        return key == "" or (key == self._uuid if self._uuid else is_named)

    def _find_own(self, *, has_xml: bool) -> frozenset[str]:
        """Return the keys by which the XML means this file."""
        by_name = frozenset(key for key, name in self._names.items() if self._has_name(name))
        by_uuid = frozenset({self._uuid} & self._names.keys() - {""})
        own = by_uuid or by_name
        if by_uuid and by_name and by_uuid != by_name:
            # Either this file was renamed, or all files have the very same XML, UUID and all.
            [uuid] = by_uuid
            other = self._beside.open(self._names[uuid])
            own = by_name if other is not None and _uuid_of(other) == self._uuid else by_uuid
        if not own and len(self._names) == 1:
            own = frozenset(self._names)
        return own | ({""} & self._names.keys() if has_xml else frozenset())

    def _say_missing(self) -> None:
        others = [name or key for key, name in self._names.items() if key not in self._own]
        missing = [name for name in others if self._beside.find(name) is None]
        if missing:
            logger.warning(_INCOMPLETE, self._path, len(self._names), name_some(missing, 3))
        elif others:
            logger.info(_ONE_OF_MANY, self._path, len(self._names))

    def _own_pages(self, image: OmeImage) -> dict[int, int]:
        """Return the page of each plane that lies in this file."""
        pages: dict[int, int] = {}
        n_stated, n_there = 0, len(self._file.pages)
        for run in image.runs:
            if _key(run) not in self._own:
                continue
            rest = image.n_planes - run.first
            stated = run.count
            if stated is None:  # all pages of the file, which for a file alone should be the rest
                stated = n_there - run.ifd if len(self._names) > 1 else rest
            stated = max(0, min(stated, rest))
            n_stated += stated
            for step in range(min(stated, n_there - run.ifd)):
                pages[run.first + step] = run.ifd + step
        if len(pages) < n_stated:
            logger.warning(_CUT_SHORT, self._path, n_stated, len(pages))
        return pages

    def _planes_of(self, image: OmeImage, own: dict[int, int]) -> tuple[_Planes, Path | None]:
        """Return the pages, by channel, of the planes that belong to this file.

        Where none does, these are the planes of which it has pages; or there are none of them, and
        the file to which they belong is beside it and returned.
        """
        at = image.axes.index("C")
        planes: _Planes = {}
        for plane, ifd in own.items():
            place = image.place(plane)
            here = planes.setdefault((*place[:at], *place[at + 1 :]), {})
            here[place[at]] = _Page(self._file, ifd)
        owned: _Planes = {}
        whole: Any = None
        for place, pages in planes.items():
            named = {
                c: image.run_at((*place[:at], c, *place[at:])) for c in range(image.n_channels)
            }
            runs = {c: found for c, found in named.items() if found is not None}
            if min(runs) in pages:
                further = {c: self._page_of(*runs[c]) for c in runs if c not in pages}
                owned[place] = pages | {c: page for c, page in further.items() if page is not None}
            elif whole is None:
                whole = self._other(runs[min(runs)][0])
        if owned or whole is None:
            return owned or planes, None
        return {}, Path(whole.filehandle.path)

    def _stack_of(self, image: OmeImage, planes: _Planes) -> PageStack | None:
        """Return the planes whose channels are all there; None where the XML does not fit them."""
        kept = keep_pages(image.axes.replace("C", ""), planes, image.n_channels)
        n_channels, n_planes = len(kept.channels), len(kept.pages) // len(kept.channels)
        if n_channels < image.n_channels:
            there = ", ".join(map(str, kept.channels))
            logger.warning(_NOT_ALL_CHANNELS, self._path, there, image.n_channels)
        if n_planes < len(planes):
            n_left = counted(len(planes) - n_planes, "plane")
            logger.warning(_PLANES_LEFT_OUT, self._path, n_left)
        stored = _LazyPages(kept.pages)
        keyframe = stored[0]
        if image.size not in (None, (keyframe.imagelength, keyframe.imagewidth)):
            logger.warning(_OTHER_SIZE, self._path)
            return None
        return PageStack(
            name=image.name,
            axes=kept.axes + keyframe.axes,
            shape=(*kept.shape, *keyframe.shape),
            pages=stored,
            keyframe=keyframe,
            channels=kept.channels if n_channels < image.n_channels else None,
            ome=image.pixels,
        )

    def _page_of(self, run: PageRun, step: int) -> _Page | None:
        """Return a page of another file, None when it is not there."""
        other = self._other(run)
        if other is None or run.ifd + step >= len(other.pages):
            return None
        return _Page(other, run.ifd + step)

    def _other(self, run: PageRun) -> Any:
        """Return the open file that a run names, None when it is not beside this one."""
        key = _key(run)
        if key not in self._others:
            other = self._beside.open(run.file)
            if other is not None and _uuid_of(other) not in ("", run.uuid, self._uuid):
                logger.warning(_OTHER_UUID, self._path, run.file)
                other = None
            self._others[key] = other
        return self._others[key]

    def _has_name(self, name: str) -> bool:
        return PurePosixPath(name.replace("\\", "/")).name.casefold() == self._path.name.casefold()


def _key(run: PageRun) -> str:
    """Return what tells the files of a set apart; "" is the file that holds the XML."""
    return run.uuid or run.file


def _uuid_of(file: Any) -> str:
    root = parse_ome(file.ome_metadata)
    return "" if root is None else str(root.get("UUID", "")).strip()
