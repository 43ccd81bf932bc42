"""A page measured in millimetres from its top left corner, on which a figure is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cellenhance.render.figures import MM_PER_INCH
from cellenhance.render.panels import lettering
from cellenhance.render.style import FigureStyle

MARGIN_MM, GAP_MM = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on the page: left, top, width, height in mm."""

    x: float
    y: float
    width: float
    height: float


class Page:
    """A figure of fixed size with text and axes placed in millimetres.

    Parameters
    ----------
    style : gives width and colours
    height_mm : of the whole page
    """

    def __init__(self, style: FigureStyle, height_mm: float) -> None:
        self.style, self.height_mm = style, height_mm
        size = (style.width_mm / MM_PER_INCH, height_mm / MM_PER_INCH)
        self.figure = Figure(figsize=size, facecolor=style.paper)

    def axes(self, place: Place) -> Axes:
        """Return axes that fill `place`."""
        width, height = self.style.width_mm, self.height_mm
        bottom = height - place.y - place.height
        return self.figure.add_axes(
            (place.x / width, bottom / height, place.width / width, place.height / height)
        )

    def write(
        self,
        x: float,
        y: float,
        lines: Sequence[str],
        size_pt: float,
        *,
        bold: bool = False,
        faint: bool = False,
    ) -> float:
        """Write lines from (x, y) downwards; return where the next line would begin."""
        for line in lines:
            self.figure.text(
                x / self.style.width_mm,
                1 - (y + 0.5 * lettering.line_mm(size_pt)) / self.height_mm,
                line,
                fontsize=size_pt,
                fontweight="bold" if bold else "normal",
                color=self.style.faint_ink if faint else self.style.ink,
                va="center_baseline",
                parse_math=False,
            )
            y += lettering.line_mm(size_pt)
        return y

    def swatch(self, place: Place, color: str, edge: str, hatch: str | None = None) -> None:
        """Draw a small rectangle in `color`, striped where `hatch` is given."""
        width, height = self.style.width_mm, self.height_mm
        self.figure.add_artist(
            Rectangle(
                (place.x / width, 1 - (place.y + place.height) / height),
                place.width / width,
                place.height / height,
                facecolor=color,
                edgecolor=edge,
                linewidth=0.4,
                hatch=hatch,
            )
        )
