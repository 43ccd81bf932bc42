"""Scores as text: percent, what the average is, undefined cells, folds, CSV."""

from __future__ import annotations

import numpy as np
import pytest

from cellenhance.metrics.score_intervals import Resampling
from cellenhance.metrics.scores import Scores
from cellenhance.render.tables import (
    class_table,
    comparison_table,
    format_mean_std,
    image_table,
    run_table,
)

GOLDEN = np.array([[4, 1], [2, 3]])
FIRST = np.array([[4, 0], [0, 0]])
SECOND = np.array([[0, 1], [2, 3]])


def scores_of(*matrices: np.ndarray) -> Scores:
    return Scores.from_matrices(["a", "b"], [f"im{i}" for i in range(len(matrices))], matrices)


def test_the_class_table_gives_percent_with_two_decimals() -> None:
    table = class_table(scores_of(GOLDEN))
    assert table.header == ("class", "IoU", "Dice", "precision", "recall", "specificity")
    assert table.rows == (
        ("a", "57.14", "72.73", "66.67", "80.00", "60.00"),
        ("b", "50.00", "66.67", "75.00", "60.00", "80.00"),
        ("mean over classes", "53.57", "69.70", "70.83", "70.00", "70.00"),
    )


def test_intervals_stand_behind_pooled_scores() -> None:
    """Two images, so resamples are the one, the other or both."""
    scores = scores_of(GOLDEN, np.diag([5, 5])).with_intervals(["x", "y"], Resampling())
    table = class_table(scores)
    assert table.rows[0][1] == "75.00 [57.14, 100.00]"
    assert table.rows[2][2] == "84.96 [69.70, 100.00]"
    assert table.rows[0][3] == "81.82"
    assert table.title.endswith("accuracy 85.00 [70.00, 100.00]")
    assert "[" not in "".join(class_table(scores, per_image=True).rows[0])
    row = comparison_table({"mine": scores}).rows[0]
    assert [each.endswith("]") for each in row] == [False, True, False, False, True, False, False]


def test_titles_say_which_average_and_of_how_many_images() -> None:
    scores = scores_of(FIRST, SECOND)
    pooled, per_image = class_table(scores).title, class_table(scores, per_image=True).title
    assert pooled == "percent, pooled over all pixels, 2 images; accuracy 70.00"
    assert per_image == "percent, mean over images, 2 images; accuracy 75.00"


def test_the_mean_over_images_counts_images_without_the_class() -> None:
    table = class_table(scores_of(FIRST, SECOND), per_image=True)
    assert table.header[-1] == "images without the class"
    assert [row[-1] for row in table.rows] == ["0", "1", ""]


def test_undefined_scores_are_a_dash() -> None:
    rows = class_table(scores_of(FIRST)).rows
    assert rows[1] == ("b", "-", "-", "-", "-", "100.00")  # all 4 pixels are rightly not b


def test_the_comparison_has_a_row_an_entry_and_the_mean_first() -> None:
    table = comparison_table(
        {"light-unet": scores_of(GOLDEN), "majority class": scores_of(np.array([[5, 0], [5, 0]]))}
    )
    assert table.header == ("", "mIoU", "IoU a", "IoU b", "mDice", "Dice a", "Dice b")
    assert table.rows == (
        ("light-unet", "53.57", "57.14", "50.00", "69.70", "72.73", "66.67"),
        ("majority class", "25.00", "50.00", "0.00", "33.33", "66.67", "0.00"),
    )


def test_folds_give_mean_and_population_std_and_say_n() -> None:
    table = run_table({"aep": [scores_of(GOLDEN), scores_of(np.diag([5, 5]))]})
    assert "population standard deviation over 2 folds" in table.title
    assert table.rows[0][3] == "75.00 ± 25.00"  # IoU b: 50 and 100


def test_a_fold_without_the_class_is_left_out_and_said() -> None:
    table = run_table({"aep": [scores_of(GOLDEN), scores_of(FIRST)]})
    assert table.rows[0][3] == "50.00 ± 0.00 (n=1)"


def test_nothing_defined_is_a_dash() -> None:
    assert format_mean_std([float("nan")]) == "-"


def test_tables_need_the_same_classes_and_folds() -> None:
    other = Scores.from_matrices(["a", "c"], ["im0"], [GOLDEN])
    with pytest.raises(ValueError, match="same classes"):
        comparison_table({"x": scores_of(GOLDEN), "y": other})
    with pytest.raises(ValueError, match="at least one"):
        comparison_table({})
    with pytest.raises(ValueError, match="at least one run"):
        run_table({"x": [scores_of(GOLDEN)], "y": []})


def test_a_run_without_folds_stands_beside_one_with_folds() -> None:
    table = run_table({"x": [scores_of(GOLDEN)], "y": [scores_of(GOLDEN), scores_of(FIRST)]})
    assert [row[0] for row in table.rows] == ["x", "y (2 folds)"]
    assert table.rows[0][1] == "53.57"
    assert table.rows[1][2] == "78.57 ± 21.43"  # 4/7 and 1


def test_the_csv_keeps_fractions_unrounded_and_leaves_undefined_cells_empty() -> None:
    table = image_table(scores_of(GOLDEN, FIRST))
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert [row["id"] for row in rows] == ["im0", "im1"]
    assert float(rows[0]["iou_a"]) == 4 / 7
    assert float(rows[0]["miou"]) == (4 / 7 + 1 / 2) / 2
    assert rows[1]["iou_b"] == ""
    assert rows[1]["recall_a"] == "1.0"


def test_the_csv_takes_further_columns() -> None:
    table = image_table(scores_of(GOLDEN), {"group": ["x"], "n_px": [10], "hd": [float("nan")]})
    assert table.header[:5] == ("id", "group", "n_px", "hd", "accuracy")
    assert table.rows[0][:5] == ("im0", "x", "10", "", "0.7")
