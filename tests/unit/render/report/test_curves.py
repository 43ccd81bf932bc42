"""Training curves: what is drawn, not how it looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.image import imread

from cellenhance.render.figures import save_figure
from cellenhance.render.report.curves import draw_curves

ROWS = [
    {
        "epoch": str(epoch),
        "train_loss": str(1 / epoch),
        "val_miou": miou,
        "val_iou_cell": "0.5",
        "images_per_s": "9",
    }
    for epoch, miou in enumerate(["0.2", "0.6", "", "0.6", "0.4"], start=1)
]


def lines(panel: Axes) -> dict[str, list[float]]:
    drawn = panel.get_lines()
    return {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in drawn}


def test_losses_and_validation_have_a_panel_each() -> None:
    losses, validation = draw_curves(ROWS).axes
    assert lines(losses)["train"] == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert lines(validation)["cell"] == [0.5] * 5
    np.testing.assert_array_equal(
        lines(validation)["mean of classes"], [0.2, 0.6, np.nan, 0.6, 0.4]
    )


def test_the_best_epoch_is_marked_in_both_panels_ties_to_the_later() -> None:
    for panel in draw_curves(ROWS).axes:
        assert "best epoch 4" in lines(panel)


def test_the_best_epoch_can_be_told() -> None:
    assert "best epoch 2" in lines(draw_curves(ROWS, best_epoch=2).axes[0])


def test_without_validation_there_is_only_the_loss() -> None:
    figure = draw_curves([{"epoch": "1", "loss": "0.5", "val_miou": ""}])
    assert [list(lines(panel)) for panel in figure.axes] == [["loss"]]


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least one epoch"):
        draw_curves([])


def test_a_figure_is_saved_as_an_image_with_content(tmp_path: Path) -> None:
    save_figure(draw_curves(ROWS), tmp_path / "figures" / "curves.png", dpi=50)
    assert imread(tmp_path / "figures" / "curves.png").std() > 0
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["curves.png"]


def test_the_suffix_chooses_the_format(tmp_path: Path) -> None:
    save_figure(draw_curves(ROWS), tmp_path / "curves.pdf")
    assert (tmp_path / "curves.pdf").read_bytes().startswith(b"%PDF")
