"""What a panel of a figure shows; records only, drawn by `panels.drawing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from cellenhance.arrays import ImageArray, MaskArray
from cellenhance.render.contours import Outline
from cellenhance.render.display import DisplayRange


@dataclass(frozen=True, slots=True)
class Box:
    """A place marked in a panel: left, top, width, height in pixels, and its label."""

    x: int
    y: int
    width: int
    height: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class ImagePanel:
    """An image (H, W) or (H, W, C): 3 channels as RGB, otherwise the first, as the title states.

    Attributes
    ----------
    below : lines of text under the panel
    outlines : class outlines drawn on it
    boxes : places marked in it
    """

    title: str
    image: ImageArray
    display: DisplayRange
    below: tuple[str, ...] = ()
    outlines: tuple[Outline, ...] = ()
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class MapPanel:
    """Values (H, W) in a colour map of matplotlib, with a colour bar under the panel."""

    title: str
    values: NDArray[Any]
    display: DisplayRange
    colormap: str
    label: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MaskPanel:
    """A mask (H, W) uint8 in the colours of its classes; 255 (ignore) is mauve."""

    title: str
    mask: MaskArray
    colors: Sequence[str]
    below: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorPanel:
    """Where a prediction differs from the truth, both (H, W) uint8.

    A pixel of a wrongly predicted class is filled with that class's colour ("false"); a pixel of a
    class that was predicted as background is striped in the colour of its true class ("missed").
    Correct pixels are dark grey (background) or mid grey; 255 in the truth is not judged.
    """

    title: str
    truth: MaskArray
    prediction: MaskArray
    colors: Sequence[str]
    background: int = 0
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StripPanel:
    """Bars: one value per label, with a zero line; `span` is the number of columns they take."""

    title: str
    labels: Sequence[str]
    values: Sequence[float]
    note: str = ""
    span: int = 1
    colors: Sequence[str] = ()
    value_format: str = "{:.3g}"


@dataclass(frozen=True, slots=True)
class TextPanel:
    """Lines of text, wrapped to the width of `span` columns."""

    title: str
    lines: Sequence[str]
    span: int = 1


@dataclass(frozen=True, slots=True)
class BlankPanel:
    """An empty place in the grid."""


PicturePanel: TypeAlias = ImagePanel | MapPanel | MaskPanel | ErrorPanel
Panel: TypeAlias = PicturePanel | StripPanel | TextPanel | BlankPanel


def picture_shape(panel: PicturePanel) -> tuple[int, int]:
    """Return rows and columns of what a panel shows."""
    array: NDArray[Any]
    match panel:
        case ImagePanel():
            array = panel.image
        case MapPanel():
            array = panel.values
        case MaskPanel():
            array = panel.mask
        case ErrorPanel():
            array = panel.truth
    return int(array.shape[0]), int(array.shape[1])


def panel_span(panel: Panel) -> int:
    """Return how many columns of the grid a panel takes."""
    return panel.span if isinstance(panel, StripPanel | TextPanel) else 1


def panel_title(panel: Panel) -> str:
    """Return the title, which for 2 or more than 3 channels states which one is shown."""
    if isinstance(panel, BlankPanel):
        return ""
    if isinstance(panel, ImagePanel) and panel.image.ndim == 3:
        n_channels = panel.image.shape[2]
        if n_channels not in (1, 3):
            return f"{panel.title} (channel 0 of {n_channels})"
    return panel.title
