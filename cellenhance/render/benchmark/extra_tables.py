"""Tables of a benchmark beside the main one: further metrics, parts of an ensemble, probing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cellenhance.metrics.cross_validation import FoldScores, ScoreDifference
from cellenhance.render.benchmark.tables import (
    ONE_SEED,
    MarkedTable,
    format_difference,
    format_mean,
)
from cellenhance.render.tables import Table


@dataclass(frozen=True, slots=True, eq=False)
class ExtraRow:
    """One row, with its difference to the row that it is compared to, if any."""

    name: str
    scores: FoldScores
    difference: ScoreDifference | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ExtraTable:
    """Scores in columns of any kind.

    Attributes
    ----------
    kind : "metrics", "parts" or "probing"
    condition : the data
    title : what the numbers are, and what they are compared to
    columns : names of the scores
    better : for each column 1 where more is better, -1 where less is
    n_seeds : seeds of each fold; with one nothing is bold
    in_percent : whether fractions are shown as percent
    """

    kind: str
    condition: str
    title: str
    columns: tuple[str, ...]
    better: tuple[int, ...]
    rows: tuple[ExtraRow, ...]
    n_seeds: int
    in_percent: bool = True

    def marked(self) -> MarkedTable:
        """Return mean ± std of each column and the difference in the first; bold excludes zero."""
        rows, bold = [], set()
        for at, row in enumerate(self.rows):
            pairs = zip(row.scores.mean.tolist(), row.scores.std.tolist(), strict=True)
            n_folds = len(row.scores.folds)
            scale = 100 if self.in_percent else 1
            cells = [format_mean(mean, std, n_folds, scale) for mean, std in pairs]
            rows.append((row.name, *cells, self._difference(row)))
            if row.difference is not None and self.n_seeds > 1:
                signs = zip(row.difference.signs, self.better, strict=True)
                bold |= {(at, 1 + i) for i, (sign, good) in enumerate(signs) if sign * good > 0}
                if row.difference.signs[0]:
                    bold.add((at, 1 + len(self.columns)))
        header = ("", *self.columns, f"{self.columns[0]} difference [95 %]")
        notes = (ONE_SEED,) if self.n_seeds == 1 and any(r.difference for r in self.rows) else ()
        table = Table(f"{self.condition}: {self.title}", header, tuple(rows), notes)
        return MarkedTable(table, frozenset(bold))

    def _difference(self, row: ExtraRow) -> str:
        if row.difference is None:
            return ""
        value, interval = float(row.difference.mean[0]), row.difference.intervals[0]
        if self.in_percent:
            return format_difference(value, interval)
        if math.isnan(value):
            return "-"
        ends = f"{interval.low:+.4f}, {interval.high:+.4f}"
        return f"{value:+.4f} [{'-' if math.isnan(interval.low) else ends}]"

    def to_json(self) -> dict[str, Any]:
        """Return plain values by column; None for what is undefined."""
        return {
            "kind": self.kind,
            "condition": self.condition,
            "title": self.title,
            "rows": [
                {
                    "name": row.name,
                    "mean": self._named(row.scores.mean.tolist()),
                    "std": self._named(row.scores.std.tolist()),
                    "difference": None
                    if row.difference is None
                    else self._named(row.difference.mean.tolist()),
                    "interval": None
                    if row.difference is None
                    else {
                        name: None if math.isnan(each.low) else [each.low, each.high]
                        for name, each in zip(self.columns, row.difference.intervals, strict=True)
                    },
                }
                for row in self.rows
            ],
        }

    def _named(self, values: list[float]) -> dict[str, float | None]:
        pairs = zip(self.columns, values, strict=True)
        return {name: None if math.isnan(value) else value for name, value in pairs}
