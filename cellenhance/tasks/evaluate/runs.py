"""Score several runs, or a run with folds, and set them into one table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cellenhance.data.files.writers import write_json
from cellenhance.errors import SettingsError
from cellenhance.metrics.scores import Scores
from cellenhance.progress import ProgressCallback, silent
from cellenhance.render.metric_tables import metric_run_table
from cellenhance.render.tables import Table, run_table
from cellenhance.tasks.evaluate.output import SUMMARY_FILE, refuse_former, write_tables
from cellenhance.tasks.evaluate.record import compare_network_1
from cellenhance.tasks.evaluate.requests import EvaluateRunRequest
from cellenhance.tasks.evaluate.run import RunScores, evaluate_run
from cellenhance.tasks.run_names import name_runs

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluatedRuns:
    """The folds of each run by its name (a single run has one), and where the table of all lies."""

    runs: dict[str, list[RunScores]]
    folder: Path | None

    @property
    def is_single(self) -> bool:
        """Tell whether this is one run without folds."""
        return [len(folds) for folds in self.runs.values()] == [1]

    def tables(self) -> list[Table]:
        """Return the tables of a single run; else a row for each, pooled and as mean over images.

        A run with folds by itself gets a row for each of its branches and variants too.
        """
        folds = [each for run in self.runs.values() for each in run]
        if self.is_single:
            return folds[0].evaluation.tables()
        rows = _rows_of_folds(folds) if len(self.runs) == 1 else self._rows()
        spreads = [each[0].intervals for each in rows.values() if len(each) == 1]
        notes = tuple(dict.fromkeys(each.note for each in spreads if each is not None))
        notes += tuple(self._notes_of_network_1())
        tables = [replace(run_table(rows), notes=notes), run_table(rows, per_image=True)]
        further = {
            name: [each.evaluation.further for each in of_run] for name, of_run in self.runs.items()
        }
        more = metric_run_table(further, folds[0].scores.classes)
        return [*tables, more] if more is not None else tables

    def _notes_of_network_1(self) -> list[str]:
        named = {name if len(self.runs) > 1 else "": folds for name, folds in self.runs.items()}
        found = [compare_network_1([f.scores for f in folds], n) for n, folds in named.items()]
        return [note for note in found if note is not None]

    def _rows(self) -> dict[str, list[Scores]]:
        return {name: [each.scores for each in folds] for name, folds in self.runs.items()}

    def to_json(self) -> dict[str, Any]:
        """Return what ``evaluate --json`` prints: one run's values, or those of all by name."""
        values: dict[str, Any] = {}
        for name, folds in self.runs.items():
            each = {fold.name: fold.evaluation.to_json() for fold in folds}
            values[name] = next(iter(each.values())) if len(each) == 1 else {"folds": each}
        return next(iter(values.values())) if len(values) == 1 else {"runs": values}


def evaluate_runs(
    runs: Sequence[Path], request: EvaluateRunRequest, progress: ProgressCallback = silent
) -> EvaluatedRuns:
    """Return the scores of every run, each scored as `request` says.

    Each run's files are written as by `evaluate_run`. The table of several runs is written to the
    output folder, if there is one, with a folder of files per run; that of a run's folds into the
    run folder, `evaluation/<subset>/`.

    Raises
    ------
    SettingsError
        A run is given twice, or the runs differ in their classes; else as in `evaluate_run`.
    """
    names, output = name_runs(runs), request.output
    if output is not None:
        refuse_former(output, overwrite=request.overwrite)
    found: dict[str, list[RunScores]] = {}
    for name, run in zip(names, runs, strict=True):
        place = output / name if output is not None and len(runs) > 1 else output
        each = request.model_copy(update={"run": run, "output": place})
        found[name] = evaluate_run(each, progress)
        _check_classes(found, name)
    _warn_of_other_images(found)
    folder = output
    if folder is None and len(runs) == 1 and len(found[names[0]]) > 1:
        own = found[names[0]][0].folder
        folder = runs[0] / "evaluation" / own.name if own is not None else None
    result = EvaluatedRuns(found, folder)
    if folder is not None and not result.is_single:
        write_tables(folder, result.tables(), f"{', '.join(names)}, {request.subset}")
        write_json(folder / SUMMARY_FILE, result.to_json())
    return result


def _rows_of_folds(folds: Sequence[RunScores]) -> dict[str, list[Scores]]:
    """Return the rows that all folds of one run have."""
    rows = [each.evaluation.rows(of_folds=True) for each in folds]
    common = [name for name in rows[0] if all(name in each for each in rows)]
    return {name: [each[name] for each in rows] for name in common}


def _check_classes(found: dict[str, list[RunScores]], name: str) -> None:
    first = next(iter(found))
    expected, classes = (found[each][0].scores.classes for each in (first, name))
    if classes != expected:
        raise SettingsError(
            f"{name} has the classes {list(classes)}, {first} {list(expected)}; only runs "
            "with the same classes share a table"
        )


def _warn_of_other_images(found: dict[str, list[RunScores]]) -> None:
    """Say when rows of one table are not about the same images."""
    images = {
        name: {image.id for each in folds for image in each.scores.images}
        for name, folds in found.items()
    }
    first, *others = images
    different = [name for name in others if images[name] != images[first]]
    if different:
        logger.warning(
            "%s scored on other images than %s: their numbers cannot be compared",
            f"{', '.join(different)} {'was' if len(different) == 1 else 'were'}",
            first,
        )
