"""``cellenhance evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.engine.options import ComputeOptions, TilingOptions
from cellenhance.options import Options, flag_of, group
from cellenhance.tasks.evaluate.requests import (
    EvaluateOptions,
    EvaluatePredictionsRequest,
    EvaluateRunRequest,
    MaskChoices,
    RunChoices,
)

if TYPE_CHECKING:
    from cellenhance.render.tables import Table

_COMPUTE = {"precision": "fp32"}


@command
def evaluate(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Run folders or checkpoints.", show_default=False),
    ] = None,
    *,
    choices: EvaluateOptions,
    json: options.Json = False,
    of_runs: RunChoices,
    of_masks: MaskChoices,
    compute: ComputeOptions = group(ComputeOptions, **_COMPUTE),
    tiling: TilingOptions,
) -> None:
    """Score runs on a subset, or masks from any program: IoU, Dice, precision, recall, specificity.

    Pooled over all pixels, and beside it the mean over images; a class absent from truth and
    prediction is left out. Intervals are 95 % bootstrap over images, whole groups at a time. AEP
    gets a row for each branch and each way of mixing them; the majority class is the baseline.
    Several runs, or the folds of one, give one table.

    Written are summary.json, per_image.csv, confusion.csv and .png, table.md, table.tex,
    image_confusion.csv and, in worst/, the images with the lowest mIoU.

    With --threshold-metric each class gets the threshold that is best on the validation part, and
    its score here at that threshold. docs/how-to/evaluate.md says more.

    Example: cellenhance evaluate runs/aep --subset test

    Example: cellenhance evaluate --predictions theirs/ --truth data/liver/masks -o scores/theirs
    """
    from cellenhance.errors import SettingsError

    predictions, truth = of_masks.predictions, of_masks.truth
    if runs and predictions is None and truth is None:
        _refuse(of_masks, MaskChoices(), "--predictions and --truth")
        shared = {"compute": compute, "tiling": tiling, **dict(choices), **dict(of_runs)}
        _evaluate_runs(runs, EvaluateRunRequest(run=runs[0], **shared), json=json)
    elif not runs and predictions is not None and truth is not None:
        _refuse(of_runs, RunChoices(), "a RUN")
        _refuse(compute, ComputeOptions(**_COMPUTE), "a RUN")
        _refuse(tiling, TilingOptions(), "a RUN")
        masks = {**dict(choices), **dict(of_masks)}
        _evaluate_masks(EvaluatePredictionsRequest(**masks), json=json)
    else:
        raise SettingsError("give either a RUN, or both --predictions DIR and --truth DIR")


def _refuse(given: Options, usual: Options, home: str) -> None:
    """Raise SettingsError for an option that has no effect here."""
    from cellenhance.errors import SettingsError

    for name, field in type(given).model_fields.items():
        if getattr(given, name) != getattr(usual, name):
            raise SettingsError(f"{flag_of(name, field)} belongs to {home}; leave it out here")


def _evaluate_runs(runs: list[Path], request: EvaluateRunRequest, *, json: bool) -> None:
    from cellenhance.tasks.evaluate.runs import evaluate_runs

    with console.progress_bar() as progress:
        result = evaluate_runs(runs, request, progress)
    if json:
        console.print_json(result.to_json())
    else:
        for name, folds in result.runs.items():
            if len(folds) > 1:
                for fold in folds:
                    _show(fold.evaluation.tables()[:1], fold.evaluation.title)
            elif not result.is_single:
                _show(folds[0].evaluation.tables()[:1], name)
        alone = next(iter(result.runs.values()))[0].evaluation.title
        caption = alone if result.is_single else ", ".join(result.runs)
        _show(result.tables(), caption)
    folders = [each.folder for folds in result.runs.values() for each in folds]
    if result.folder is not None and not result.is_single:
        folders.append(result.folder)
    for folder in folders:
        if folder is not None:
            console.note(f"tables and figures in {folder}")


def _evaluate_masks(request: EvaluatePredictionsRequest, *, json: bool) -> None:
    from cellenhance.tasks.evaluate.predictions import evaluate_predictions

    with console.progress_bar() as progress:
        evaluation = evaluate_predictions(request, progress)
    if json:
        console.print_json(evaluation.to_json())
    else:
        _show(evaluation.tables(), evaluation.title)
    if request.output is not None:
        console.note(f"tables and figures in {request.output}")


def _show(tables: Sequence[Table], caption: str) -> None:
    from cellenhance.render.table_files import collect_notes

    for table in tables:
        console.show(table, caption)
    for note in collect_notes(tables):
        console.note(note)
