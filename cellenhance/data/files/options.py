"""Options of everything that reads images: which channels and images, and how they lie."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias, TypedDict

from pydantic import model_validator

from cellenhance.options import Options, option

ChannelChoice: TypeAlias = int | Literal["mean"] | None
"""One channel, counted from 0; the mean of all but alpha; or all of them."""
Projection: TypeAlias = Literal["max", "mean"]
"""How the Z planes of an image become one plane."""
Orientation: TypeAlias = Literal["apply", "ignore"]
"""Whether pixels are turned as the orientation mark of their file says."""


ARCHIVE_LIMIT_GIB = 16.0
"""Most that an archive may unpack to unless told otherwise."""


class ReadingOptions(Options):
    """How the pixels of an image file are read."""

    title: ClassVar[str] = "Reading images"

    channel: int | None = option(
        None, "Use this channel only, counted from 0.", limits={"ge": 0}, unset="all channels"
    )
    grey: Literal["mean"] | None = option(None, "Use the mean of all channels.")
    axes: str | None = option(
        None,
        "Axes in the order of the file, such as ZCYX.",
        metavar="AXES",
        unset="as the file says",
    )
    series: str | None = option(
        None,
        "Image of a file that holds several, by its name or its number from 0.",
        metavar="NAME|N",
        unset="all that are like the first",
    )
    orientation: Orientation | None = option(
        None,
        "Whether pixels are turned as the orientation mark of a file (EXIF, TIFF) says.",
        unset="as the program shows it that wrote the file",
    )

    @model_validator(mode="after")
    def _one_choice(self) -> ReadingOptions:
        if self.channel is not None and self.grey is not None:
            raise ValueError("--channel and --grey both choose what is used; give one of them")
        return self

    @property
    def channel_choice(self) -> ChannelChoice:
        """Return the two options of channels as one choice."""
        return self.channel if self.grey is None else self.grey

    @property
    def arguments(self) -> ReadingArguments:
        """Return the options as `open_image` takes them."""
        return self.arguments_with(self.channel_choice)

    def arguments_with(self, channel: ChannelChoice) -> ReadingArguments:
        """Return the options as `open_image` takes them, with another choice of channels."""
        return {
            "axes": self.axes,
            "channel": channel,
            "series": self.series,
            "orientation": self.orientation,
        }


class ReadingArguments(TypedDict):
    """What `open_image` takes of `ReadingOptions`."""

    axes: str | None
    channel: ChannelChoice
    series: str | None
    orientation: Orientation | None


class StackReadingOptions(ReadingOptions):
    """How images are read that may be made of the Z planes of a file."""

    projection: Projection | None = option(
        None, "Make one plane of all Z planes of an image.", unset="each plane is an image"
    )
