"""``cellenhance report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def report(
    run: Annotated[
        Path,
        typer.Argument(help="Run folder, folder of folds, or benchmark.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The page (default: RUN/report.html).", show_default=False
        ),
    ] = None,
    subset: Annotated[
        str, typer.Option("--subset", help="Part that is scored: train, val, test or all.")
    ] = "test",
    n_images: Annotated[
        int, typer.Option("--n-images", min=1, help="Best and worst images shown, of each.")
    ] = 2,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
) -> None:
    """Write one self-contained HTML page: scores, curves, calibration, images, settings, methods.

    A run is evaluated for it, in float32. The page needs no network and can be mailed or printed.

    Example: cellenhance report runs/aep --overwrite
    """
    from cellenhance.tasks.report.report import ReportRequest
    from cellenhance.tasks.report.report import report as task

    request = ReportRequest(
        run=run,
        output=output,
        subset=subset,
        device=device,
        n_images=n_images,
        overwrite=overwrite,
    )
    with console.progress_bar() as progress:
        paths = task(request, progress)
    for path in paths:
        console.note(f"report written to {path} ({path.stat().st_size / 1e6:.1f} MB)")
