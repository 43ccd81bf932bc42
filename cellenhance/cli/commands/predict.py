"""``cellenhance predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end, split_runs
from cellenhance.cli.invocation import command
from cellenhance.tasks.predict.requests import PredictOptions, PredictRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cellenhance.tasks.predict.predict import PredictedImage


@command
def predict(
    runs_and_inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... INPUT...",
            help="Run folders or checkpoints (several are averaged), then images, folders, globs.",
        ),
    ],
    choices: PredictOptions,
    json: options.Json = False,
) -> None:
    """Segment images of any size: masks, and on request probabilities, uncertainty, overlays.

    Writes masks/NAME.tif (class indices; looks black in ordinary viewers), previews/NAME.png in
    colour, and summary.csv: class shares, how sure the model is, pixels outside the training range.
    Folders are taken with their subfolders, which are mirrored.

    Example: cellenhance predict runs/aep "plate 1/" -o predictions
    """
    from cellenhance.tasks.predict.predict import PredictedImage
    from cellenhance.tasks.predict.predict import predict as task

    runs, inputs = split_runs(runs_and_inputs)
    request = PredictRequest(runs=runs, inputs=tuple(inputs), **dict(choices))
    with console.progress_bar() as progress:
        result = task(request, progress)
    if json:
        console.print_json(result.to_json(PredictedImage.to_json))
    else:
        _show(result.written)
    console.note(result.compute_reason)
    report_end(len(result.written), result.failed, result.skipped, choices.output)


def _show(written: Sequence[PredictedImage]) -> None:
    from cellenhance.render.tables import format_percent

    if not written:
        return
    classes = list(written[0].class_shares)
    rows = [
        [str(each.mask), *(format_percent(share) for share in each.class_shares.values())]
        for each in written
    ]
    console.print_table("Share of pixels, percent", ["mask", *classes], rows)
