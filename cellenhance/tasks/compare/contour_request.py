"""What outlines can be drawn on; imports nothing slow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from cellenhance.data.classes.options import ClassOptions
from cellenhance.data.dataset.options import SkipUnmatched
from cellenhance.data.files.options import ReadingOptions
from cellenhance.options import Output, Overwrite, argument, group, option
from cellenhance.render.style import DisplayOptions, FigureStyle


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
    masks: Path = argument("Its mask, or a folder of masks of any program.", metavar="MASKS")
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
