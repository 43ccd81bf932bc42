"""``cellenhance evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.render.tables import Table
    from cellenhance.tasks.evaluate.predictions import EvaluatePredictionsRequest
    from cellenhance.tasks.evaluate.run import EvaluateRunRequest


@command
def evaluate(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Run folders or checkpoints.", show_default=False),
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
    skip_unmatched: options.SkipUnmatched = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            show_default=False,
            help="Where to write (default: RUN/evaluation/SUBSET; nothing for --predictions).",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="NAME,NAME...|all",
            show_default=False,
            help="More metrics: hausdorff, hd95, boundary-f1, v-rand, roc-auc, pq, ece and others.",
        ),
    ] = None,
    threshold_metric: Annotated[
        str | None,
        typer.Option(
            "--threshold-metric",
            metavar="NAME",
            show_default=False,
            help="Choose a threshold for each class by this metric, on the validation part.",
        ),
    ] = None,
    pixel_size: options.PixelSize = None,
    resamples: Annotated[
        int,
        typer.Option("--resamples", min=0, help="Bootstrap resamples of the intervals; 0: none."),
    ] = 2000,
    seed: options.Seed = 0,
    n_worst: Annotated[
        int, typer.Option("--worst", min=0, help="How many of the worst images to draw.")
    ] = 5,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    dpi: options.Dpi = 300,
    width_mm: options.WidthMm = 180,
    formats: options.Formats = None,
    json: options.Json = False,
) -> None:
    """Score runs on a subset, or anybody's masks: IoU, Dice, precision, recall, specificity.

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
    from cellenhance.metrics.score_intervals import Resampling
    from cellenhance.tasks.evaluate.predictions import EvaluatePredictionsRequest

    style = options.figure_style(dpi, width_mm, "light", formats)
    resampling = Resampling(seed, resamples)
    wanted = tuple(word for word in (metrics or "").split(",") if word.strip())
    if runs and predictions is None and truth is None:
        from cellenhance.tasks.evaluate.run import EvaluateRunRequest

        of_masks: dict[str, object] = {
            "--class": classes,
            "--ignore": ignore,
            "--skip-unmatched": skip_unmatched or None,
        }
        _refuse(of_masks, "--predictions and --truth")
        request = EvaluateRunRequest(
            run=runs[0],
            dataset=dataset,
            subset=subset,
            split=split,
            device=device,
            precision=precision,
            tile_px=tile,
            overlap_px=overlap,
            output=output,
            overwrite=overwrite,
            n_worst=n_worst,
            metrics=wanted,
            pixel_size_um=pixel_size,
            threshold_metric=threshold_metric,
            resampling=resampling,
            style=style,
        )
        _evaluate_runs(runs, request, json=json)
    elif not runs and predictions is not None and truth is not None:
        of_runs: dict[str, object] = {
            "--dataset": dataset,
            "--split": split,
            "--threshold-metric": threshold_metric,
        }
        _refuse(of_runs, "a RUN")
        masks = EvaluatePredictionsRequest(
            predictions=predictions,
            truth=truth,
            classes=tuple(classes) if classes else None,
            ignore=tuple(ignore or ()),
            skip_unmatched=skip_unmatched,
            output=output,
            overwrite=overwrite,
            n_worst=n_worst,
            metrics=wanted,
            pixel_size_um=pixel_size,
            resampling=resampling,
            style=style,
        )
        _evaluate_masks(masks, json=json)
    else:
        raise SettingsError("give either a RUN, or both --predictions DIR and --truth DIR")


def _refuse(values: dict[str, object], home: str) -> None:
    from cellenhance.errors import SettingsError

    for name, value in values.items():
        if value is not None:
            raise SettingsError(f"{name} belongs to {home}; leave it out here")


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
