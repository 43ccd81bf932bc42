"""Options of everything that reads images: which channels, and what the axes are."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import model_validator

from cellenhance.options import Options, option

ChannelChoice: TypeAlias = int | Literal["mean"] | None
"""One channel, counted from 0; the mean of all but alpha; or all of them."""
Projection: TypeAlias = Literal["max", "mean"]
"""How the Z planes of an image become one plane."""


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

    @model_validator(mode="after")
    def _one_choice(self) -> ReadingOptions:
        if self.channel is not None and self.grey is not None:
            raise ValueError("--channel and --grey both choose what is used; give one of them")
        return self

    @property
    def channel_choice(self) -> ChannelChoice:
        """Return the two options of channels as one choice."""
        return self.channel if self.grey is None else self.grey


class StackReadingOptions(ReadingOptions):
    """How images are read that may be made of the Z planes of a file."""

    projection: Projection | None = option(
        None, "Make one plane of all Z planes of an image.", unset="each plane is an image"
    )
