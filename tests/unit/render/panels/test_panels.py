"""Panels on a page: right colours at known places, nothing lost, everything said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio.v3 import imread
from matplotlib.figure import Figure

from cellenhance.errors import SettingsError
from cellenhance.render.figures import save_all
from cellenhance.render.panels import lettering
from cellenhance.render.panels.drawing import format_um, scale_bar_um
from cellenhance.render.panels.page import GAP_MM, MARGIN_MM
from cellenhance.render.panels.panels import (
    BlankPanel,
    Box,
    DisplayRange,
    ErrorPanel,
    ImagePanel,
    MapPanel,
    MaskPanel,
    StripPanel,
    TextPanel,
    class_entries,
    draw_panels,
)
from cellenhance.render.panels.rasters import render_picture
from cellenhance.render.panels.records import Panel
from cellenhance.render.style import FigureStyle

COLORS = ["#000000", "#e69f00", "#56b4e9"]
STYLE = FigureStyle(width_mm=100, dpi=254)  # ten dots a millimetre
UNIT = DisplayRange(0, 255, "display range 0 to 255, as requested")


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def pixels_of(figure: Figure, folder: Path) -> np.ndarray:
    [path] = save_all(figure, folder / "figure", STYLE)
    return imread(path)[..., :3]


def test_a_mask_lies_where_the_layout_says_in_its_colours(tmp_path: Path) -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    figure = draw_panels([[MaskPanel("mask", mask, COLORS)]], STYLE, caption="c")
    page = pixels_of(figure, tmp_path)
    side = 100 - 2 * MARGIN_MM
    [axes] = figure.axes
    box = axes.get_position()
    assert box.width * 100 == pytest.approx(side)
    top = round((1 - box.y1) * page.shape[0])
    quarter, three = (round(10 * (MARGIN_MM + share * side)) for share in (0.25, 0.75))
    down, deep = top + round(2.5 * side), top + round(7.5 * side)
    assert page[down, quarter].tolist() == [0, 0, 0]
    assert page[down, three].tolist() == [0xE6, 0x9F, 0x00]
    assert page[deep, quarter].tolist() == [0x56, 0xB4, 0xE9]
    assert page[deep, three].tolist() == [0xA0, 0x8C, 0xB4]
    assert "not annotated, not scored" in texts(figure)


def test_the_error_map_tells_false_missed_and_right_apart() -> None:
    truth = np.array([[0, 0, 1, 1, 2, 255]], np.uint8)
    found = np.array([[0, 1, 1, 0, 1, 1]], np.uint8)
    rgb = render_picture(ErrorPanel("", truth, found, COLORS), 600)
    assert rgb.shape == (100, 600, 3)
    cells = [rgb[:, 100 * index : 100 * index + 100].reshape(-1, 3) for index in range(6)]
    seen = [{tuple(pixel) for pixel in cell.tolist()} for cell in cells]
    orange, dark = (0xE6, 0x9F, 0x00), (0x26, 0x26, 0x26)
    assert seen == [
        {dark},  # right, background
        {orange},  # false: 1 given where there is background
        {(0x73, 0x73, 0x73)},  # right, a class
        {orange, dark},  # missed: stripes of the true class
        {orange},  # false: the class that was given
        {(0xA0, 0x8C, 0xB4)},  # not judged
    ]


def test_panels_keep_their_aspect_ratio() -> None:
    tall, wide = np.zeros((90, 10, 1), np.uint8), np.zeros((10, 40, 1), np.uint8)
    rows = [[ImagePanel("tall", tall, UNIT), ImagePanel("wide", wide, UNIT)]]
    figure = draw_panels(rows, STYLE, caption="c")
    width, height = figure.get_size_inches()
    ratios = [
        axes.get_position().height * height / (axes.get_position().width * width)
        for axes in figure.axes
    ]
    assert ratios == pytest.approx([9, 0.25])


def test_every_range_is_stated_once_before_the_notes() -> None:
    image = np.zeros((4, 4, 1), np.uint8)
    other = DisplayRange(3, 9, "display range 3 to 9")
    rows = [
        [ImagePanel("a", image, UNIT), ImagePanel("b", image, UNIT)],
        [ImagePanel("c", image, other)],
    ]
    found = texts(draw_panels(rows, STYLE, caption="c", notes=["a note"]))
    assert found[-3:] == [UNIT.text, other.text, "a note"]


def test_an_image_of_five_channels_says_which_is_shown() -> None:
    panel = ImagePanel("input", np.zeros((4, 4, 5), np.uint8), UNIT)
    assert "input (channel 0 of 5)" in texts(draw_panels([[panel]], STYLE, caption="c"))


def test_the_first_image_alone_gets_a_scale_bar() -> None:
    image = np.zeros((50, 100, 1), np.uint8)
    mask = MaskPanel("m", np.zeros((50, 100), np.uint8), COLORS)
    rows: list[list[Panel]] = [[mask, ImagePanel("a", image, UNIT), ImagePanel("b", image, UNIT)]]
    figure = draw_panels(rows, STYLE, caption="c", pixel_size_um=0.5)
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [[], ["10 µm"], []]
    bar: Any
    [bar] = figure.axes[1].patches
    assert bar.get_width() == pytest.approx(10 / (100 * 0.5))


@pytest.mark.parametrize(
    ("boxes", "left", "top"),
    [([], False, False), ([(60, 60)], True, False), ([(60, 60), (0, 60)], False, True)],
)
def test_the_scale_bar_keeps_clear_of_boxes(
    boxes: list[tuple[int, int]], left: bool, top: bool
) -> None:
    image = np.zeros((100, 100, 1), np.uint8)
    panel = ImagePanel("a", image, UNIT, boxes=tuple(Box(x, y, 40, 40, "1") for x, y in boxes))
    [axes] = draw_panels([[panel]], STYLE, caption="c", pixel_size_um=1).axes
    bar: Any = axes.patches[-1]
    assert (bar.get_x() < 0.5, bar.get_y() > 0.5) == (left, top)


@pytest.mark.parametrize(
    ("length", "text"), [(0.05, "50 nm"), (0.5, "500 nm"), (20, "20 µm"), (2000, "2 mm")]
)
def test_lengths_have_the_unit_that_fits(length: float, text: str) -> None:
    assert format_um(length) == text


@pytest.mark.parametrize("width_um", [0.003, 0.7, 1, 9.99, 33.4, 5000])
def test_scale_bars_are_round_and_at_most_30_percent(width_um: float) -> None:
    length = scale_bar_um(width_um)
    assert 0.1 * width_um < length <= 0.3 * width_um * (1 + 1e-6)
    assert f"{length:.0e}"[0] in "125"


def test_texts_stay_inside_the_page_however_long(tmp_path: Path) -> None:
    long = "a_name_without_any_blank_" * 6
    mask = np.zeros((8, 8), np.uint8)
    figure = draw_panels(
        [[MaskPanel(long, mask, COLORS[:1], below=(long,)), TextPanel(long, [long])]],
        STYLE,
        caption=long,
        legend=class_entries([long], COLORS[:1]),
        notes=[long],
    )
    page = pixels_of(figure, tmp_path)
    assert (page[:, :8] == 255).all()
    assert (page[:, -8:] == 255).all()


def test_maps_strips_and_blanks_are_drawn(tmp_path: Path) -> None:
    values = DisplayRange(0, 2, "0 to 2")
    strip = StripPanel("weights", ["1", "2", "3"], [0.5, -0.1, float("nan")], note="raw", span=2)
    rows: list[list[Panel]] = [
        [MapPanel("filter 1", np.ones((8, 8)), values, "magma", "added"), BlankPanel()],
        [strip],
    ]
    figure = draw_panels(rows, STYLE, caption="c")
    assert {"filter 1", "added", "weights", "raw"} <= set(texts(figure))
    bars = figure.axes[-1]
    assert [text.get_text() for text in bars.texts] == ["0.5", "-0.1", "-"]
    assert pixels_of(figure, tmp_path).shape[1] == 1000


def test_too_many_columns_are_refused_with_a_width_that_fits() -> None:
    row = [MaskPanel("m", np.zeros((4, 4), np.uint8), COLORS)] * 12
    with pytest.raises(
        SettingsError, match=r"12 panels side by side.*give at least --width-mm 158"
    ):
        draw_panels([row], STYLE, caption="c")
    columns = (158 - 2 * MARGIN_MM - 11 * GAP_MM) / 12
    assert columns >= 11
    draw_panels([row], FigureStyle(width_mm=158, dpi=50), caption="c")


def test_words_wrap_at_blanks_and_long_ones_are_cut() -> None:
    width = lettering.measure_mm("two words", 7) + 0.1
    assert lettering.wrap("two words more", width, 7) == ["two words", "more"]
    assert lettering.wrap("two\u00a0words", width, 7) == ["two\u00a0words"]
    pieces = lettering.wrap("x" * 50, width, 7)
    assert "".join(pieces) == "x" * 50
    assert max(lettering.measure_mm(piece, 7) for piece in pieces) <= width
    assert lettering.wrap("one two three four", width, 7, 1)[0].endswith("...")
