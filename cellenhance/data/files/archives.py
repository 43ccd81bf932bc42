"""Zip and tar archives as sources: their files in a private folder that is removed afterwards.

An archive is not trusted: entries that point outside, links, devices and encrypted files are
refused by name, and what it unpacks to is bounded, whatever its headers say.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cellenhance.data.files.options import ARCHIVE_LIMIT_GIB
from cellenhance.errors import DatasetError
from cellenhance.progress import ProgressCallback, silent

MOST_ENTRIES = 2_000_000
_CHUNK = 1024 * 1024
_LARGEST_TAR_HEADER = 1024 * 1024
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh")
_TAR_MAGIC_AT = 257
_FAILURES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    ValueError,
)


def is_archive(path: Path) -> bool:
    """Tell from its first bytes whether a file is a zip or a tar, plain, gz, bz2 or xz."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_TAR_MAGIC_AT + 5)
    return head.startswith(_MAGIC) or head[_TAR_MAGIC_AT:] == b"ustar"


def archive_stem(path: Path) -> str:
    """Return the name of an archive without its extensions; ``.tar.gz`` is one.

    Examples
    --------
    >>> archive_stem(Path("plate.v2.tar.gz")), archive_stem(Path("a.zip"))
    ('plate.v2', 'a')
    """
    return path.stem.removesuffix(".tar")


@contextmanager
def unpacked(
    path: Path, *, limit_gib: float = ARCHIVE_LIMIT_GIB, progress: ProgressCallback = silent
) -> Iterator[Path]:
    """Yield a temporary folder with the files of an archive; it is removed at the end.

    Where all lies in one folder, that folder is yielded. Resource forks of macOS are left out.

    Raises
    ------
    DatasetError
        The archive is damaged, encrypted or larger than `limit_gib` unpacked; or an entry points
        outside, is a link or a device, or comes twice.
    """
    with tempfile.TemporaryDirectory(prefix="cellenhance-") as private:
        root = Path(private) / archive_stem(path)
        root.mkdir()
        try:
            _unpack(path, _Target(path, root, limit_gib, progress))
        except _FAILURES as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DatasetError(
                f"{path}: is a damaged or unsupported archive ({reason}); copy it again from its "
                "source, or unpack it and give the folder"
            ) from error
        yield _only_folder(root)


def _unpack(path: Path, target: _Target) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG):
                    target.refuse(entry.filename, "is a link or a device")
                if entry.flag_bits & 1:
                    target.refuse(entry.filename, "is encrypted")
                with archive.open(entry) as file:
                    target.write(entry.filename, file)
        return
    with tarfile.open(path, "r|*", tarinfo=_BoundedTarInfo) as archive:
        for member in archive:
            if member.isdir():
                target.place(member.name)
                continue
            if not member.isreg():
                target.refuse(member.name, "is a link or a device")
            content = archive.extractfile(member)
            assert content is not None
            with content:
                target.write(member.name, content)


class _BoundedTarInfo(tarfile.TarInfo):
    """Refuses extension headers of a size that only an attack has, before they are read."""

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        if not self.isfile() and not self.isdir() and self.size > _LARGEST_TAR_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        made: tarfile.TarInfo = super()._proc_member(tarfile_)  # type: ignore[misc]
        return made


class _Target:
    """The private folder; counts what is written into it."""

    def __init__(
        self, path: Path, root: Path, limit_gib: float, progress: ProgressCallback
    ) -> None:
        self._path, self._root, self._progress = path, root, progress
        self._limit_gib, self._left = limit_gib, int(limit_gib * 1024**3)
        self._n_files = 0

    def refuse(self, name: str, why: str) -> None:
        """Raise DatasetError for one entry."""
        raise DatasetError(
            f"{self._path}: its entry {name!r} {why}; expected plain files below the archive's "
            "top, nothing was read, make the archive anew"
        )

    def place(self, name: str) -> Path:
        """Return where an entry goes, below the root."""
        parts = name.replace("\\", "/").split("/")
        is_absolute = parts[0] == "" or (len(parts[0]) == 2 and parts[0][1] == ":")
        if is_absolute or ".." in parts or "\0" in name:
            self.refuse(name, "points outside")
        return self._root.joinpath(*(part for part in parts if part not in ("", ".")))

    def write(self, name: str, content: IO[bytes]) -> None:
        """Copy one entry, counting its bytes as they come."""
        place = self.place(name)
        if "__MACOSX" in place.parts:
            return
        self._n_files += 1
        if self._n_files > MOST_ENTRIES:
            self.refuse(name, f"is one of more than {MOST_ENTRIES} files")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                while chunk := content.read(_CHUNK):
                    self._count(len(chunk))
                    file.write(chunk)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            self.refuse(name, "comes twice")
        self._progress(self._n_files, self._n_files, "unpacking")

    def _count(self, n_bytes: int) -> None:
        self._left -= n_bytes
        if self._left < 0:
            raise DatasetError(
                f"{self._path}: unpacks to more than {self._limit_gib:g} GiB; if that is right "
                "give --archive-limit GIB, or unpack it yourself and give the folder"
            )


def _only_folder(root: Path) -> Path:
    """Return the folder that holds everything, following folders that are alone."""
    while True:
        inside = list(root.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            return root
        root = inside[0]
