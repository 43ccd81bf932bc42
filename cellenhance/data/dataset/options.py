"""Options of everything that takes a dataset folder, splits one, or matches files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from cellenhance.options import Options, argument, option

DEFAULT_SPLIT = "default"
Subset = Literal["train", "val", "test"]

DatasetFolder = Annotated[Path, argument("A dataset folder.", metavar="DATASET")]
SplitName = Annotated[str, option(..., "Name of the split.", metavar="NAME")]
SkipUnmatched = Annotated[bool, option(..., "Leave out files without a partner, and name them.")]

_SHARE, _COUNT = {"ge": 0, "le": 1}, {"ge": 0}


class PartOptions(Options):
    """How large the parts of a split are, as shares or as numbers of images."""

    title: ClassVar[str] = "Size of the parts"

    train: float | None = option(None, "Share that trains.", limits=_SHARE, unset="0.7")
    val: float | None = option(
        None,
        "Share that validates; with --folds or --test-list, of what would train.",
        limits=_SHARE,
        unset="0.1; with --folds or --test-list 0.125",
    )
    test: float | None = option(None, "Share that tests.", limits=_SHARE, unset="0.2")
    val_count: int | None = option(
        None, "Number of images that validate, in each fold.", limits=_COUNT
    )
    test_count: int | None = option(None, "Number of images that test.", limits={"ge": 1})
    val_from: Literal["train", "test"] = option(
        "train", "With --folds: the part that the validation images are taken from."
    )


class GivenSplitOptions(Options):
    """A split that is not drawn: lists of images, or a table."""

    title: ClassVar[str] = "Published splits"

    train_list: Path | None = option(
        None, "Images that train: one id or file name per line.", metavar="FILE"
    )
    val_list: Path | None = option(None, "Images that validate, in the same form.", metavar="FILE")
    test_list: Path | None = option(None, "Images that test, in the same form.", metavar="FILE")
    table: Path | None = option(
        None,
        "A CSV table with the columns id, fold and subset; nothing is drawn.",
        flag="--from",
        metavar="FILE",
    )
    allow_shared_groups: bool = option(False, "Take lists that divide a group, with a warning.")
