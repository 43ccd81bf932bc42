"""Figures of several panels for print: rows of panels become a page.

Every display range is stated on the figure, and large images are thinned only for the page. Nothing
is read, computed or written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from cellenhance.arrays import IGNORE
from cellenhance.errors import SettingsError
from cellenhance.pixel_size import PixelSize
from cellenhance.render.display import DisplayRange, choose_display
from cellenhance.render.figures import print_settings
from cellenhance.render.panels import drawing as panel_drawing
from cellenhance.render.panels import lettering
from cellenhance.render.panels.legend import (
    LegendEntry,
    draw_legend,
    error_entries,
    ignore_entry,
    legend_height,
)
from cellenhance.render.panels.page import GAP_MM, MARGIN_MM, Page, Place
from cellenhance.render.panels.records import (
    BlankPanel,
    Box,
    ErrorPanel,
    ImagePanel,
    MapPanel,
    MaskPanel,
    Panel,
    StripPanel,
    TextPanel,
    panel_span,
    panel_title,
    picture_shape,
)
from cellenhance.render.style import FigureStyle

__all__ = [
    "BlankPanel",
    "Box",
    "DisplayRange",
    "ErrorPanel",
    "ImagePanel",
    "LegendEntry",
    "MapPanel",
    "MaskPanel",
    "Panel",
    "StripPanel",
    "TextPanel",
    "check_columns",
    "choose_display",
    "class_entries",
    "draw_panels",
]

_NARROWEST_MM, _TALLEST_MM, _TALLEST_RATIO = 11.0, 220.0, 1.5
_STRIP_MM = 20.0
_TITLE_LINES = 2


def class_entries(names: Sequence[str], colors: Sequence[str]) -> tuple[LegendEntry, ...]:
    """Return one filled legend entry per class."""
    return tuple(LegendEntry(name, color) for name, color in zip(names, colors, strict=True))


@dataclass(frozen=True, slots=True)
class _Row:
    """The heights of a row in mm, and for each panel its left edge and width."""

    panels: tuple[Panel, ...]
    spots: tuple[tuple[float, float], ...]
    title: float
    body: float

    @property
    def height(self) -> float:
        return self.title + self.body


def draw_panels(  # noqa: PLR0913 - what goes around the panels, all by name
    rows: Sequence[Sequence[Panel]],
    style: FigureStyle,
    *,
    caption: str,
    legend: Sequence[LegendEntry] = (),
    pixel_size_um: PixelSize | None = None,
    notes: Sequence[str] = (),
    line_pt: float | None = None,
) -> Figure:
    """Return a figure of `rows` of panels, exactly `style.width_mm` wide.

    Parameters
    ----------
    rows : panels from left to right; the longest row sets the number of columns
    caption : first line of the figure
    legend : class colours (`class_entries`); a key to error maps is added where there are any
    pixel_size_um : for the scale bar of the first image panel; None where it is not known
    notes : lines under the figure; the display ranges of all panels come before them
    line_pt : width of outlines; None scales it to the panel

    Raises
    ------
    SettingsError
        The panels would be narrower than 11 mm.
    """
    with print_settings():
        laid = [_lay_out(row, _column_mm(rows, style)) for row in rows]
        inner = style.width_mm - 2 * MARGIN_MM
        entries = (*legend, *_error_legend(rows))
        head = lettering.wrap(caption, inner, lettering.CAPTION_PT, bold=True)
        notes_mm = lettering.wrap_all([*_ranges(rows), *notes], inner, lettering.NOTE_PT)
        top = MARGIN_MM + len(head) * lettering.line_mm(lettering.CAPTION_PT) + 0.5
        body = sum(row.height + GAP_MM for row in laid)
        key = legend_height(entries, inner)
        foot = key + (1.0 if entries else 0.0)
        bottom = len(notes_mm) * lettering.line_mm(lettering.NOTE_PT) + MARGIN_MM
        page = Page(style, top + body + foot + bottom)
        page.write(MARGIN_MM, MARGIN_MM, head, lettering.CAPTION_PT, bold=True)
        pixel_size, y = pixel_size_um, top
        for row in laid:
            pixel_size = _draw_row(page, row, y, pixel_size, line_pt)
            y += row.height + GAP_MM
        draw_legend(page, entries, Place(MARGIN_MM, y, inner, key))
        page.write(MARGIN_MM, y + foot, notes_mm, lettering.NOTE_PT, faint=True)
    return page.figure


def check_columns(n_columns: int, style: FigureStyle) -> float:
    """Return the width of a panel in mm; SettingsError where it is less than 11 mm."""
    width = (style.width_mm - 2 * MARGIN_MM - (n_columns - 1) * GAP_MM) / n_columns
    if width < _NARROWEST_MM:
        needed = n_columns * (_NARROWEST_MM + GAP_MM) - GAP_MM + 2 * MARGIN_MM
        raise SettingsError(
            f"--width-mm {style.width_mm:g}: {n_columns} panels side by side would be "
            f"{max(0.0, width):.1f} mm wide each; give at least --width-mm {needed:.0f} or show "
            "fewer"
        )
    return width


def _column_mm(rows: Sequence[Sequence[Panel]], style: FigureStyle) -> float:
    columns = max((sum(map(panel_span, row)) for row in rows), default=0)
    if not columns:
        raise ValueError("a figure needs at least one panel")
    return check_columns(columns, style)


def _lay_out(row: Sequence[Panel], column_mm: float) -> _Row:
    spots, x = [], MARGIN_MM
    for panel in row:
        span = panel_span(panel)
        width = span * column_mm + (span - 1) * GAP_MM
        spots.append((x, width))
        x += width + GAP_MM
    pairs = list(zip(row, [width for _, width in spots], strict=True))
    return _Row(
        tuple(row),
        tuple(spots),
        title=max(len(_title(p, w)) for p, w in pairs) * lettering.line_mm(lettering.TITLE_PT),
        body=max(_body_mm(p, w) + _foot_mm(p, w) for p, w in pairs),
    )


def _title(panel: Panel, width: float) -> list[str]:
    title = panel_title(panel)
    return lettering.wrap(title, width, lettering.TITLE_PT, _TITLE_LINES) if title else []


def _body_mm(panel: Panel, width: float) -> float:
    if isinstance(panel, BlankPanel):
        return 0.0
    if isinstance(panel, StripPanel):
        return _STRIP_MM
    if isinstance(panel, TextPanel):
        lines = lettering.wrap_all(panel.lines, width, lettering.TEXT_PT)
        return len(lines) * lettering.line_mm(lettering.TEXT_PT)
    rows, columns = picture_shape(panel)
    return min(width * rows / columns, width * _TALLEST_RATIO, _TALLEST_MM)


def _foot_mm(panel: Panel, width: float) -> float:
    if isinstance(panel, BlankPanel | TextPanel):
        return 0.0
    bar = panel_drawing.BAR_MM if isinstance(panel, MapPanel) else 0.0
    lines = _below(panel, width)
    return bar + (len(lines) * lettering.line_mm(lettering.TEXT_PT) + 0.6 if lines else 0.0)


def _below(panel: Panel, width: float) -> list[str]:
    if isinstance(panel, BlankPanel | TextPanel):
        return []
    texts = [panel.note] if isinstance(panel, StripPanel) else list(panel.below)
    return lettering.wrap_all([text for text in texts if text], width, lettering.TEXT_PT)


def _draw_row(
    page: Page, row: _Row, y: float, pixel_size_um: PixelSize | None, line_pt: float | None
) -> PixelSize | None:
    """Draw a row; return the pixel size, or None once its scale bar has been drawn."""
    for panel, (x, width) in zip(row.panels, row.spots, strict=True):
        title = _title(panel, width)
        rise = len(title) * lettering.line_mm(lettering.TITLE_PT)
        page.write(x, y + row.title - rise, title, lettering.TITLE_PT)
        place = Place(x, y + row.title, width, _body_mm(panel, width))
        if isinstance(panel, TextPanel):
            lines = lettering.wrap_all(panel.lines, width, lettering.TEXT_PT)
            page.write(x, place.y, lines, lettering.TEXT_PT)
        elif isinstance(panel, StripPanel):
            panel_drawing.draw_strip(page, panel, place)
        elif not isinstance(panel, BlankPanel):
            rows, columns = picture_shape(panel)
            place = _fit(place, rows, columns)
            axes = panel_drawing.draw_picture(page, panel, place, line_pt)
            if pixel_size_um is not None and isinstance(panel, ImagePanel):
                panel_drawing.draw_scale_bar(axes, panel, place, pixel_size_um)
                pixel_size_um = None
        below = place.y + _body_mm(panel, width)
        if isinstance(panel, MapPanel):
            panel_drawing.draw_colorbar(page, panel, Place(x, below, width, 0))
            below += panel_drawing.BAR_MM
        page.write(x, below + 0.6, _below(panel, width), lettering.TEXT_PT)
    return pixel_size_um


def _fit(place: Place, rows: int, columns: int) -> Place:
    """Return the largest place of the picture's aspect ratio at the top left of `place`."""
    width = min(place.width, place.height * columns / rows)
    return Place(place.x, place.y, width, width * rows / columns)


def _ranges(rows: Sequence[Sequence[Panel]]) -> list[str]:
    """Return each display range of an image once; maps state theirs by the colour bar."""
    panels = [panel for row in rows for panel in row if isinstance(panel, ImagePanel)]
    return list(dict.fromkeys(panel.display.text for panel in panels))


def _error_legend(rows: Sequence[Sequence[Panel]]) -> tuple[LegendEntry, ...]:
    panels = [panel for row in rows for panel in row]
    errors = [panel for panel in panels if isinstance(panel, ErrorPanel)]
    masks = [panel.mask for panel in panels if isinstance(panel, MaskPanel)]
    masks += [panel.truth for panel in errors]
    ignored = any(bool((mask == IGNORE).any()) for mask in masks)
    return (*(error_entries() if errors else ()), *((ignore_entry(),) if ignored else ()))
