"""Benchmark tables: layout, what is bold and why, Markdown, LaTeX, CSV, doses and figures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from cellenhance.metrics.cross_validation import FoldScores, score_columns, score_difference
from cellenhance.render.benchmark.dose_tables import dose_report, dose_table
from cellenhance.render.benchmark.extra_tables import ExtraRow, ExtraTable
from cellenhance.render.benchmark.figures import draw_dose, draw_scores
from cellenhance.render.benchmark.tables import (
    BenchmarkRow,
    BenchmarkTable,
    RunEpochs,
    difference_table,
    score_table,
    to_csv,
    to_latex,
    to_markdown,
)

COLUMNS = score_columns(["cell_1"])  # mIoU, IoU, mDice, Dice
RESAMPLES = np.linspace(-0.01, 0.01, 201)


def scores(*folds: float, spread: float = 1.0) -> FoldScores:
    """Return scores with the same value in all columns and resamples around the mean."""
    values = np.repeat(np.array(folds)[:, None], len(COLUMNS), axis=1)
    resampled = values.mean(axis=0) + spread * RESAMPLES[:, None]
    return FoldScores((1, 2), values, values.mean(axis=0), values.std(axis=0), resampled)


def row(name: str, mine: FoldScores, first: FoldScores | None = None) -> BenchmarkRow:
    difference = None if first is None else score_difference(mine, first)
    return BenchmarkRow(name, "cellenhance", 1234567, 6.5, 90.0, mine, difference)


def table(
    *rows: BenchmarkRow, condition: str = "as-is", photons: float | None = None
) -> BenchmarkTable:
    return BenchmarkTable(condition, photons, COLUMNS, 8, 4, (0, 1), (1, 2), scores(0.1, 0.1), rows)


BASE, BETTER, WORSE, SAME = (
    scores(0.5, 0.7),
    scores(0.6, 0.8, spread=2),
    scores(0.3, 0.5, spread=2),
    scores(0.505, 0.705, spread=2),
)
TABLE = table(
    row("base", BASE),
    row("better", BETTER, BASE),
    row("worse", WORSE, BASE),
    row("same", SAME, BASE),
)


def test_a_row_is_mean_and_deviation_the_gain_and_the_costs() -> None:
    marked = score_table(TABLE)
    assert marked.table.header[:5] == ("", "mIoU", "IoU cell_1", "mDice", "Dice cell_1")
    rows = {cells[0]: cells for cells in marked.table.rows}
    assert list(rows) == ["majority class", "base", "better", "worse", "same"]
    assert rows["base"][1] == "60.00 ± 10.00"
    assert rows["base"][5:] == ("", "1,234,567", "6.50", "1.5")
    assert rows["better"][5].startswith("+10.00 [+9.0")
    assert "mean ± population standard deviation over 2 folds (n = 2)" in marked.table.title
    assert "2 seeds of each fold averaged first" in marked.table.title


def test_bold_are_only_gains_whose_interval_excludes_zero() -> None:
    marked = score_table(TABLE)
    bold = {(marked.table.rows[at][0], column) for at, column in marked.bold}
    assert {name for name, column in bold if column < 5} == {"better"}
    assert {name for name, column in bold if column == 5} == {"better", "worse"}
    # Not the best number by itself, and not a gain within the noise.
    assert not any(name in ("base", "same") for name, _ in bold)


def test_differences_mark_losses_too_and_say_what_was_drawn() -> None:
    marked = difference_table(TABLE)
    assert [cells[0] for cells in marked.table.rows] == ["better", "worse", "same"]
    assert {at for at, _ in marked.bold} == {0, 1}
    assert "8 images in 4 groups" in marked.table.title


def with_seeds(*seeds: int) -> BenchmarkTable:
    return replace(TABLE, seeds=seeds)


def test_with_one_seed_nothing_is_bold_and_that_is_said() -> None:
    for made in (score_table, difference_table):
        marked = made(with_seeds(0))
        assert marked.bold == frozenset()
        assert marked.table.notes == (
            "nothing is bold: 1 seed does not show what another seed would change",
        )
        assert "bold excludes" not in marked.table.title
        assert made(with_seeds(0, 1)).bold
        assert made(with_seeds(0, 1)).table.notes == ()
    alone = replace(with_seeds(0), rows=TABLE.rows[:1])
    assert score_table(alone).table.notes == ()  # there is no difference that could be bold
    assert "filled" not in draw_scores(with_seeds(0)).get_suptitle()
    assert "filled" in draw_scores(with_seeds(0, 1)).get_suptitle()


def test_further_tables_mark_nothing_with_one_seed() -> None:
    rows = (ExtraRow("base", BASE), ExtraRow("better", BETTER, score_difference(BETTER, BASE)))
    tables = [
        ExtraTable("metrics", "as-is", "t", COLUMNS, (1,) * 4, rows, n_seeds=n).marked()
        for n in (1, 3)
    ]
    assert [len(each.bold) for each in tables] == [0, 5]
    assert [len(each.table.notes) for each in tables] == [1, 0]


def trained(name: str, *epochs: tuple[int, int, int]) -> BenchmarkRow:
    return replace(TABLE.rows[0], model=name, epochs=tuple(RunEpochs(*each) for each in epochs))


@pytest.mark.parametrize(
    ("rows", "notes"),
    [
        ([[(50, 50, 41), (50, 50, 38)]], ["epochs of training: 50"]),
        ([[(50, 50, 41), (50, 38, 28)]], ["epochs of training: 38 to 50 of 50"]),
        ([[(50, 20, 10)], [(80, 80, 7)]], ["epochs of training: base 20 of 50, other 80"]),
        (
            [[(10, 10, 10), (10, 10, 4)], [(10, 10, 10), (10, 9, 9)]],
            [
                "epochs of training: base 10, other 9 to 10 of 10",
                "warning: the best epoch was the last in 3 of 4 runs, which were still improving; "
                "with more --epochs the scores, and which model is better, may change",
            ],
        ),
    ],
)
def test_epochs_are_told_and_runs_that_were_still_getting_better(
    rows: list[list[tuple[int, int, int]]], notes: list[str]
) -> None:
    made = [trained(name, *each) for name, each in zip(("base", "other"), rows, strict=False)]
    marked = score_table(replace(TABLE, rows=tuple(made)))
    assert list(marked.table.notes) == notes
    assert all(note in to_markdown(marked).replace("\\", "") for note in notes)


def test_markdown_and_latex_escape_names_and_carry_the_marks() -> None:
    marked = score_table(TABLE)
    markdown = to_markdown(marked)
    assert "IoU cell\\_1" in markdown
    assert "| **70.00 ± 10.00** |" in markdown
    latex = to_latex(marked)
    assert "IoU cell\\_1" in latex
    assert "\\textbf{70.00 $\\pm$ 10.00}" in latex
    assert latex.count("{") == latex.count("}")


def test_csv_reads_back() -> None:
    marked = score_table(TABLE)
    rows = list(csv.reader(io.StringIO(to_csv(marked))))
    assert tuple(rows[0]) == marked.table.header
    assert [tuple(each) for each in rows[1:]] == list(marked.table.rows)


@pytest.fixture
def conditions() -> list[BenchmarkTable]:
    """Two models as they are and at 100 and 10 photons; the first falls under 0.54 between."""
    high, low, steady = scores(0.58, 0.58), scores(0.50, 0.50), scores(0.6, 0.6)
    return [
        table(row("base", BASE), row("other", steady, BASE)),
        table(row("base", high), row("other", steady, high), condition="h", photons=100),
        table(row("base", low), row("other", steady, low), condition="l", photons=10),
    ]


def test_the_floor_is_nine_tenths_of_the_first_model_as_it_is(
    conditions: list[BenchmarkTable],
) -> None:
    report = dose_report(conditions, None)
    assert report is not None
    assert report.floor == pytest.approx(0.54)
    assert report.curves[0].lost_at == pytest.approx(np.sqrt(1000))  # half way in the logarithm
    ends = report.curves[0].lost_interval
    assert ends.low < np.sqrt(1000) < ends.high
    assert report.curves[0].lost_share == 1
    assert np.isnan(report.curves[1].lost_at)
    cells = {each[0]: each for each in dose_table(report).table.rows}
    assert cells["base"][-1].startswith("31.6 [")
    assert cells["other"][-1] == "below 10"
    assert report.to_json()["models"][1]["lost_at_photons"] is None


def test_a_floor_of_the_user_may_lie_above_all(conditions: list[BenchmarkTable]) -> None:
    report = dose_report(conditions, 0.9)
    assert report is not None
    assert [cells[-1] for cells in dose_table(report).table.rows] == ["above 100", "above 100"]


def test_without_doses_there_is_no_curve(conditions: list[BenchmarkTable]) -> None:
    assert dose_report(conditions[:1], None) is None
    assert dose_report(conditions[1:], None) is None


def test_figures_show_every_fold_and_model(conditions: list[BenchmarkTable]) -> None:
    figure = draw_scores(TABLE)
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "base",
        "better",
        "worse",
        "same",
    ]
    filled = [line for line in panel.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() != "white" for line in filled] == [False, True, True, False]
    report = dose_report(conditions, None)
    assert report is not None
    labels = draw_dose(report).axes[0].get_legend_handles_labels()[1]
    assert labels == ["base", "other"]
