"""``cellenhance dataset inspect``: what a dataset holds and what is suspicious in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command


@command
def inspect(
    dataset: options.DatasetFolder,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write a contact sheet (PNG).", show_default=False),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Show what a dataset holds and what is suspicious in it.

    Example: cellenhance dataset inspect dataset -o contact-sheet.png
    """
    from cellenhance.tasks.datasets.inspect import inspect_dataset

    with console.progress_bar() as progress:
        report = inspect_dataset(
            dataset, contact_sheet=output, overwrite=overwrite, progress=progress
        )
    if json:
        console.print_json(report.to_json())
    else:
        dataset_tables.show_report(report)
    if output is not None:
        console.note(
            f"contact sheet of {report.n_on_sheet} of {len(report.dataset.samples)} samples: "
            f"{output}"
        )
    n_findings = len(report.problems.findings)
    console.note(f"{len(report.dataset.samples)} samples inspected, {n_findings} finding(s)")
