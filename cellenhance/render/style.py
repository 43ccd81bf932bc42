"""Options of everything that draws figures: how they are printed and how pixels are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, field_validator

from cellenhance.options import Options, option
from cellenhance.pixel_size import PixelSizeField

FigureFormat = Annotated[
    Literal["png", "pdf", "svg"],
    BeforeValidator(lambda word: word.lower().removeprefix(".") if isinstance(word, str) else word),
]


class FigureStyle(Options):
    """How a figure is printed: width on paper, resolution, page colour, file formats."""

    title: ClassVar[str] = "Figures"

    width_mm: float = option(180, "Width on paper in mm.", limits={"ge": 30, "le": 1000})
    dpi: int = option(300, "Dots per inch of PNG files.", limits={"ge": 50, "le": 1200})
    background: Literal["light", "dark"] = option("light", "Colour of the page.")
    formats: tuple[FigureFormat, ...] = option(
        ("png",),
        "File format; repeat it for several.",
        limits={"min_length": 1},
        flag="--format",
        metavar="png|pdf|svg",
    )

    @field_validator("formats")
    @classmethod
    def _once_each(cls, formats: tuple[FigureFormat, ...]) -> tuple[FigureFormat, ...]:
        return tuple(dict.fromkeys(formats))

    @property
    def paper(self) -> str:
        """Return the colour of the page, #rrggbb."""
        return "#ffffff" if self.background == "light" else "#000000"

    @property
    def ink(self) -> str:
        """Return the colour of text, #rrggbb."""
        return "#1a1a1a" if self.background == "light" else "#f2f2f2"

    @property
    def faint_ink(self) -> str:
        """Return the colour of notes and frames, #rrggbb."""
        return "#595959" if self.background == "light" else "#b3b3b3"

    def paths(self, stem: Path) -> tuple[Path, ...]:
        """Return the files that `save_all` writes: `stem` with ".png" and so on appended."""
        return tuple(stem.with_name(f"{stem.name}.{each}") for each in self.formats)


class DisplayOptions(Options):
    """What the grey values and the pixels of the images that are shown mean."""

    title: ClassVar[str] = "Figures"

    display_range: tuple[float, float] | None = option(
        None,
        "Pixel values shown as black and as white.",
        metavar="LOW,HIGH",
        commas=True,
        unset="from the percentiles, stated in the figure",
    )
    pixel_size: PixelSizeField | None = option(
        None,
        "Side of a pixel in um, or its height and width.",
        metavar="UM|H,W",
        unset="as the file or the dataset says",
    )

    @field_validator("display_range")
    @classmethod
    def _rising(cls, limits: tuple[float, float] | None) -> tuple[float, float] | None:
        if limits is not None and not limits[0] < limits[1]:
            raise ValueError("expected two numbers, the smaller first, such as 100,4000")
        return limits
