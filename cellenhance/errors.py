"""Every error a user can cause, with the exit code the command line returns for it.

A message is one line: what was found, where (file, row, key), what was expected, what to do.
This module knows nothing of the rest of the package.
"""

from __future__ import annotations


class CellEnhanceError(Exception):
    """Base of all errors with a message for the user; subclasses fix the exit code."""

    exit_code = 1


class SettingsError(CellEnhanceError):
    """An option or a setting is unknown, out of range or contradicts another one."""

    exit_code = 2


class OutputExistsError(SettingsError):
    """The output exists and ``--overwrite`` was not given."""


class BusyOutputError(OutputExistsError):
    """Another process writes into the folder at this moment."""


class OutputError(CellEnhanceError):
    """The system refuses to write an output: no right to it, a disk that fails, a bad name."""

    exit_code = 3


class CatalogError(SettingsError):
    """A model name is unknown or a catalogue file does not fit."""


class DeviceError(SettingsError):
    """The requested device or precision is not there."""


class DatasetError(CellEnhanceError):
    """A source or a dataset folder is missing, incomplete or contradicts itself."""

    exit_code = 3


class ImageReadError(DatasetError):
    """An image file is missing, truncated, empty or of a kind that is not read."""


class CheckpointError(CellEnhanceError):
    """A run folder or a checkpoint is missing, damaged or of another kind."""

    exit_code = 3


class PartlyDoneError(CellEnhanceError):
    """Some inputs failed; everything else was written."""

    exit_code = 4


class PausedRunError(PartlyDoneError):
    """The time that was given is used up; the state was saved first."""


class ResourceError(CellEnhanceError):
    """Memory or disk ran out."""

    exit_code = 5


class InterruptedRunError(CellEnhanceError):
    """Ctrl-C: the state was saved first."""

    exit_code = 130


class TerminatedRunError(CellEnhanceError):
    """SIGTERM: the state was saved first."""

    exit_code = 143
