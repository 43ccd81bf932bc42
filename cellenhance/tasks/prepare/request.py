"""What `prepare` was asked for and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cellenhance.arrays import IGNORE
from cellenhance.data.classes.class_map import ClassMap, ClassRule
from cellenhance.data.files.archives import DEFAULT_LIMIT_GIB
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.instances import InstanceSettings
from cellenhance.data.importers.registry import AUTO
from cellenhance.data.importers.survey import Survey


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What to prepare; `classes` and `ignore` are as on the command line.

    Attributes
    ----------
    channel : keep this channel only, from 0
    grey : "mean" keeps the mean of all channels but alpha
    unpacked : where the files of `source` lie when it is an archive; see `opened_source`
    archive_limit_gib : most that an archive may unpack to
    missing : "ignore" makes NaN and infinite pixels not annotated; else they are refused
    tile_px : cut larger images into tiles of this side
    snap_masks : set stray mask values to the nearest value that has a class
    """

    source: Path
    output: Path
    layout: str = AUTO
    folders: ImportOptions = field(default_factory=ImportOptions)
    classes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    background: str | None = None
    channel: int | None = None
    grey: str | None = None
    missing: str | None = None
    tile_px: int | None = None
    snap_masks: bool = False
    pixel_size_um: float | None = None
    exclude: tuple[str, ...] = ()
    skip_unmatched: bool = False
    instances: InstanceSettings | None = None
    overwrite: bool = False
    name: str | None = None
    licence: str = ""
    unpacked: Path | None = None
    archive_limit_gib: float = DEFAULT_LIMIT_GIB

    @property
    def place(self) -> Path:
        """Where the files are: `source`, or what was unpacked of it."""
        return self.unpacked or self.source


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """What was found and measured; nothing is decided yet."""

    request: PrepareRequest
    source: FoundSource
    survey: Survey
    rules: tuple[ClassRule, ...]

    def class_of(self, code: int) -> str:
        """Return the name of the class of a mask value, "ignore", or "-" when it has none."""
        index = ClassMap(self.rules, self.request.ignore).index_of.get(code)
        if index is None:
            return "-"
        return "ignore" if index == IGNORE else self.rules[index].name
