"""Options of a source of images and masks: where its files are, what numbered objects become."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import model_validator

from cellenhance.data.dataset.options import SkipUnmatched
from cellenhance.data.files.options import ARCHIVE_LIMIT_GIB
from cellenhance.options import Options, option

AUTO = "auto"
"""The layout that finds out by itself."""


class SourceOptions(Options):
    """Where the files of a source are, and which of them are wanted."""

    title: ClassVar[str] = "Where the files are"

    images: Path | None = option(
        None, "Folder of images, below SOURCE or from here.", metavar="FOLDER"
    )
    masks: Path | None = option(
        None, "Folder of masks, below SOURCE or from here.", metavar="FOLDER"
    )
    valid_mask: Path | None = option(
        None, "Folder of masks that are 0 where to ignore.", metavar="FOLDER"
    )
    exclude: tuple[str, ...] = option(
        (), "Leave out a file or stem; repeat it for more.", metavar="NAME"
    )
    skip_unmatched: SkipUnmatched = False
    archive_limit: float = option(
        ARCHIVE_LIMIT_GIB,
        "Most that an archive may unpack to.",
        metavar="GIB",
        limits={"ge": 0.001},
    )


class InstanceSettings(Options):
    """How a label map, one number per object, becomes classes; without a rule it does not.

    Attributes
    ----------
    rule : "binary" makes background and object, "interior-boundary" background, interior and
        boundary
    boundary_width_px : pixels of each instance, inwards from its outline, that are boundary
    background : values of the label maps that are background; None finds out
    """

    title: ClassVar[str] = "Masks that number their objects"

    rule: Literal["binary", "interior-boundary"] | None = option(
        None,
        "binary makes background and object of them, interior-boundary background, interior and "
        "boundary.",
        flag="--instances",
        metavar="RULE",
    )
    boundary_width_px: int = option(
        2,
        "Boundary of interior-boundary, from the outline inwards.",
        flag="--boundary-width",
        metavar="PX",
        limits={"ge": 1, "le": 1000},
    )
    background: tuple[int, ...] | None = option(
        None,
        "Mask value that is background.",
        flag="--instance-background",
        metavar="VALUE[,VALUE]",
        limits={"min_length": 1},
        commas=True,
        unset="found over the whole set",
    )

    @model_validator(mode="after")
    def _with_a_rule(self) -> InstanceSettings:
        is_given = "boundary_width_px" in self.model_fields_set
        if is_given and self.rule != "interior-boundary":
            raise ValueError("--boundary-width goes with --instances interior-boundary only")
        if self.rule is None and self.background is not None:
            raise ValueError(
                "--instance-background goes with --instances RULE only; for classes of masks "
                "give --class background=VALUE"
            )
        return self

    def describe(self) -> str:
        """Return the rule in words, such as ``instances interior-boundary 2 px``."""
        width = f" {self.boundary_width_px} px" if self.rule == "interior-boundary" else ""
        is_usual = self.background in (None, (0,))
        around = "" if is_usual else f", background {','.join(map(str, self.background or ()))}"
        return f"instances {self.rule}{width}{around}"
