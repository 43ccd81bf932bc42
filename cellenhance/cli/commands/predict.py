"""``cellenhance predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellenhance.cli import console, options
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
    from cellenhance.engine.run_folder import is_run
    from cellenhance.errors import PartlyDoneError, SettingsError
    from cellenhance.tasks import predict as task

    n_runs = next(
        (i for i, text in enumerate(runs_and_inputs) if not is_run(Path(text))),
        len(runs_and_inputs),
    )
    if n_runs == 0 or n_runs == len(runs_and_inputs):
        missing = "run" if n_runs == 0 else "input"
        raise SettingsError(
            f"no {missing} given: expected RUN (a folder with run.yaml or a .safetensors file) and "
            f"then INPUT, found {runs_and_inputs[0]}"
        )
    request = task.PredictRequest(
        runs=tuple(Path(text) for text in runs_and_inputs[:n_runs]),
        inputs=tuple(runs_and_inputs[n_runs:]),
        output=output,
        channel=channel,
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
    if result.skipped:
        names = ", ".join(path.name for path in result.skipped[:10])
        console.note(f"{len(result.skipped)} files that are no images skipped: {names}")
    if result.failed:
        failed = "; ".join(reason for _, reason in result.failed[:3])
        raise PartlyDoneError(
            f"{len(result.written)} written, {len(result.failed)} failed: {failed}"
        )
    console.note(f"{len(result.written)} written to {output}")


def _show(result: object) -> None:
    from cellenhance.render.tables import format_percent
    from cellenhance.tasks.predict import PredictResult

    assert isinstance(result, PredictResult)
    if not result.written:
        return
    classes = list(result.written[0].class_shares)
    rows = [
        [str(each.mask), *(format_percent(share) for share in each.class_shares.values())]
        for each in result.written
    ]
    console.print_table("Share of pixels, percent", ["mask", *classes], rows)
