"""``cellenhance evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.metrics.scores import Scores
    from cellenhance.tasks.evaluate_run import RunScores


@command
def evaluate(
    run: Annotated[
        Path | None,
        typer.Argument(help="Run folder or checkpoint.", show_default=False),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", help="Another dataset than the run's.", show_default=False),
    ] = None,
    subset: Annotated[str, typer.Option("--subset", help="train, val, test or all.")] = "test",
    split: options.Split = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Masks of any program.", show_default=False),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="True masks of the same names.", show_default=False),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=VALUE[,VALUE]",
            show_default=False,
            help="A class of --truth and --predictions; in index order.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", help="Value of --truth that does not count.", show_default=False),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    json: options.Json = False,
) -> None:
    """Score a run on a subset, or anybody's masks: IoU, Dice, precision, recall, accuracy.

    All numbers come from one confusion matrix; pooled over all pixels, and beside it the mean over
    images. A class absent from truth and prediction is left out. The majority class is the
    baseline.

    Example: cellenhance evaluate runs/aep --subset test

    Example: cellenhance evaluate --predictions theirs/ --truth data/liver/masks
    """
    from cellenhance.errors import SettingsError

    if run is not None and predictions is None and truth is None:
        _refuse({"--class": classes, "--ignore": ignore}, "--predictions and --truth")
        _evaluate_run(run, dataset, subset, split, device, precision, tile, overlap, json=json)
    elif run is None and predictions is not None and truth is not None:
        _refuse({"--dataset": dataset, "--split": split}, "a RUN")
        _evaluate_masks(predictions, truth, classes, ignore, json=json)
    else:
        raise SettingsError("give either a RUN, or both --predictions DIR and --truth DIR")


def _refuse(values: dict[str, object], home: str) -> None:
    from cellenhance.errors import SettingsError

    for name, value in values.items():
        if value is not None:
            raise SettingsError(f"{name} belongs to {home}; leave it out here")


def _evaluate_run(
    run: Path,
    dataset: Path | None,
    subset: str,
    split: str | None,
    device: str,
    precision: str,
    tile: int | None,
    overlap: int | None,
    *,
    json: bool,
) -> None:
    from cellenhance.tasks.evaluate_run import EvaluateRunRequest, evaluate_run, results_to_json

    request = EvaluateRunRequest(
        run=run,
        dataset=dataset,
        subset=subset,
        split=split,
        device=device,
        precision=precision,
        tile_px=tile,
        overlap_px=overlap,
    )
    with console.progress_bar() as progress:
        results = evaluate_run(request, progress)
    if json:
        console.print_json(results_to_json(results))
    else:
        for result in results:
            _show_run(result, subset)
        if len(results) > 1:
            _show_folds(results)
    for result in results:
        if result.folder is not None:
            console.note(f"scores.json and per_image.csv in {result.folder}")


def _show_run(result: RunScores, subset: str) -> None:
    from cellenhance.render import tables

    entries: dict[str, Scores] = {}
    if result.majority is not None:
        entries[f"majority class ({result.majority_class})"] = result.majority
    entries |= result.scores.branches or {result.model: result.scores}
    console.show(tables.class_table(result.scores), f"{result.name}, {subset}")
    for per_image in (False, True):
        table = tables.comparison_table(entries, per_image=per_image)
        console.show(table, f"{result.name}, {subset}")


def _show_folds(results: list[RunScores]) -> None:
    from cellenhance.render import tables

    entries = {results[0].model: [each.scores for each in results]}
    baselines = [each.majority for each in results if each.majority is not None]
    if len(baselines) == len(results):
        entries = {"majority class": baselines} | entries
    for per_image in (False, True):
        console.show(tables.fold_table(entries, per_image=per_image), "all folds")


def _evaluate_masks(
    predictions: Path,
    truth: Path,
    classes: list[str] | None,
    ignore: list[str] | None,
    *,
    json: bool,
) -> None:
    from cellenhance.render import tables
    from cellenhance.tasks.evaluate_predictions import (
        EvaluatePredictionsRequest,
        evaluate_predictions,
    )

    request = EvaluatePredictionsRequest(
        predictions=predictions,
        truth=truth,
        classes=tuple(classes) if classes else None,
        ignore=tuple(ignore or ()),
    )
    with console.progress_bar() as progress:
        scores = evaluate_predictions(request, progress)
    if json:
        console.print_json(scores.to_json())
        return
    for per_image in (False, True):
        console.show(tables.class_table(scores, per_image=per_image), str(predictions))
