"""A figure of one image with the outlines of its classes; arrays in, figure out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from cellenhance.arrays import ImageArray, MaskArray
from cellenhance.pixel_size import PixelSize
from cellenhance.render.contours import mask_outlines
from cellenhance.render.display import DisplayRange
from cellenhance.render.panels.legend import LegendEntry
from cellenhance.render.panels.panels import ImagePanel, draw_panels
from cellenhance.render.style import FigureStyle


@dataclass(frozen=True, slots=True)
class OverlayView:
    """What an overlay shows.

    Attributes
    ----------
    image : (H, W, C) in its own units
    mask, truth : (H, W) uint8 class indices, 255 = ignore; None without truth
    outlined : indices of the classes that get an outline
    note : a line under the figure, for example which part of the image it shows
    """

    name: str
    image: ImageArray
    mask: MaskArray
    truth: MaskArray | None
    display: DisplayRange
    class_names: Sequence[str]
    colors: Sequence[str]
    outlined: Sequence[int]
    pixel_size_um: PixelSize | None = None
    fill: bool = False
    note: str = ""


def draw_overlay(view: OverlayView, style: FigureStyle, line_pt: float | None = None) -> Figure:
    """Return the image with a line around every class, dashes around those of the truth.

    Parameters
    ----------
    line_pt : width of the lines; None scales it to the width of the figure
    """
    without = set(range(len(view.colors))) - set(view.outlined)
    outlines = mask_outlines(view.mask, view.colors, without=without, filled=view.fill)
    entries = [LegendEntry(view.class_names[i], view.colors[i], "line") for i in view.outlined]
    if view.truth is not None:
        # Drawn below the mask's lines, so that dashes show only where the two differ.
        true = mask_outlines(view.truth, view.colors, without=without, dashed=True)
        outlines = (*true, *outlines)
        entries.append(LegendEntry("truth, in the colour of its class", "#cccccc", "dashes"))
    notes = [view.note] if view.note else []
    if not outlines:
        notes.append("No pixel belongs to a class that is outlined.")
    panel = ImagePanel("", view.image, view.display, outlines=outlines)
    return draw_panels(
        [[panel]],
        style,
        caption=view.name,
        legend=entries,
        pixel_size_um=view.pixel_size_um,
        notes=notes,
        line_pt=line_pt,
    )
