"""Options of everything that takes a dataset folder, or files that belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cellenhance.options import argument, option

DEFAULT_SPLIT = "default"
Subset = Literal["train", "val", "test"]

DatasetFolder = Annotated[Path, argument("A dataset folder.", metavar="DATASET")]
SplitName = Annotated[str, option(..., "Name of the split.", metavar="NAME")]
SkipUnmatched = Annotated[bool, option(..., "Leave out and name files without a partner.")]
