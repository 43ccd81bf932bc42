"""Draw one panel into its place on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as CurvePath
from matplotlib.patheffects import Normal, Stroke

from cellenhance.pixel_size import PixelSize, pixel_sides
from cellenhance.render.contours import Outline
from cellenhance.render.display import halo_color
from cellenhance.render.figures import MM_PER_INCH, PT_PER_MM
from cellenhance.render.panels import lettering
from cellenhance.render.panels.page import Page, Place
from cellenhance.render.panels.rasters import render_picture
from cellenhance.render.panels.records import (
    ImagePanel,
    MapPanel,
    MaskPanel,
    PicturePanel,
    StripPanel,
    picture_shape,
)

BAR_MM = 7.6
"""Height of a colour bar with its numbers and its label."""

_EDGE_MM, _BAR_MM = 1.5, 0.9  # of a scale bar: distance from the edge, thickness
_PIXELS_A_DOT = 1.5  # pixels kept for every dot of the page: sharp, but no larger than needed
_DASHES = (1.6, 0.9)  # in widths of a line that is drawn twice as wide


def draw_picture(page: Page, panel: PicturePanel, place: Place, line_pt: float | None) -> Axes:
    """Draw the pixels, outlines and boxes of a panel into `place`; return its axes."""
    axes = page.axes(place)
    height, width = picture_shape(panel)
    most_px = place.width / MM_PER_INCH * page.style.dpi
    axes.imshow(
        render_picture(panel, _PIXELS_A_DOT * most_px),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        aspect="auto",
        interpolation="nearest" if most_px >= 2 * width else "antialiased",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(linewidth=0.4, color=page.style.faint_ink)
    if isinstance(panel, ImagePanel):
        _draw_outlines(axes, panel.outlines, line_pt or default_line_pt(place.width))
    if isinstance(panel, ImagePanel | MaskPanel):
        _draw_boxes(axes, panel)
    return axes


def default_line_pt(width_mm: float) -> float:
    """Return the width of outlines for a panel of this width: 0.7 to 1.2 pt."""
    return min(1.2, max(0.7, width_mm * PT_PER_MM / 420))


def _draw_outlines(axes: Axes, outlines: Sequence[Outline], line_pt: float) -> None:
    """Draw each line just inside its class, so that classes that touch show both colours."""
    limits = axes.axis()
    halo_pt = 0.5 * line_pt
    curves = [outline.curve() for outline in outlines]
    for outline, curve in zip(outlines, curves, strict=True):
        _stroke(axes, curve, halo_color(outline.color), 2 * halo_pt)
    for outline, curve in zip(outlines, curves, strict=True):
        if outline.filled:
            axes.add_patch(PathPatch(curve, facecolor=outline.color, alpha=0.3, linewidth=0))
        # Half of a line lies outside and is clipped away.
        layers = [(outline.color, line_pt)]
        if not outline.dashed:
            layers.insert(0, (halo_color(outline.color), line_pt + halo_pt))
        for color, width in layers:
            patch = _stroke(axes, curve, color, 2 * width)
            if outline.dashed:
                patch.set(linestyle=(0, _DASHES), capstyle="butt")
            patch.set_clip_path(curve, axes.transData)
    axes.axis(limits)


def _stroke(axes: Axes, curve: CurvePath, color: str, width_pt: float) -> PathPatch:
    patch = PathPatch(curve, fill=False, edgecolor=color, linewidth=width_pt, joinstyle="round")
    axes.add_patch(patch)
    return patch


def _draw_boxes(axes: Axes, panel: ImagePanel | MaskPanel) -> None:
    for box in panel.boxes:
        corner = (box.x - 0.5, box.y - 0.5)
        for color, width in (("#000000", 1.8), ("#ffffff", 0.9)):
            axes.add_patch(
                Rectangle(
                    corner, box.width, box.height, fill=False, edgecolor=color, linewidth=width
                )
            )
        axes.annotate(
            box.label,
            corner,
            xytext=(2, -2),
            textcoords="offset points",
            fontsize=lettering.NOTE_PT,
            fontweight="bold",
            color="#ffffff",
            ha="left",
            va="top",
            path_effects=[Stroke(linewidth=1.4, foreground="#000000"), Normal()],
            parse_math=False,
        )


def draw_colorbar(page: Page, panel: MapPanel, place: Place) -> None:
    """Draw the colour bar of a map into `place`, its numbers and label below it."""
    axes = page.axes(Place(place.x, place.y + 0.8, place.width, 1.4))
    display = panel.display
    scale = ScalarMappable(Normalize(display.low, display.high), panel.colormap)
    bar = page.figure.colorbar(scale, cax=axes, orientation="horizontal")
    middle = (display.low + display.high) / 2
    ticks = [display.low, display.high]
    if place.width > 22:
        ticks.insert(1, middle)
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
    axes.tick_params(
        labelsize=lettering.NOTE_PT, colors=page.style.ink, length=1.5, width=0.4, pad=1
    )
    bar.outline.set(linewidth=0.4, edgecolor=page.style.faint_ink)
    [label] = lettering.wrap(panel.label, place.width, lettering.NOTE_PT, 1)
    page.write(place.x, place.y + 5.0, [label], lettering.NOTE_PT)


def draw_strip(page: Page, panel: StripPanel, place: Place) -> None:
    """Draw bars with their values above and labels below."""
    axes = page.axes(Place(place.x, place.y + 1, place.width, place.height - 4.5))
    values = np.asarray(panel.values, dtype=float)
    colors = list(panel.colors) or [page.style.faint_ink] * len(values)
    axes.bar(range(len(values)), np.nan_to_num(values), width=0.7, color=colors)
    for index, value in enumerate(values):
        text = "-" if math.isnan(value) else panel.value_format.format(value)
        axes.annotate(
            text,
            (index, max(0.0, 0.0 if math.isnan(value) else value)),
            xytext=(0, 1),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=lettering.NOTE_PT,
            color=page.style.ink,
            parse_math=False,
        )
    low, high = min(0.0, float(np.nanmin(values, initial=0))), float(np.nanmax(values, initial=0))
    span = (high - low) or 1.0
    axes.set_ylim(low, high + 0.3 * span)
    axes.set_xlim(-0.6, len(values) - 0.4)
    axes.axhline(0, color=page.style.ink, linewidth=0.5)
    room = place.width / max(1, len(values)) - 0.5
    shown = [lettering.wrap(label, room, lettering.NOTE_PT, 1)[0] for label in panel.labels]
    axes.set_xticks(range(len(values)), labels=shown)
    for label in axes.get_xticklabels():
        label.set_parse_math(False)
    axes.tick_params(labelsize=lettering.NOTE_PT, colors=page.style.ink, length=0, pad=1.5)
    axes.set_yticks([])
    axes.set_facecolor("none")
    axes.spines[:].set_visible(False)


def draw_scale_bar(axes: Axes, panel: ImagePanel, place: Place, pixel_size_um: PixelSize) -> None:
    """Draw a bar of a round length, at most 30 % of the panel, into a corner without a box.

    Pixels are drawn as squares: where they are none, the bar says that it holds across only.
    """
    width_um = picture_shape(panel)[1] * pixel_sides(pixel_size_um)[1]
    length_um = scale_bar_um(width_um)
    text = format_um(length_um) + (" across" if isinstance(pixel_size_um, tuple) else "")
    bar_mm = length_um / width_um * place.width
    need_mm = max(bar_mm, lettering.measure_mm(text, lettering.TEXT_PT))
    lift_mm = _EDGE_MM + _BAR_MM + lettering.line_mm(lettering.TEXT_PT)
    is_left, is_top = _free_corner(panel, place, need_mm + 2 * _EDGE_MM, lift_mm + _EDGE_MM)
    x = _EDGE_MM if is_left else place.width - _EDGE_MM - bar_mm
    y = place.height - lift_mm if is_top else _EDGE_MM
    axes.add_patch(
        Rectangle(
            (x / place.width, y / place.height),
            bar_mm / place.width,
            _BAR_MM / place.height,
            transform=axes.transAxes,
            facecolor="#ffffff",
            edgecolor="#000000",
            linewidth=0.5,
        )
    )
    middle = x + need_mm / 2 if is_left else x + bar_mm - need_mm / 2
    axes.text(
        middle / place.width,
        (y + _BAR_MM + 0.5) / place.height,
        text,
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        fontsize=lettering.TEXT_PT,
        color="#ffffff",
        path_effects=[Stroke(linewidth=1.5, foreground="#000000"), Normal()],
    )


def _free_corner(
    panel: ImagePanel, place: Place, width_mm: float, height_mm: float
) -> tuple[bool, bool]:
    """Return (left, top) of the first corner that no box reaches into; else the lower right."""
    rows, columns = picture_shape(panel)
    width, height = width_mm / place.width * columns, height_mm / place.height * rows
    for is_left, is_top in ((False, False), (True, False), (False, True), (True, True)):
        x, y = (0 if is_left else columns - width), (0 if is_top else rows - height)
        if all(
            box.x + box.width <= x
            or box.x >= x + width
            or box.y + box.height <= y
            or box.y >= y + height
            for box in panel.boxes
        ):
            return is_left, is_top
    return False, False


def scale_bar_um(width_um: float) -> float:
    """Return the longest of 1, 2, 5, 10 ... um that is at most 30 % of `width_um`.

    Examples
    --------
    >>> [scale_bar_um(width) for width in (100, 35, 0.5)]
    [20.0, 10.0, 0.1]
    """
    most = 0.3 * width_um
    power = 10.0 ** math.floor(math.log10(most))
    return float(next(step * power for step in (5, 2, 1) if step * power <= most * (1 + 1e-9)))


def format_um(length_um: float) -> str:
    """Return a length with the unit that fits: nm, µm or mm."""
    if length_um < 0.99:
        return f"{length_um * 1000:.4g} nm"
    return f"{length_um / 1000:.4g} mm" if length_um >= 1000 else f"{length_um:.4g} µm"
