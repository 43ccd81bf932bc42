"""Figures as files: exact width, resolution, page colour, equal bytes for equal figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio.v3 import imread
from matplotlib.figure import Figure

from cellenhance.errors import SettingsError
from cellenhance.render.figures import save_all, save_figure
from cellenhance.render.panels.panels import MaskPanel, class_entries, draw_panels
from cellenhance.render.style import FigureStyle

COLORS = ["#000000", "#e69f00"]
ALL_FORMATS = ("png", "pdf", "svg")


def draw(style: FigureStyle) -> Figure:
    mask = np.eye(16, dtype=np.uint8)
    legend = class_entries(["rest", "cell"], COLORS)
    return draw_panels([[MaskPanel("mask", mask, COLORS)]], style, caption="a", legend=legend)


@pytest.mark.parametrize(("width_mm", "dpi"), [(180, 300), (85, 300), (85.5, 97), (40, 600)])
def test_the_width_is_exact_in_every_format(tmp_path: Path, width_mm: float, dpi: int) -> None:
    style = FigureStyle(width_mm=width_mm, dpi=dpi, formats=ALL_FORMATS)
    png, pdf, svg = save_all(draw(style), tmp_path / "a.b", style)
    assert (png.name, pdf.name, svg.name) == ("a.b.png", "a.b.pdf", "a.b.svg")
    assert imread(png).shape[1] == round(width_mm / 25.4 * dpi)
    [box] = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf.read_bytes())
    assert float(box[0]) / 72 * 25.4 == pytest.approx(width_mm, abs=0.01)
    [width] = re.findall(r'<svg [^>]*width="([\d.]+)pt"', svg.read_text(encoding="utf-8"))
    assert float(width) / 72 * 25.4 == pytest.approx(width_mm, abs=0.01)


def test_equal_figures_give_equal_bytes(tmp_path: Path) -> None:
    style = FigureStyle(width_mm=40, dpi=72, formats=ALL_FORMATS)
    for first, second in zip(
        save_all(draw(style), tmp_path / "a", style),
        save_all(draw(style), tmp_path / "b", style),
        strict=True,
    ):
        assert first.read_bytes() == second.read_bytes(), first.suffix


@pytest.mark.parametrize(("background", "grey"), [("light", 255), ("dark", 0)])
def test_the_page_has_the_colour_asked_for(tmp_path: Path, background: str, grey: int) -> None:
    style = FigureStyle(width_mm=40, dpi=72, background=background)
    [path] = save_all(draw(style), tmp_path / "a", style)
    assert imread(path)[0, 0, :3].tolist() == [grey] * 3


def test_text_in_a_pdf_stays_text(tmp_path: Path) -> None:
    style = FigureStyle(formats=("pdf",))
    [path] = save_all(draw(style), tmp_path / "a", style)
    assert b"/Type0" in path.read_bytes()  # TrueType, which editors can change


def test_a_png_that_is_too_large_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    figure = Figure(figsize=(100, 1))
    with pytest.raises(SettingsError, match="120000 x 1200 pixels; a side may have at most 65000"):
        save_figure(figure, tmp_path / "a.png", 1200)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"width_mm": 5}, "--width-mm 5: expected a number from 30 to 1000"),
        ({"dpi": 10}, "--dpi 10: expected a whole number from 50 to 1200"),
        ({"background": "pink"}, "--background pink: expected light or dark"),
        ({"formats": ()}, "--format: expected at least 1 value"),
    ],
)
def test_styles_out_of_range_are_settings_errors(values: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        FigureStyle(**values)


def test_a_format_given_twice_is_written_once() -> None:
    assert FigureStyle(formats=("pdf", "png", "pdf")).formats == ("pdf", "png")
