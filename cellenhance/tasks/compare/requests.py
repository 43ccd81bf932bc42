"""What can be asked of `compare` and `contour_overlay`; imports nothing slow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, field_validator

from cellenhance.data.classes.options import ClassOptions
from cellenhance.data.dataset.options import SkipUnmatched
from cellenhance.data.files.options import ReadingOptions
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.options import Output, Overwrite, argument, group, option
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


class CompareOptions(ClassOptions):
    """What stands beside the runs, and how the figures look."""

    output: Output
    masks: tuple[NamedMasks, ...] = option(
        (), "Masks from any program, shown under this name; repeatable.", metavar="NAME=DIR"
    )
    truth: Path | None = option(
        None,
        "True masks.",
        metavar="FOLDER",
        unset="those of the dataset that the images lie in",
    )
    grid: tuple[Rank, ...] = option(
        (),
        "One figure of these images instead of one for each image.",
        metavar="best,median,worst",
        commas=True,
    )
    insets: int = option(2, "Places shown enlarged.", limits={"ge": 0, "le": 5})
    overwrite: Overwrite = False
    reading: ReadingOptions = group(ReadingOptions)
    compute: ComputeOptions = group(ComputeOptions)
    tiling: TilingOptions = group(TilingOptions)
    display: DisplayOptions = group(DisplayOptions)
    style: FigureStyle = group(FigureStyle)

    @field_validator("grid")
    @classmethod
    def _once_each(cls, ranks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ranks))


class CompareRequest(CompareOptions):
    """What to set side by side: runs, masks of others, and the images: files, folders, globs."""

    runs: tuple[Path, ...] = ()
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of every image: left, top, width, height in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


def _as_crop(value: Any) -> Any:
    """Return ``"x,y,width,height"`` as a crop, anything else as it is."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 4 or not all(part.isdecimal() for part in parts):
        raise ValueError("expected left,top,width,height in pixels, such as 100,50,256,256")
    x, y, width, height = (int(part) for part in parts)
    if not width or not height:
        raise ValueError("is empty; width and height are at least 1")
    return Crop(x, y, width, height)


class ContourOverlayRequest(ClassOptions):
    """What to draw on what; files match by relative path without extension."""

    images: Path = argument("An image, or a folder of images.", metavar="IMAGES")
    masks: Path = argument("Its mask, or a folder of masks from any program.", metavar="MASKS")
    output: Output
    truth: Path | None = option(None, "True masks, drawn as dashed lines.", metavar="PATH")
    all_classes: bool = option(False, "Outline the background class, too.")
    fill: bool = option(False, "Tint the inside of the outlines.")
    crop: Annotated[Crop | None, BeforeValidator(_as_crop)] = option(
        None, "Show this part only, in pixels.", metavar="X,Y,W,H", unset="the whole image"
    )
    line_width: float | None = option(
        None,
        "Width of the lines in points.",
        limits={"ge": 0.1, "le": 20},
        unset="scaled to the figure",
    )
    skip_unmatched: SkipUnmatched = False
    overwrite: Overwrite = False
    reading: ReadingOptions = group(ReadingOptions)
    display: DisplayOptions = group(DisplayOptions)
    style: FigureStyle = group(FigureStyle)
