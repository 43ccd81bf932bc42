"""``cellenhance compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end, split_runs
from cellenhance.cli.invocation import command
from cellenhance.tasks.compare.requests import CompareOptions, CompareRequest

if TYPE_CHECKING:
    from cellenhance.tasks.compare.records import CompareResult


@command
def compare(
    runs_and_inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN]... INPUT...",
            help="Run folders or checkpoints, then images, folders, globs.",
        ),
    ],
    choices: CompareOptions,
    json: options.Json = False,
) -> None:
    """Set runs and masks of others side by side on the same images: figures for a paper.

    Input, truth and each mask with its IoU, the errors under it, and enlarged the places where the
    masks differ most. Writes comparisons/NAME.png, or grid.png with --grid, and scores.csv where
    the truth is known.

    Example: cellenhance compare runs/unet runs/aep data/liver -o figures --grid best,worst
    """
    from cellenhance.tasks.compare.compare import compare as task

    runs, inputs = _split(runs_and_inputs, has_masks=bool(choices.masks))
    request = CompareRequest(runs=runs, inputs=tuple(inputs), **dict(choices))
    with console.progress_bar() as progress:
        result = task(request, progress)
    if json:
        console.print_json(result.to_json())
    else:
        _show(result)
    done = result.applied
    if done.compute_reason:
        console.note(done.compute_reason)
    n_written = len(result.grid or done.written)
    report_end(n_written, done.failed, done.skipped, choices.output)


def _split(words: list[str], *, has_masks: bool) -> tuple[tuple[Path, ...], list[str]]:
    """Return runs and inputs; beside --masks there may be no run."""
    from cellenhance.runs.folder import is_run

    if has_masks and not is_run(Path(words[0])):
        return (), words
    return split_runs(words)


def _show(result: CompareResult) -> None:
    from cellenhance.render.tables import format_percent

    rows = [
        [each.id, name, format_percent(scores.miou), *map(format_percent, scores.iou.values())]
        for each in result.applied.written
        for name, scores in each.scores.items()
    ]
    if rows:
        header = ["image", "model", "mIoU", *(f"IoU {name}" for name in result.classes)]
        console.print_table("IoU of each image, percent", header, rows, numeric_from=2)
    figures = [path for each in result.applied.written for path in each.figures] or list(
        result.grid
    )
    for path in figures[:10]:
        console.note(str(path))
    if len(figures) > 10:
        console.note(f"and {len(figures) - 10} more")
    if result.scores:
        console.note(f"all scores in {result.scores}")
