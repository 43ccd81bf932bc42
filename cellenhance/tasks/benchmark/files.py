"""What a benchmark writes: benchmark.json, results.csv (one row per run), tables and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.files.writers import write_csv, write_json, write_text
from cellenhance.metrics.bootstrap import LEVEL, N_RESAMPLES, Interval
from cellenhance.metrics.cross_validation import (
    FoldScores,
    ScoreDifference,
    score_columns,
    score_values,
)
from cellenhance.render.benchmark import tables as benchmark_tables
from cellenhance.render.benchmark.dose_tables import DoseReport, dose_table
from cellenhance.render.benchmark.extra_tables import ExtraTable
from cellenhance.render.benchmark.figures import draw_dose, draw_scores
from cellenhance.render.benchmark.tables import BenchmarkRow, BenchmarkTable, MarkedTable
from cellenhance.render.figures import save_figure
from cellenhance.tasks.benchmark.plan import BenchmarkPlan
from cellenhance.tasks.benchmark.run import ScoredRun

JSON_FILE, RUNS_FILE, TABLES, FIGURES = "benchmark.json", "results.csv", "table", "figures"


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """All tables of a benchmark as they stand; `published` are those it is compared to."""

    tables: tuple[BenchmarkTable, ...] = ()
    extra: tuple[ExtraTable, ...] = ()
    dose: DoseReport | None = None
    published: tuple[MarkedTable, ...] = ()

    def marked(self) -> list[MarkedTable]:
        """Return all tables in order: of each condition, of the doses, of the papers."""
        marked = []
        for table in self.tables:
            marked += benchmark_tables.as_tables([table])
            marked += [x.marked() for x in self.extra if x.condition == table.condition]
        if self.dose is not None:
            marked.append(dose_table(self.dose))
        return [*marked, *self.published]


def write_results(
    plan: BenchmarkPlan,
    scored: Sequence[ScoredRun],
    failed: Mapping[str, str],
    summary: Summary,
) -> tuple[Path, ...]:
    """Write all that is known so far and return the paths; tables only where there are some."""
    root = plan.request.output
    paths = [root / JSON_FILE, root / RUNS_FILE]
    write_json(paths[0], results_to_json(plan, scored, failed, summary))
    _write_runs(paths[1], scored)
    marked = summary.marked()
    if marked:
        for suffix, convert in (
            ("md", benchmark_tables.to_markdown),
            ("tex", benchmark_tables.to_latex),
            ("csv", benchmark_tables.to_csv),
        ):
            path = root / f"{TABLES}.{suffix}"
            write_text(path, "\n".join(convert(each) for each in marked))
            paths.append(path)
    return tuple(paths)


def results_to_json(
    plan: BenchmarkPlan,
    scored: Sequence[ScoredRun],
    failed: Mapping[str, str],
    summary: Summary,
) -> dict[str, Any]:
    """Return what ``benchmark --json`` prints: fractions, not rounded; None for undefined."""
    request = plan.request
    dataset = load_dataset(request.dataset)
    return {
        "format_version": 1,
        "dataset": dataset.description.name,
        "classes": list(dataset.class_names),
        "split": request.runs.split,
        "subset": request.runs.subset,
        "folds": list(plan.folds),
        "seeds": list(plan.seeds),
        "models": list(request.model),
        "options": {
            "recipe": request.recipe.recipe,
            "epochs": request.recipe.epochs,
            "batch_size": request.recipe.batch_size,
            "set": list(request.recipe.set),
        },
        "command_line": request.command,
        "std": "population, over folds",
        "interval": {"level": LEVEL, "n_resamples": N_RESAMPLES, "over": "test images"},
        "runs": {"total": len(plan.runs), "finished": len(scored), "failed": dict(failed)},
        "conditions": [_table_to_json(each) for each in summary.tables],
        "extra": [each.to_json() for each in summary.extra],
        "dose": None if summary.dose is None else summary.dose.to_json(),
        "tables": [each.to_json() for each in summary.marked()],
    }


def write_figures(root: Path, summary: Summary) -> tuple[Path, ...]:
    """Draw the scores of each condition and, with doses, the curves: PNG and SVG."""
    figures = {f"scores-{each.condition}": draw_scores(each) for each in summary.tables}
    if summary.dose is not None:
        figures["dose"] = draw_dose(summary.dose)
    paths = []
    for name, figure in figures.items():
        for suffix in ("png", "svg"):
            paths.append(root / FIGURES / f"{name}.{suffix}")
            save_figure(figure, paths[-1])
    return tuple(paths)


def _table_to_json(table: BenchmarkTable) -> dict[str, Any]:
    columns = table.columns
    return {
        "name": table.condition,
        "photons": table.photons,
        "seeds": list(table.seeds),
        "folds": list(table.folds),
        "n_images": table.n_images,
        "n_groups": table.n_groups,
        "majority_class": _scores_to_json(table.majority, columns),
        "models": [_row_to_json(row, columns) for row in table.rows],
    }


def _row_to_json(row: BenchmarkRow, columns: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "model": row.model,
        "recipe": row.recipe,
        "n_parameters": row.n_parameters,
        "gflops": row.gflops,
        "training_s": row.training_s,
        "epochs": [asdict(each) for each in row.epochs],
    }
    values |= _scores_to_json(row.scores, columns)
    return values | {"difference": _difference_to_json(row.difference, columns)}


def _scores_to_json(scores: FoldScores, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "mean": _named(columns, scores.mean),
        "std": _named(columns, scores.std),
        "interval": _named_intervals(columns, scores.intervals),
        "folds": {
            str(fold): _named(columns, values)
            for fold, values in zip(scores.folds, scores.values, strict=True)
        },
    }


def _difference_to_json(
    difference: ScoreDifference | None, columns: Sequence[str]
) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        "mean": _named(columns, difference.mean),
        "interval": _named_intervals(columns, difference.intervals),
    }


def _named(columns: Sequence[str], values: NDArray[np.float64]) -> dict[str, float | None]:
    pairs = zip(columns, values.tolist(), strict=True)
    return {name: None if math.isnan(value) else value for name, value in pairs}


def _named_intervals(
    columns: Sequence[str], intervals: Sequence[Interval]
) -> dict[str, list[float] | None]:
    pairs = zip(columns, intervals, strict=True)
    return {name: None if math.isnan(x.low) else [x.low, x.high] for name, x in pairs}


def _write_runs(path: Path, scored: Sequence[ScoredRun]) -> None:
    classes = [each.name for each in scored[0].record.classes] if scored else []
    header = (
        *("condition", "photons", "model", "recipe", "seed", "fold", "n_images"),
        *score_columns(classes),
        *("n_epochs", "best_epoch", "best_validation_miou", "training_s", "run"),
    )
    write_csv(path, header, (_run_row(each, path.parent) for each in scored))


def _run_row(each: ScoredRun, root: Path) -> tuple[object, ...]:
    run, result, counts = each.run, each.result, each.counts()
    values = score_values(counts.matrices.sum(axis=0)).tolist()
    return (
        run.condition.name,
        "" if run.condition.photons is None else run.condition.photons,
        run.model,
        each.record.settings.recipe_name,
        run.seed,
        run.fold,
        len(counts.ids),
        *("" if math.isnan(value) else repr(value) for value in values),
        result.n_epochs,
        result.best_epoch,
        "" if result.best_validation_miou is None else repr(result.best_validation_miou),
        round(result.training_s, 3),
        run.folder.root.relative_to(root).as_posix(),
    )
