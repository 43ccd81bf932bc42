"""One file of an OME set: images whose planes lie in several files, each of which names all others.

A plane belongs to the file that holds its first channel, so that over all files of a set each plane
comes once, from its own file. Other files are opened for two things only: the further channels of
these planes, and the XML where a file says that it stands elsewhere. They must lie beside the file
or below; a name that leads out of this folder is not even looked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

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

_LONGEST_XML = 256 * 1024**2
_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")

_ONE_OF_MANY = "%s: is one of %d files of an OME set; the planes that it holds itself are read"
_INCOMPLETE = (
    "%s: is one of %d files of an OME set, %d of which are not beside it under these names (%s); "
    "only the planes that it holds itself are read"
)
_NAMELESS = (
    "%s: is one of %d files of an OME set, but none of their names (%s) is its own; its pages are "
    "read without axes"
)
_NO_XML = "%s: its OME-XML is in '%s', which is not beside it; its pages are read without axes"
_CUT_SHORT = "%s: its OME-XML names %d pages of it, only %d are there; only these are read"
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
    is_unreadable : `stacks` gave None though there is a set: which planes of it the pages of this
        file are nobody knows
    """

    is_unreadable = False

    def __init__(self, path: Path, file: Any, opener: Callable[[Path], Any]) -> None:
        self._path, self._file, self._opener = path, file, opener
        self._others: dict[str, Any] = {}
        self._opened = ExitStack()
        self._uuid = ""
        self._names: dict[str, str] = {}
        self._own: frozenset[str] = frozenset()

    def close(self) -> None:
        """Close the other files."""
        self._opened.close()

    def stacks(self) -> tuple[PageStack, ...] | None:
        """Return the images with planes of this file; None for a file that is no set.

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
        if not any(self._names) or (elsewhere is None and self._is_alone(images)):
            return None
        self._own = self._find_own(has_xml=elsewhere is None)
        if not self._own:
            names = name_some(list(self._names.values()), 3)
            logger.warning(_NAMELESS, self._path, len(self._names), names)
            self.is_unreadable = True
            return None
        self._say_missing()
        own = [(image, pages) for image in images if (pages := self._own_pages(image))]
        stacks = [self._stack_of(image, pages) for image, pages in own]
        found = tuple(each for each in stacks if isinstance(each, PageStack))
        whole = next((each for each in stacks if isinstance(each, Path)), None)
        if not found and whole is not None:
            raise PartOfImageError(self._path, whole)
        self.is_unreadable = not found
        return found or None

    def _xml_elsewhere(self, name: str) -> Any:
        """Return the root of the XML that stands in another file, None when it is not there."""
        path, text = self._beside(name), None
        if path is not None and path.suffix.lower() in _TIFF_SUFFIXES:
            other = self._open(path)
            text = None if other is None else other.ome_metadata
        elif path is not None and path.stat().st_size <= _LONGEST_XML:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        root = parse_ome(text)
        if root is None:
            logger.warning(_NO_XML, self._path, name)
        return root

    def _is_alone(self, images: Sequence[OmeImage]) -> bool:
        """Tell whether all pages are in this one file, and tifffile knows it for the one named."""
        if len(self._names) > 1:
            return False
        runs = [run for image in images for run in image.runs]
        return all(
            run.uuid == self._uuid if self._uuid else self._has_name(run.file) for run in runs
        )

    def _find_own(self, *, has_xml: bool) -> frozenset[str]:
        """Return the keys by which the XML means this file."""
        by_name = frozenset(key for key, name in self._names.items() if self._has_name(name))
        by_uuid = frozenset({self._uuid} & self._names.keys() - {""})
        own = by_uuid or by_name
        if by_uuid and by_name and by_uuid != by_name:
            # Either this file was renamed, or all files have the very same XML, UUID and all.
            [uuid] = by_uuid
            other = self._open_beside(self._names[uuid])
            own = by_name if other is not None and _uuid_of(other) == self._uuid else by_uuid
        if not own and len(self._names) == 1:
            own = frozenset(self._names)
        return own | ({""} & self._names.keys() if has_xml else frozenset())

    def _say_missing(self) -> None:
        others = [name or key for key, name in self._names.items() if key not in self._own]
        missing = [name for name in others if self._beside(name) is None]
        if missing:
            named = name_some(missing, 3)
            logger.warning(_INCOMPLETE, self._path, len(self._names), len(missing), named)
        elif others:
            logger.info(_ONE_OF_MANY, self._path, len(self._names))

    def _own_pages(self, image: OmeImage) -> dict[int, int]:
        """Return the page of each plane that lies in this file."""
        pages: dict[int, int] = {}
        n_stated, n_there = 0, len(self._file.pages)
        for run in image.runs:
            if _key(run) not in self._own:
                continue
            stated = n_there - run.ifd if run.count is None else run.count
            stated = max(0, min(stated, image.n_planes - run.first))
            n_stated += stated
            for step in range(min(stated, n_there - run.ifd)):
                pages[run.first + step] = run.ifd + step
        if len(pages) < n_stated:
            logger.warning(_CUT_SHORT, self._path, n_stated, len(pages))
        return pages

    def _stack_of(self, image: OmeImage, own: dict[int, int]) -> PageStack | Path:
        """Return the planes that belong to this file, or the file to which all of them belong."""
        at = image.axes.index("C")
        planes: dict[Place, dict[int, _Page]] = {}
        for plane, ifd in own.items():
            place = image.place(plane)
            here = planes.setdefault((*place[:at], *place[at + 1 :]), {})
            here[place[at]] = _Page(self._file, ifd)
        n_channels = image.lengths[at]
        owned: dict[Place, dict[int, _Page]] = {}
        whole: Any = None
        for place, pages in planes.items():
            named = ((c, image.run_at((*place[:at], c, *place[at:]))) for c in range(n_channels))
            runs = {c: found for c, found in named if found is not None}
            first = min(runs)
            if first in pages:
                further = {c: self._page_of(*runs[c]) for c in runs if c not in pages}
                owned[place] = pages | {c: page for c, page in further.items() if page is not None}
            elif whole is None:
                whole = self._other(runs[first][0])
        if not owned and whole is not None:
            return Path(whole.filehandle.path)
        kept = keep_pages(image.axes.replace("C", ""), owned or planes, n_channels)
        if len(kept.channels) < n_channels:
            there = ", ".join(map(str, kept.channels))
            logger.warning(_NOT_ALL_CHANNELS, self._path, there, n_channels)
        elif len(kept.pages) < n_channels * len(owned):
            n_left = len(owned) - len(kept.pages) // n_channels
            logger.warning(_PLANES_LEFT_OUT, self._path, counted(n_left, "plane"))
        stored = _LazyPages(kept.pages)
        keyframe = stored[0]
        return PageStack(
            name=image.name,
            axes=kept.axes + keyframe.axes,
            shape=(*kept.shape, *keyframe.shape),
            pages=stored,
            keyframe=keyframe,
            channels=kept.channels if len(kept.channels) < n_channels else None,
            ome=image.pixels,
        )

    def _page_of(self, run: PageRun, step: int) -> _Page | None:
        """Return a page of another file, None when it is not there."""
        other = self._other(run)
        return (
            None
            if other is None or run.ifd + step >= len(other.pages)
            else _Page(other, run.ifd + step)
        )

    def _other(self, run: PageRun) -> Any:
        """Return the open file that a run names, None when it is not beside this one."""
        key = _key(run)
        if key not in self._others:
            other = self._open_beside(run.file)
            if other is not None and _uuid_of(other) not in ("", run.uuid, self._uuid):
                logger.warning(_OTHER_UUID, self._path, run.file)
                other = None
            self._others[key] = other
        return self._others[key]

    def _open_beside(self, name: str) -> Any:
        path = self._beside(name)
        return None if path is None else self._open(path)

    def _open(self, path: Path) -> Any:
        """Return another TIFF file, None when it cannot be read as one."""
        try:
            other = self._opener(path)
        except (OSError, ValueError):
            return None
        self._opened.callback(other.close)
        return other

    def _beside(self, name: str) -> Path | None:
        """Return the other file of a name in the XML, if it lies beside this one or below.

        A link beside this file may lead to where this file itself lies.
        """
        text = name.replace("\\", "/")
        windows = PureWindowsPath(name)
        parts = PurePosixPath(text).parts
        if not parts or ".." in parts or text.startswith("/") or windows.drive or "\0" in text:
            return None
        path = self._path.parent / text
        try:
            place, here = path.resolve(), self._path.resolve()
            inside = place.is_relative_to(self._path.parent.resolve())
            inside = inside or place.parent == here.parent
            return path if inside and place != here and path.is_file() else None
        except (OSError, RuntimeError):  # too long, or links in a circle
            return None

    def _has_name(self, name: str) -> bool:
        return PurePosixPath(name.replace("\\", "/")).name.casefold() == self._path.name.casefold()


def _key(run: PageRun) -> str:
    """Return what tells the files of a set apart; "" is the file that holds the XML."""
    return run.uuid or run.file


def _uuid_of(file: Any) -> str:
    root = parse_ome(file.ome_metadata)
    return "" if root is None else str(root.get("UUID", "")).strip()
