"""The tables of a benchmark, as Markdown, LaTeX, CSV and text; no files are written.

Bold means one thing only: the interval of the difference to the first model excludes zero. Being
the best number of a column does not make a number bold. With one seed nothing is bold: intervals
are over images, and another seed may reverse a difference.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cellenhance.metrics.bootstrap import Interval
from cellenhance.metrics.cross_validation import FoldScores, ScoreDifference
from cellenhance.render.table_files import escape_latex, escape_markdown
from cellenhance.render.tables import Table
from cellenhance.texts import counted

MAJORITY = "majority class"


ONE_SEED = "nothing is bold: 1 seed does not show what another seed would change"


@dataclass(frozen=True, slots=True)
class RunEpochs:
    """The epochs of one run: how many it was allowed, how many it did, and which was best."""

    allowed: int
    done: int
    best: int


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkRow:
    """One model: its scores, its costs, and its difference to the first model.

    `difference` is None for the first model; `training_s` is the mean of a run; `epochs` are of
    each run.
    """

    model: str
    recipe: str
    n_parameters: int
    gflops: float
    training_s: float
    scores: FoldScores
    difference: ScoreDifference | None
    epochs: tuple[RunEpochs, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkTable:
    """The models in one condition.

    Attributes
    ----------
    condition, photons : the data, "as-is" (None) or a copy at a dose
    columns : the names of the scores
    n_images, n_groups : the scored images of all folds, and the groups that are drawn whole
    seeds, folds : those that went into it, the same for every model
    majority : the scores of predicting the class most frequent in training everywhere
    rows : of the models, at least one
    """

    condition: str
    photons: float | None
    columns: tuple[str, ...]
    n_images: int
    n_groups: int
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    majority: FoldScores
    rows: tuple[BenchmarkRow, ...]

    @property
    def marks_differences(self) -> bool:
        """Tell whether a difference may be marked: not with a single seed."""
        return len(self.seeds) > 1

    @property
    def epochs(self) -> tuple[RunEpochs, ...]:
        """Return the epochs of all runs."""
        return tuple(each for row in self.rows for each in row.epochs)


@dataclass(frozen=True, slots=True)
class MarkedTable:
    """A table in which some cells, as (row, column), are bold."""

    table: Table
    bold: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def to_json(self) -> dict[str, Any]:
        """Return the cells as they are shown, bold ones as [row, column]."""
        return {
            "title": self.table.title,
            "header": list(self.table.header),
            "rows": [list(row) for row in self.table.rows],
            "notes": list(self.table.notes),
            "bold": [list(cell) for cell in sorted(self.bold)],
        }


def score_table(benchmark: BenchmarkTable) -> MarkedTable:
    """Return one row per model in the layout of the published tables, with its costs."""
    header = (
        "",
        *benchmark.columns,
        f"mIoU gain over {benchmark.rows[0].model} [95 %]",
        "parameters",
        "GFLOPs",
        "training, min",
    )
    empty = ("",) * 4
    rows = [(MAJORITY, *_mean_std(benchmark.majority), *empty)]
    bold = set()
    for index, row in enumerate(benchmark.rows, start=1):
        costs = (f"{row.n_parameters:,}", f"{row.gflops:.2f}", f"{row.training_s / 60:.1f}")
        rows.append((row.model, *_mean_std(row.scores), _difference(row.difference, 0), *costs))
        if row.difference is not None and benchmark.marks_differences:
            signs = row.difference.signs
            bold |= {(index, 1 + at) for at, sign in enumerate(signs) if sign > 0}
            if signs[0]:
                bold.add((index, 1 + len(signs)))
    notes = (*_say_epochs(benchmark), *_say_seed(benchmark))
    return MarkedTable(Table(_title(benchmark), header, tuple(rows), notes), frozenset(bold))


def difference_table(benchmark: BenchmarkTable) -> MarkedTable:
    """Return the difference to the first model in every column, in percentage points."""
    first = benchmark.rows[0].model
    rows: list[tuple[str, ...]] = []
    bold = set()
    for row in benchmark.rows[1:]:
        if row.difference is not None:
            signs = row.difference.signs if benchmark.marks_differences else ()
            bold |= {(len(rows), 1 + at) for at, sign in enumerate(signs) if sign}
            cells = (_difference(row.difference, at) for at in range(len(benchmark.columns)))
            rows.append((row.model, *cells))
    title = (
        f"{benchmark.condition}: difference to {first} in percentage points, [95 % interval] "
        f"from paired resampling of {_groups(benchmark)}"
    )
    if benchmark.marks_differences:
        title += (
            "; bold excludes zero, each by itself (not corrected for the number of comparisons)"
        )
    notes = _say_seed(benchmark)
    return MarkedTable(Table(title, ("", *benchmark.columns), tuple(rows), notes), frozenset(bold))


def _title(benchmark: BenchmarkTable) -> str:
    n_folds, n_seeds = len(benchmark.folds), len(benchmark.seeds)
    seeds = f"{n_seeds} seeds of each fold averaged first" if n_seeds != 1 else "1 seed"
    over = (
        f"mean ± population standard deviation over {n_folds} folds (n = {n_folds})"
        if n_folds > 1
        else "1 fold, so no deviation"
    )
    return (
        f"{benchmark.condition}: percent, pooled over all pixels in each fold; {over}, {seeds}; "
        f"{counted(benchmark.n_images, 'image')}"
    )


def _say_seed(benchmark: BenchmarkTable) -> tuple[str, ...]:
    has_differences = any(row.difference is not None for row in benchmark.rows)
    return (ONE_SEED,) if has_differences and not benchmark.marks_differences else ()


def _say_epochs(benchmark: BenchmarkTable) -> tuple[str, ...]:
    """Return how long runs were trained, and a warning where some were still improving."""
    if not benchmark.epochs:
        return ()
    said = {row.model: _range_of(row.epochs) for row in benchmark.rows if row.epochs}
    texts = set(said.values())
    by_model = ", ".join(f"{model} {text}" for model, text in said.items())
    notes = [f"epochs of training: {texts.pop() if len(texts) == 1 else by_model}"]
    n_late = sum(each.best == each.done for each in benchmark.epochs)
    if n_late:
        notes.append(
            f"warning: the best epoch was the last in {n_late} of "
            f"{counted(len(benchmark.epochs), 'run')}, which were still improving; with more "
            "--epochs the scores, and which model is better, may change"
        )
    return tuple(notes)


def _range_of(epochs: Sequence[RunEpochs]) -> str:
    """Return "50", or "38 to 50 of 50" where runs ended earlier."""
    done, allowed = sorted({each.done for each in epochs}), max(each.allowed for each in epochs)
    if done == [allowed]:
        return str(allowed)
    return f"{done[0]}{f' to {done[-1]}' if len(done) > 1 else ''} of {allowed}"


def _groups(benchmark: BenchmarkTable) -> str:
    images = counted(benchmark.n_images, "image")
    if benchmark.n_groups == benchmark.n_images:
        return images
    return f"{images} in {counted(benchmark.n_groups, 'group')}"


def _mean_std(scores: FoldScores) -> list[str]:
    pairs = zip(scores.mean.tolist(), scores.std.tolist(), strict=True)
    return [format_mean(mean, std, len(scores.folds)) for mean, std in pairs]


def format_mean(mean: float, std: float, n_folds: int, scale: float = 100) -> str:
    """Return "mean ± std", or the mean alone where there is only one fold.

    Examples
    --------
    >>> format_mean(0.5, 0.1, 3), format_mean(0.5, 0.0, 1), format_mean(12.3, 4, 2, scale=1)
    ('50.00 ± 10.00', '50.00', '12.3000 ± 4.0000')
    """
    if math.isnan(mean):
        return "-"
    digits = 2 if scale == 100 else 4
    shown = f"{scale * mean:.{digits}f}"
    return shown if n_folds == 1 else f"{shown} ± {scale * std:.{digits}f}"


def _difference(difference: ScoreDifference | None, column: int) -> str:
    if difference is None:
        return ""
    return format_difference(float(difference.mean[column]), difference.intervals[column])


def format_difference(value: float, interval: Interval) -> str:
    """Return percentage points with sign and interval.

    Examples
    --------
    >>> format_difference(0.0123, Interval(-0.004, 0.03))
    '+1.23 [-0.40, +3.00]'
    """
    if math.isnan(value):
        return "-"
    if math.isnan(interval.low):
        return f"{100 * value:+.2f} [-]"
    return f"{100 * value:+.2f} [{100 * interval.low:+.2f}, {100 * interval.high:+.2f}]"


def to_markdown(marked: MarkedTable) -> str:
    """Return a Markdown table with its title in front."""
    table = marked.table
    lines = [escape_markdown(table.title) + ".", ""]
    lines.append("| " + " | ".join(escape_markdown(cell) for cell in table.header) + " |")
    lines.append("| --- |" + " --: |" * (len(table.header) - 1))
    for at, row in enumerate(table.rows):
        cells = [
            _bold(escape_markdown(cell), "**", "**", (at, i), marked) for i, cell in enumerate(row)
        ]
        lines.append("| " + " | ".join(cells) + " |")
    notes = [f"- {escape_markdown(note)}" for note in table.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def to_latex(marked: MarkedTable) -> str:
    """Return a LaTeX table (packages booktabs, graphicx) with the title as its caption."""
    table = marked.table
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        "\\begin{table}",
        f"\\caption{{{escape_latex('. '.join([table.title, *table.notes]))}.}}",
        "\\resizebox{\\linewidth}{!}{%",
        "\\begin{tabular}{l" + "r" * (len(table.header) - 1) + "}",
        "\\toprule",
        " & ".join(escape_latex(cell) for cell in table.header) + r" \\",
        "\\midrule",
    ]
    for at, row in enumerate(table.rows):
        cells = [
            _bold(escape_latex(cell), "\\textbf{", "}", (at, i), marked)
            for i, cell in enumerate(row)
        ]
        lines.append(" & ".join(cells) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def to_csv(marked: MarkedTable) -> str:
    """Return the cells as CSV, without marks."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(marked.table.header)
    table.writerows(marked.table.rows)
    table.writerows([note] for note in marked.table.notes)
    return text.getvalue()


def _bold(text: str, before: str, after: str, place: tuple[int, int], marked: MarkedTable) -> str:
    return f"{before}{text}{after}" if place in marked.bold and text else text


def as_tables(benchmarks: Sequence[BenchmarkTable]) -> list[MarkedTable]:
    """Return the tables of all conditions: scores, then differences where there are any."""
    tables = []
    for each in benchmarks:
        tables.append(score_table(each))
        if len(each.rows) > 1:
            tables.append(difference_table(each))
    return tables
