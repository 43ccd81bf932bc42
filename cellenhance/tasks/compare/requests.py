"""What can be asked of `compare`; imports nothing slow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, field_validator

from cellenhance.data.files.options import ReadingOptions
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.options import Options, Output, Overwrite, option
from cellenhance.render.style import DisplayOptions, FigureStyle

RANKS = ("best", "median", "worst")


def _parse_masks(given: Any) -> Any:
    """Return ``"NAME=DIR"`` as a name and a folder; what Python gives as a pair stays."""
    if not isinstance(given, str | Path):
        return given
    name, equals, path = str(given).partition("=")
    if not equals or not name.strip() or not path:
        raise ValueError("expected NAME=DIR, such as nnunet=theirs/masks")
    return name.strip(), Path(path)


def _check_rank(word: str) -> str:
    if word not in RANKS:
        raise ValueError(f"expected some of {', '.join(RANKS)}")
    return word


NamedMasks = Annotated[tuple[str, Path], BeforeValidator(_parse_masks)]
Rank = Annotated[str, AfterValidator(_check_rank)]


class CompareOptions(Options):
    """What stands beside the runs, and how the figures look."""

    output: Output
    masks: tuple[NamedMasks, ...] = option(
        (), "Masks of any program, shown under this name; repeatable.", metavar="NAME=DIR"
    )
    truth: Path | None = option(
        None,
        "True masks.",
        metavar="FOLDER",
        unset="those of the dataset that the images lie in",
    )
    classes: tuple[str, ...] = option(
        (),
        "A class of the masks, by values or #rrggbb; repeatable, in index order.",
        flag="--class",
        metavar="NAME=VALUE[,VALUE]",
    )
    ignore: tuple[str, ...] = option(
        (), "Value of the masks that is not a class; repeatable.", metavar="VALUE"
    )
    grid: tuple[Rank, ...] = option(
        (),
        "One figure of these images instead of one for each image.",
        metavar="best,median,worst",
        commas=True,
    )
    insets: int = option(2, "Places shown enlarged.", limits={"ge": 0, "le": 5})
    overwrite: Overwrite = False
    reading: ReadingOptions = ReadingOptions()
    compute: ComputeOptions = ComputeOptions()
    tiling: TilingOptions = TilingOptions()
    display: DisplayOptions = DisplayOptions()
    style: FigureStyle = FigureStyle()

    @field_validator("grid")
    @classmethod
    def _once_each(cls, ranks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ranks))


class CompareRequest(CompareOptions):
    """What to set side by side: runs, masks of others, and the images: files, folders, globs."""

    runs: tuple[Path, ...] = ()
    inputs: tuple[str, ...]
