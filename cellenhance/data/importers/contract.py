"""What an importer is and what it returns; one importer a source layout, one file each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.classes.class_map import ClassRule
from cellenhance.data.dataset.manifest import DatasetDescription
from cellenhance.data.dataset.splits import SplitRow
from cellenhance.data.files.options import StackReadingOptions
from cellenhance.data.files.sources import ImageInfo


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a user may say about where things are and how image files are read.

    Attributes
    ----------
    exclude : names of files or stems that are not looked at
    listing : the file that was given as source, for layouts that are one (a list, a table)
    reading : how image files are read; series and orientation hold for masks too. Channels are
        chosen later, when all images were looked at. Without a projection each plane is a sample
    """

    images: Path | None = None
    masks: Path | None = None
    valid_mask: Path | None = None
    reading: StackReadingOptions = field(default_factory=StackReadingOptions)
    exclude: tuple[str, ...] = ()
    listing: Path | None = None


class FoundPair(Protocol):
    """One image with its mask, read only when asked."""

    @property
    def id(self) -> str:
        """Future sample id."""

    @property
    def group(self) -> str | None:
        """What a split must not divide, such as the stack of a page; None when it stands alone."""

    @property
    def image_label(self) -> str:
        """Where the image is, for tables and messages."""

    @property
    def mask_label(self) -> str:
        """Where the mask is, for tables and messages."""

    def names(self) -> frozenset[str]:
        """Return every name by which ``--exclude`` may mean this pair."""

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the (H, W, C) image and its facts; ImageReadError when it cannot be read.

        Pixels may be NaN or infinite: what becomes of them is decided for all layouts alike.
        """

    def load_mask(self, *, expand_palette: bool) -> NDArray[Any]:
        """Return the mask as `read_mask` does."""

    def load_valid(self) -> NDArray[Any] | None:
        """Return (H, W) values that are 0 where nothing was annotated, or None."""


class AroundPair:
    """Base of pairs made around another `pair`: they say what that one says, but for its mask."""

    __slots__ = ()
    pair: FoundPair

    @property
    def id(self) -> str:
        """Future sample id."""
        return self.pair.id

    @property
    def group(self) -> str | None:
        """What a split must not divide."""
        return self.pair.group

    @property
    def image_label(self) -> str:
        """Where the image is."""
        return self.pair.image_label

    @property
    def mask_label(self) -> str:
        """Where the mask is."""
        return self.pair.mask_label

    def names(self) -> frozenset[str]:
        """Return every name by which ``--exclude`` may mean this pair."""
        return self.pair.names()

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the image of the pair."""
        return self.pair.load_image(channel)


@runtime_checkable
class ObjectPair(FoundPair, Protocol):
    """A pair whose mask is drawn from objects that have a class each."""

    def load_objects(self) -> NDArray[Any]:
        """Return (H, W) numbers of objects; 0 where there is none, background or ignore."""


@dataclass(frozen=True, slots=True)
class FoundSource:
    """Everything an importer found, before any pixel is read.

    Attributes
    ----------
    reason : why this layout was recognised, as a sentence part ("org/ beside gt/")
    folders : role and place, for the table
    unmatched : files without a partner
    split : the split that the source brings, empty for none
    default_classes : what the layout itself says of mask values
    suggested_classes : names for mask values that the user has to confirm with ``--class``
    optional_classes : names of `default_classes` that are classes only if a mask has them
    ignore : mask values that the layout itself says to ignore
    has_instances : masks are label maps, one number per object, by the layout
    notes : sentences for the user
    warnings : sentences that the user must not miss
    inherited : what a dataset of ours, prepared again, says of itself
    """

    layout: str
    reason: str
    folders: tuple[tuple[str, str], ...]
    pairs: tuple[FoundPair, ...]
    unmatched: tuple[str, ...] = ()
    split: tuple[SplitRow, ...] = ()
    default_classes: tuple[ClassRule, ...] = ()
    suggested_classes: tuple[ClassRule, ...] = ()
    optional_classes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    has_instances: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    inherited: DatasetDescription | None = None


class Importer(Protocol):
    """One source layout."""

    @property
    def name(self) -> str:
        """Value of ``--layout``."""

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return why `source` has this layout, or None when it has not."""

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the pairs of `source`; DatasetError when it has not this layout."""
