"""All files below a folder, links followed safely, and what could not be looked at named.

Links to folders are followed, also out of the folder: whoever made them meant what lies behind
them. Each folder is read once, so that loops end. Nothing that a file names is looked for here.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cellenhance.data.name_lists import name_some
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderTree:
    """What lies below a folder, in the order of the paths.

    Attributes
    ----------
    files : regular files, those behind links too, hidden ones too
    dead : links to what is not there, or to themselves
    closed : folders that may not be read, and what lies in them that may not be looked at
    repeated : links to folders that are read at another place already, or hold the whole tree
    """

    root: Path
    files: tuple[Path, ...]
    dead: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()
    repeated: tuple[Path, ...] = ()

    def say_gaps(self) -> None:
        """Warn of links and folders behind which images may lie that nobody sees."""
        for paths, what, cure in (
            (self.dead, "broken link", "is a disk not mounted?"),
            (self.closed, "unreadable place", "check your rights to read there"),
        ):
            if paths:
                found = counted(len(paths), what)
                logger.warning("%s: %s (%s): %s", self.root, found, cure, self._named(paths))
        if self.repeated:
            logger.info(
                "%s: left out %s to folders that are read already: %s",
                self.root,
                counted(len(self.repeated), "link"),
                self._named(self.repeated),
            )

    def _named(self, paths: Sequence[Path]) -> str:
        return name_some([path.relative_to(self.root).as_posix() or "." for path in paths])


@dataclass
class _Walk:
    """The folders still to read, and what was found so far."""

    seen: set[tuple[int, int]]
    linked: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    dead: list[Path] = field(default_factory=list)
    closed: list[Path] = field(default_factory=list)
    repeated: list[Path] = field(default_factory=list)

    def read(self, folder: Path) -> Iterator[Path]:
        """Sort what lies in one folder; yield its real folders, keep linked ones for later."""
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            self.closed.append(folder)
            return
        for entry in entries:
            path = folder / entry.name
            try:
                mode = entry.stat().st_mode
            except PermissionError:
                self.closed.append(path)
            except OSError:  # the end is missing, or links lead in a circle
                self.dead.append(path)
            else:
                if stat.S_ISREG(mode):
                    self.files.append(path)
                elif stat.S_ISDIR(mode) and entry.is_symlink():
                    self.linked.append(path)
                elif stat.S_ISDIR(mode):
                    yield path

    def is_new(self, folder: Path) -> bool:
        """Tell whether a folder was not read yet, and count it as read."""
        place = _identity(folder)
        if place in self.seen:
            return False
        self.seen.add(place)
        return True


def walk_folder(folder: Path, *, recursive: bool = True) -> FolderTree:
    """Return the files in `folder`, and with `recursive` those in all folders below it.

    Real folders come before linked ones: a folder that is there itself keeps its own path.
    """
    # A link to a folder that holds this one would bring its neighbours in by the back door.
    above = Path(folder).resolve().parents
    walk = _Walk({_identity(each) for each in above})
    walk.is_new(folder)
    waiting = [folder]
    while waiting:
        inside = list(walk.read(waiting.pop()))
        if not recursive:
            break
        waiting += [each for each in inside if walk.is_new(each)]
        if not waiting:
            waiting = _next_linked(walk)
    return FolderTree(
        folder,
        *(tuple(sorted(each)) for each in (walk.files, walk.dead, walk.closed, walk.repeated)),
    )


def _next_linked(walk: _Walk) -> list[Path]:
    """Return the first linked folder that was not read yet, as a list of one, or nothing."""
    while walk.linked:
        path = walk.linked.pop(0)
        if walk.is_new(path):
            return [path]
        walk.repeated.append(path)
    return []


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
