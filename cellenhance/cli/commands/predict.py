"""``cellenhance predict``."""

from __future__ import annotations

from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end, split_runs
from cellenhance.cli.invocation import command


@command
def predict(
    runs_and_inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... INPUT...",
            help="Run folders or checkpoints (several are averaged), then images, folders, globs.",
        ),
    ],
    output: options.Output,
    channel: options.Channel = None,
    grey: options.Grey = None,
    axes: options.Axes = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Segment images of any size into masks and coloured previews.

    Writes masks/NAME.tif (class indices; looks black in ordinary viewers) and previews/NAME.png.
    Folders are taken with their subfolders, which are mirrored.

    Example: cellenhance predict runs/aep "plate 1/" -o predictions
    """
    from cellenhance.tasks.predict import predict as task

    runs, inputs = split_runs(runs_and_inputs)
    request = task.PredictRequest(
        runs=runs,
        inputs=tuple(inputs),
        output=output,
        channel=options.channel_choice(channel, grey),
        axes=axes,
        device=device,
        precision=precision,
        tile_px=tile,
        overlap_px=overlap,
        overwrite=overwrite,
    )
    with console.progress_bar() as progress:
        result = task.predict(request, progress)
    if json:
        console.print_json(task.result_to_json(result))
    else:
        _show(result)
    console.note(result.compute_reason)
    report_end(len(result.written), result.failed, result.skipped, output)


def _show(result: object) -> None:
    from cellenhance.render.tables import format_percent
    from cellenhance.tasks.predict.predict import PredictResult

    assert isinstance(result, PredictResult)
    if not result.written:
        return
    classes = list(result.written[0].class_shares)
    rows = [
        [str(each.mask), *(format_percent(share) for share in each.class_shares.values())]
        for each in result.written
    ]
    console.print_table("Share of pixels, percent", ["mask", *classes], rows)
