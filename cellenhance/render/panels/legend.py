"""The key of a figure: class colours and markers, in as many lines as the width requires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.lines import Line2D

from cellenhance.render.display import halo_color
from cellenhance.render.panels import lettering
from cellenhance.render.panels.page import Page, Place
from cellenhance.render.panels.rasters import NOT_JUDGED, RIGHT_BACKGROUND, RIGHT_CLASS

_SWATCH_MM, _PAD_MM, _BETWEEN_MM = 3.2, 1.0, 4.0
_SIZE_PT = lettering.TEXT_PT
_STRIPED = "#cccccc"


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A name and its marker: a filled rectangle, a striped one, or a line."""

    name: str
    color: str
    sign: Literal["fill", "stripes", "line", "dashes"] = "fill"


def error_entries() -> tuple[LegendEntry, ...]:
    """Return what the colours and stripes of an error map mean."""
    return (
        LegendEntry("false: colour of the class wrongly predicted", _STRIPED),
        LegendEntry(
            "missed: colour of the true class, predicted as background", _STRIPED, "stripes"
        ),
        LegendEntry("correct, a class", RIGHT_CLASS),
        LegendEntry("correct, background", RIGHT_BACKGROUND),
    )


def ignore_entry() -> LegendEntry:
    """Return the entry for pixels that are not annotated."""
    return LegendEntry("not annotated, not scored", NOT_JUDGED)


def legend_height(entries: Sequence[LegendEntry], width_mm: float) -> float:
    """Return the height that the entries take in mm."""
    rows = _rows(entries, width_mm)
    return len(rows) * lettering.line_mm(_SIZE_PT) * 1.15


def draw_legend(page: Page, entries: Sequence[LegendEntry], place: Place) -> None:
    """Draw the entries into `place`, from left to right, line by line."""
    y = place.y
    step = lettering.line_mm(_SIZE_PT) * 1.15
    for row in _rows(entries, place.width):
        x = place.x
        for entry, name, width in row:
            _draw_sign(page, entry, Place(x, y + 0.5 * (step - 2.0), _SWATCH_MM, 2.0))
            shift = 0.5 * (step - lettering.line_mm(_SIZE_PT))
            page.write(x + _SWATCH_MM + _PAD_MM, y + shift, [name], _SIZE_PT)
            x += width + _BETWEEN_MM
        y += step


def _rows(
    entries: Sequence[LegendEntry], width_mm: float
) -> list[list[tuple[LegendEntry, str, float]]]:
    """Return lines of (entry, name as far as it fits, width in mm)."""
    rows: list[list[tuple[LegendEntry, str, float]]] = []
    used = width_mm + 1
    for entry in entries:
        room = width_mm - _SWATCH_MM - _PAD_MM
        [name] = lettering.wrap(entry.name, room, _SIZE_PT, 1)
        width = _SWATCH_MM + _PAD_MM + lettering.measure_mm(name, _SIZE_PT)
        if used + width > width_mm:
            rows.append([])
            used = 0.0
        rows[-1].append((entry, name, width))
        used += width + _BETWEEN_MM
    return rows


def _draw_sign(page: Page, entry: LegendEntry, place: Place) -> None:
    if entry.sign == "fill":
        page.swatch(place, entry.color, page.style.faint_ink)
        return
    if entry.sign == "stripes":
        page.swatch(place, RIGHT_BACKGROUND, page.style.faint_ink)
        for index in range(3):
            x = place.x + (index + 0.25) * place.width / 3
            bar = Place(x, place.y, place.width / 6, place.height)
            page.swatch(bar, entry.color, entry.color)
        return
    halo = halo_color(entry.color)
    y = 1 - (place.y + place.height / 2) / page.height_mm
    ends = [place.x / page.style.width_mm, (place.x + place.width) / page.style.width_mm]
    for color, width in ((halo, 2.4), (entry.color, 1.2)):
        page.figure.add_artist(
            Line2D(
                ends,
                [y, y],
                color=color,
                linewidth=width,
                solid_capstyle="butt",
                dash_capstyle="butt",
                linestyle=(0, (2, 1)) if entry.sign == "dashes" and color != halo else "-",
            )
        )
