"""The confusion matrix as a figure: what its cells say, and that its words have room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cellenhance.render.confusion_figure import draw_confusion
from cellenhance.render.figures import save_all
from cellenhance.render.style import FigureStyle

MATRIX = np.array([[900, 100, 0], [0, 0, 0], [1_500_000, 0, 500_000]])
CLASSES = ("cytoplasm", "membrane", "nucleus")


def cells(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_cell_says_the_share_of_its_row_and_the_count() -> None:
    texts = cells(draw_confusion(MATRIX, CLASSES, FigureStyle(), caption="aep"))
    assert texts[:3] == ["90.0 %\n900", "10.0 %\n100", "0.0 %\n0"]
    assert texts[6] == "75.0 %\n1.5 M"


def test_a_class_that_the_truth_lacks_has_no_share() -> None:
    texts = cells(draw_confusion(MATRIX, CLASSES, FigureStyle(), caption="aep"))
    assert texts[3:6] == ["-\n0"] * 3


@pytest.mark.parametrize("n_classes", [1, 2, 10])
def test_words_lie_inside_the_figure_and_cells_do_not_overlap(n_classes: int) -> None:
    names = [f"a class with a rather long name {index}" for index in range(n_classes)]
    matrix = np.full((n_classes, n_classes), 999_999)
    figure = draw_confusion(matrix, names, FigureStyle(), caption="a caption " * 20)
    figure.draw_without_rendering()
    page = figure.bbox
    axes = figure.axes[0]
    words = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
    for text in [*words, *figure.texts, figure.axes[1].yaxis.label]:
        box = text.get_window_extent()
        assert box.x0 >= page.x0, text
        assert box.x1 <= page.x1, text
        assert box.y0 >= page.y0, text
        assert box.y1 <= page.y1, text
    side = axes.bbox.width / n_classes
    assert max(text.get_window_extent().width for text in axes.texts) < side


def test_many_classes_are_shown_without_words(tmp_path: Path) -> None:
    matrix = np.diag(np.arange(1, 41))
    style = FigureStyle(dpi=50, formats=("png", "svg"))
    figure = draw_confusion(matrix, [f"c{i}" for i in range(40)], style, caption="many")
    assert cells(figure) == []
    assert all(path.stat().st_size for path in save_all(figure, tmp_path / "confusion", style))
