"""What an exporter is: dataset samples as files that another program opens and corrects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellenhance.data.dataset.manifest import DatasetDescription
from cellenhance.data.dataset.samples import Sample


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """Where and how samples are exported.

    Attributes
    ----------
    tolerance_px : how far outlines may move from the pixel edges
    """

    folder: Path
    description: DatasetDescription
    tolerance_px: float


@dataclass(frozen=True, slots=True)
class Change:
    """What the outlines of one sample change when they are read back.

    Attributes
    ----------
    tolerance_px : of its outlines; less than asked for where too much would change
    """

    sample_id: str
    tolerance_px: float
    n_changed_px: int
    n_pixels: int


class Exporter(Protocol):
    """One format; `add` each sample, then `finish`."""

    def __init__(self, target: ExportTarget) -> None:
        """Start an export."""

    def add(self, sample: Sample) -> Change:
        """Write one sample; DatasetError where the format cannot hold it."""

    def finish(self) -> None:
        """Write what is about all samples."""
