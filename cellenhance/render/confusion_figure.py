"""A confusion matrix as a figure: the share of each true class that was predicted as each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cellenhance.render.figures import MM_PER_INCH, PT_PER_MM, print_settings
from cellenhance.render.panels import lettering
from cellenhance.render.style import FigureStyle

_CELL_MM, _SMALLEST_CELL_MM = 22.0, 7.0
_LABEL_MM, _MARGIN_MM, _BAR_MM = 34.0, 4.0, 20.0
_NAME_MM = _LABEL_MM - _MARGIN_MM - 8
_MOST_TEXTS = 20
_COLORMAP = "Blues"
_ABSENT = "#e5e5e5"


def draw_confusion(
    matrix: NDArray[np.int64], classes: Sequence[str], style: FigureStyle, *, caption: str
) -> Figure:
    """Return the matrix with true classes as rows, coloured by the share of the row.

    Parameters
    ----------
    matrix : (K, K) int64 pixel counts, true classes as rows
    classes : K names in index order
    style : at most `style.width_mm` wide; few classes make a narrower figure

    Notes
    -----
    A cell shows the share in percent and the count. The row of a class that the truth lacks is
    grey: it has no shares. With more than 20 classes the cells are too small for text.
    """
    n_classes = len(classes)
    room = style.width_mm - _LABEL_MM - _BAR_MM - _MARGIN_MM
    cell = max(_SMALLEST_CELL_MM, min(_CELL_MM, room / n_classes))
    side = cell * n_classes
    width = _LABEL_MM + side + _BAR_MM + _MARGIN_MM
    with print_settings():
        head = lettering.wrap(caption, width - 2 * _MARGIN_MM, lettering.CAPTION_PT, bold=True)
        top = _MARGIN_MM + len(head) * lettering.line_mm(lettering.CAPTION_PT)
        labels = _ColumnLabels.fit(classes, cell)
        height = top + 3 + side + labels.height_mm + 8 + _MARGIN_MM
        figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), facecolor=style.paper)
        place = (_LABEL_MM / width, 1 - (top + 3 + side) / height, side / width, side / height)
        axes = figure.add_axes(place, facecolor=_ABSENT)
        _draw_cells(axes, matrix, cell, style)
        _draw_labels(axes, classes, labels, style)
        figure.text(
            _MARGIN_MM / width,
            1 - _MARGIN_MM / height,
            "\n".join(head),
            size=lettering.CAPTION_PT,
            weight="bold",
            color=style.ink,
            va="top",
        )
        bar_place = (place[0] + (side + 4) / width, place[1], 3 / width, place[3])
        bar = figure.colorbar(axes.images[0], cax=figure.add_axes(bar_place))
        bar.set_label("share of the true class, %", size=lettering.TEXT_PT, color=style.ink)
        bar.ax.tick_params(labelsize=lettering.NOTE_PT, colors=style.ink)
    return figure


def shares_of_rows(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each true class that was predicted as each class.

    The row of a class without pixels is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> shares_of_rows(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.full(matrix.shape, np.nan)
    np.divide(matrix, totals, out=shares, where=totals > 0)
    return shares


def _draw_cells(axes: Axes, matrix: NDArray[np.int64], cell_mm: float, style: FigureStyle) -> None:
    shares = shares_of_rows(matrix)
    axes.imshow(100 * shares, cmap=_COLORMAP, vmin=0, vmax=100, aspect="equal")
    n_classes = len(matrix)
    size = min(lettering.TITLE_PT + 1, cell_mm * PT_PER_MM / 5)
    if n_classes <= _MOST_TEXTS:
        for row, column in np.ndindex(matrix.shape):
            share = shares[row, column]
            text = "-" if np.isnan(share) else f"{100 * share:.1f} %"
            if cell_mm > 9:
                text += f"\n{_short_count(int(matrix[row, column]))}"
            color = "#ffffff" if share > 0.55 else "#1a1a1a"
            axes.text(column, row, text, ha="center", va="center", size=size, color=color)
    axes.set_xticks(np.arange(n_classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=style.paper, linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


@dataclass(frozen=True, slots=True)
class _ColumnLabels:
    """Class names under the columns: upright where they are wider than a column."""

    texts: tuple[str, ...]
    size_pt: float
    upright: bool
    height_mm: float

    @classmethod
    def fit(cls, classes: Sequence[str], cell_mm: float) -> _ColumnLabels:
        size = min(lettering.TITLE_PT, max(3.5, cell_mm * PT_PER_MM / 3))
        wrapped = [lettering.wrap(name, _NAME_MM, size, 3) for name in classes]
        widest = max(lettering.measure_mm(line, size) for lines in wrapped for line in lines)
        upright = widest > cell_mm - 1
        tallest = max(map(len, wrapped)) * lettering.line_mm(size)
        texts = tuple("\n".join(lines) for lines in wrapped)
        return cls(texts, size, upright, widest if upright else tallest)


def _draw_labels(
    axes: Axes, classes: Sequence[str], labels: _ColumnLabels, style: FigureStyle
) -> None:
    size = labels.size_pt
    rows = ["\n".join(lettering.wrap(name, _NAME_MM, size, 3)) for name in classes]
    places = np.arange(len(classes))
    axes.set_yticks(places, rows, size=size, color=style.ink)
    rotation = 90 if labels.upright else 0
    axes.set_xticks(places, labels.texts, size=size, color=style.ink, rotation=rotation)
    axes.set_xlabel("predicted class", size=lettering.CAPTION_PT, color=style.ink)
    axes.set_ylabel("true class", size=lettering.CAPTION_PT, color=style.ink)


def _short_count(count: int) -> str:
    """Return a count in few characters, such as "1,234" or "12.3 M".

    Examples
    --------
    >>> [_short_count(each) for each in (0, 99_999, 1_234_567, 12_345_678_901)]
    ['0', '99,999', '1.23 M', '12.3 G']
    """
    if count < 1_000_000:
        return f"{count:,}"
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)
