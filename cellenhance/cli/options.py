"""The options that mean the same in every command, defined once; imports nothing slow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cellenhance.data.files.options import ChannelChoice, Projection
    from cellenhance.render.display import DisplayRange
    from cellenhance.render.style import FigureStyle

Output = Annotated[Path, typer.Option("-o", "--output", help="Where to write.", show_default=False)]
DatasetFolder = Annotated[
    Path, typer.Argument(metavar="DATASET", help="A dataset folder.", show_default=False)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an output that exists already.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON to stdout.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random draw.")]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
]
Precision = Annotated[
    str, typer.Option("--precision", help="auto, fp32, bf16 or fp16.", metavar="PRECISION")
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", min=1, help="Images a step (default: the recipe's).", show_default=False
    ),
]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile",
        min=32,
        show_default=False,
        help="Side in pixels of the core that is kept of a tile (default: from memory).",
    ),
]
Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap",
        min=0,
        show_default=False,
        help="Context in pixels around a tile (default: what the network sees).",
    ),
]
Models = Annotated[
    Path | None,
    typer.Option(
        "--models", help="A models.yaml of your own, added to the catalogue.", show_default=False
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="Change one setting, for example recipe.epochs=50; repeatable.",
    ),
]
Channel = Annotated[
    int | None,
    typer.Option("--channel", min=0, show_default=False, help="Use this channel only, from 0."),
]
Grey = Annotated[
    str | None,
    typer.Option(
        "--grey", metavar="mean", show_default=False, help="Use the mean of all channels."
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        "--axes", show_default=False, help="Axes of the file, such as ZCYX, where it lies."
    ),
]
Split = Annotated[
    str | None,
    typer.Option("--split", show_default=False, help="Name of the split (default: default)."),
]
Dpi = Annotated[
    int, typer.Option("--dpi", min=50, max=1200, help="Dots per inch of PNG and of pictures.")
]
WidthMm = Annotated[
    float, typer.Option("--width-mm", min=30, max=1000, help="Width of a figure on paper, in mm.")
]
Background = Annotated[
    str, typer.Option("--background", metavar="light|dark", help="Colour of the page.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="png|pdf|svg",
        show_default=False,
        help="File format of figures, repeatable (default: png).",
    ),
]

Display = Annotated[
    str | None,
    typer.Option(
        "--display-range",
        metavar="LOW,HIGH",
        show_default=False,
        help="Pixel values shown black and white (default: from the percentiles, stated).",
    ),
]
PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size",
        min=1e-6,
        show_default=False,
        help="Side of a pixel in um (default: as the file or the dataset says).",
    ),
]
Classes = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME=VALUE[,VALUE]",
        show_default=False,
        help="A class of the masks, by values or #rrggbb; repeatable, in index order.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="Value of the masks that is no class.", show_default=False),
]
SkipUnmatched = Annotated[
    bool, typer.Option("--skip-unmatched", help="Leave out and name files without a partner.")
]


def figure_style(
    dpi: int, width_mm: float, background: str, formats: list[str] | None
) -> FigureStyle:
    """Return the four options of a figure as its style; SettingsError for a word that is none."""
    from cellenhance.errors import SettingsError
    from cellenhance.render.style import FigureStyle
    from cellenhance.settings import validate_settings

    kinds = [each.lower().removeprefix(".") for each in formats or ["png"]]
    for option, known, given in (
        ("--background", ("light", "dark"), [background]),
        ("--format", ("png", "pdf", "svg"), kinds),
    ):
        for word in given:
            if word not in known:
                raise SettingsError(f"{option} {word}: expected {', '.join(known)}")
    values = {"dpi": dpi, "width_mm": width_mm, "background": background, "formats": tuple(kinds)}
    return validate_settings(FigureStyle, values, where="the options of the figure")


def channel_choice(channel: int | None, grey: str | None) -> ChannelChoice:
    """Return ``--channel`` or ``--grey mean`` as one choice; SettingsError for both."""
    from cellenhance.errors import SettingsError

    if grey is None:
        return channel
    if grey != "mean":
        raise SettingsError(f"--grey {grey}: expected mean")
    if channel is not None:
        raise SettingsError("--channel and --grey both choose what is used; give one of them")
    return "mean"


def projection(text: str | None) -> Projection | None:
    """Return ``"max"``, ``"mean"`` or None as given; SettingsError for any other word."""
    from cellenhance.errors import SettingsError

    match text:
        case None | "max" | "mean":
            return text
    raise SettingsError(f"--projection {text}: expected max or mean")


def display_range(text: str | None) -> DisplayRange | None:
    """Return ``"LOW,HIGH"`` as a display range, None for None; SettingsError for other forms."""
    from cellenhance.errors import SettingsError
    from cellenhance.render.display import DisplayRange

    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not low < high or not math.isfinite(high - low):
        raise SettingsError(
            f"--display-range {text}: expected two numbers, the smaller first, such as 100,4000"
        )
    return DisplayRange(low, high, f"display range {low:.6g} to {high:.6g}, as asked for")
