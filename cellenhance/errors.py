"""Every error a user can cause, with the exit code the command line returns for it.

A message is one line: what was found, where (file, row, key), what was expected, what to do.
This module knows nothing of the rest of the package.
"""

from __future__ import annotations

import errno
import os


class CellEnhanceError(Exception):
    """Base of all errors with a message for the user; subclasses fix the exit code."""

    exit_code = 1


class SettingsError(CellEnhanceError):
    """An option or a setting is unknown, out of range or contradicts another one."""

    exit_code = 2


class OutputExistsError(SettingsError):
    """The output exists and ``--overwrite`` was not given."""


class BusyOutputError(OutputExistsError):
    """Another process is writing into the folder right now."""


class FileAccessError(CellEnhanceError):
    """The system refuses to read or write a file: no permission, a bad name, a failing disk."""

    exit_code = 3


class CatalogError(SettingsError):
    """A model name is unknown or a catalogue file is not valid."""


class DeviceError(SettingsError):
    """The requested device or precision is not available."""


class DatasetError(CellEnhanceError):
    """A source or a dataset folder is missing, incomplete or contradicts itself."""

    exit_code = 3


class ImageReadError(DatasetError):
    """An image file is missing, truncated, empty or of an unsupported kind."""


class CheckpointError(CellEnhanceError):
    """A run folder or a checkpoint is missing, damaged or of another kind."""

    exit_code = 3


class PartlyDoneError(CellEnhanceError):
    """Some inputs failed; everything else was written."""

    exit_code = 4


class PausedRunError(PartlyDoneError):
    """The time limit is reached; the state was saved first."""


class ResourceError(CellEnhanceError):
    """Memory or disk ran out."""

    exit_code = 5


class InterruptedRunError(CellEnhanceError):
    """Ctrl-C: the state was saved first."""

    exit_code = 130


class TerminatedRunError(CellEnhanceError):
    """SIGTERM: the state was saved first."""

    exit_code = 143


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEMORY_WORDS = ("can't allocate memory", "out of memory", "std::bad_alloc")
"""How libraries say that memory ran out in errors of other classes (torch: RuntimeError)."""


def describe_system_error(error: BaseException, path: object = None) -> CellEnhanceError | None:
    """Return an error of the system, or of a library that passes it on, as a `CellEnhanceError`.

    This is the only table from such errors to exit codes. None means that the error is of another
    kind: a bug in the program.

    Parameters
    ----------
    path : what was read or written, named where the error itself names no file
    """
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in _MEMORY_WORDS):
        where = f"{path}: " if path else ""
        return ResourceError(f"{where}out of memory; try a smaller --tile or --batch-size")
    if not isinstance(error, OSError):
        return None
    name = error.filename if error.filename is not None else path
    where = f"{os.fsdecode(name)}: " if isinstance(name, str | bytes | os.PathLike) else ""
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    reason = reason[0].lower() + reason[1:]
    if error.errno in _DISK:
        return ResourceError(
            f"{where}the disk is full ({reason}); free some space and run the command again; "
            "outputs that were complete are kept"
        )
    if error.errno == errno.ENOMEM:
        return ResourceError(f"{where}out of memory; close other programs or use a smaller --tile")
    return FileAccessError(f"{where}{reason}; check the path, its permissions and the disk")
