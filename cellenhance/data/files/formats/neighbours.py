"""Files that a file names: those beside it or below, and no others.

A name in a file is the word of whoever wrote it, not of the user who gave the folder. One that
leads out of the folder is not followed, not even to see whether something is there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

_LONGEST_XML = 256 * 1024**2
_TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")


class Neighbours:
    """The files beside an OME-TIFF file that it names; closing it closes what was opened.

    Parameters
    ----------
    opener : opens a TIFF file without following what it names
    """

    def __init__(self, path: Path, opener: Callable[[Path], Any]) -> None:
        self._path, self._opener = path, opener
        self._opened = ExitStack()

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def find(self, name: str) -> Path | None:
        """Return the other file of this name, if it lies beside this one or below.

        A link beside this file may lead to where this file itself lies.
        """
        text = name.replace("\\", "/")
        parts = PurePosixPath(text).parts
        is_absolute = text.startswith("/") or PureWindowsPath(name).drive
        if not parts or ".." in parts or is_absolute or "\0" in text:
            return None
        path = self._path.parent / text
        try:
            place, here = path.resolve(), self._path.resolve()
            inside = place.is_relative_to(self._path.parent.resolve())
            inside = inside or place.parent == here.parent
            return path if inside and place != here and path.is_file() else None
        except (OSError, RuntimeError):  # too long, or links in a circle
            return None

    def open(self, name: str) -> Any:
        """Return the open TIFF file of this name, None where there is none that can be read."""
        path = self.find(name)
        if path is None:
            return None
        try:
            file = self._opener(path)
        except (OSError, ValueError):
            return None
        self._opened.callback(file.close)
        return file

    def read_xml(self, name: str) -> str | None:
        """Return the OME-XML of the file of this name, a text or a TIFF; None without one."""
        path = self.find(name)
        if path is None:
            return None
        if path.suffix.lower() in _TIFF_SUFFIXES:
            file = self.open(name)
            return None if file is None else file.ome_metadata
        if path.stat().st_size > _LONGEST_XML:
            return None
        return path.read_text(encoding="utf-8-sig", errors="replace")
