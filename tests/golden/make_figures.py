"""Draw the figures of `test_figures.py` from made-up cells; run it to remake the stored PNGs.

python tests/golden/make_figures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cellenhance.metrics.confusion import confusion_matrix
from cellenhance.metrics.disagreement import find_disagreements
from cellenhance.metrics.scores import OverlapScores
from cellenhance.render.confusion_figure import draw_confusion
from cellenhance.render.display import DisplayRange, choose_display
from cellenhance.render.figures import save_all
from cellenhance.render.panels.comparison import Classes, ComparedView, draw_comparison
from cellenhance.render.panels.overlay import OverlayView, draw_overlay
from cellenhance.render.panels.panels import ImagePanel, MapPanel, StripPanel, draw_panels
from cellenhance.render.panels.records import Panel
from cellenhance.render.style import FigureStyle

FOLDER = Path(__file__).parent / "figures"
NAMES, COLORS = ("background", "cytoplasm", "nucleus"), ("#000000", "#e69f00", "#56b4e9")
STYLE = FigureStyle(width_mm=90, dpi=100)
DARK = FigureStyle(width_mm=60, dpi=100, background="dark")


def make_cells(shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return an image (80, 100, 1) uint16 and its mask: three cells, one at the border."""
    rows, cols = np.mgrid[:80, :100]
    mask = np.zeros((80, 100), np.uint8)
    for row, col, radius in ((25, 30, 18), (55, 70, 20), (75, 5, 12)):
        distance = np.hypot(rows - row, cols - col - shift)
        mask[distance < radius] = 1
        mask[distance < radius / 2] = 2
    image = 100 + 150 * mask.astype(np.uint16) + ((7 * rows + 13 * cols) % 40).astype(np.uint16)
    return image[..., None], mask


def draw_all() -> dict[str, tuple[Figure, FigureStyle]]:
    """Return every figure by its name, with its style."""
    return {
        "overlay": (_overlay(fill=False), STYLE),
        "overlay-fill-dark": (_overlay(fill=True, style=DARK), DARK),
        "comparison": (_comparison(), STYLE),
        "translation": (_translation(), STYLE),
        "confusion": (_confusion(), STYLE),
    }


def _confusion() -> Figure:
    (_, truth), (_, shifted) = make_cells(0), make_cells(4)
    matrix = confusion_matrix(truth, shifted, n_classes=3)
    return draw_confusion(matrix, NAMES, STYLE, caption="cells: 1 image, pooled over all pixels")


def _overlay(*, fill: bool, style: FigureStyle = STYLE) -> Figure:
    image, truth = make_cells()
    view = OverlayView(
        name="cells",
        image=image,
        mask=make_cells(shift=4)[1],
        truth=truth,
        display=choose_display([image]),
        class_names=NAMES,
        colors=COLORS,
        outlined=(1, 2),
        pixel_size_um=0.5,
        fill=fill,
        note="a note",
    )
    return draw_overlay(view, style)


def _comparison() -> Figure:
    image, truth = make_cells()
    truth[:10, 80:] = 255
    masks = {"first model": make_cells(shift=3)[1], "second": np.where(truth == 2, 1, truth) % 255}
    scores = {
        name: OverlapScores.from_matrix(NAMES, confusion_matrix(truth, mask, 3))
        for name, mask in masks.items()
    }
    windows = find_disagreements(list(masks.values()), n_windows=1, side=20)
    view = ComparedView("cells", image, truth, masks, scores, windows)
    return draw_comparison(
        [view],
        STYLE,
        caption="cells",
        classes=Classes(NAMES, COLORS),
        display=choose_display([image]),
        pixel_size_um=0.5,
    )


def _translation() -> Figure:
    image, mask = make_cells()
    strength = DisplayRange(0, 2, "filters 0 to 2")
    filters = [MapPanel(f"filter {k}", mask == k, strength, "magma", "added") for k in (1, 2)]
    strip = StripPanel("weights", ["1", "2", "3"], [0.5, -0.2, 0.1], note="raw", span=3)
    shown = ImagePanel("input", image, choose_display([image]))
    rows: list[list[Panel]] = [[shown, *filters], [strip]]
    return draw_panels(rows, STYLE, caption="panels")


def main() -> None:
    """Write every figure into `FOLDER`."""
    for name, (figure, style) in draw_all().items():
        save_all(figure, FOLDER / name, style)


if __name__ == "__main__":
    main()
