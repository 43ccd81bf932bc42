"""``cellenhance dataset inspect``: what a dataset holds and what is suspicious in it."""

from __future__ import annotations

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import InspectRequest
from cellenhance.texts import counted


@command
def inspect(request: InspectRequest, json: options.Json = False) -> None:
    """Show what a dataset holds and what is suspicious in it.

    Example: cellenhance dataset inspect dataset -o contact-sheet.png
    """
    from cellenhance.tasks.datasets.inspect import inspect_dataset

    with console.progress_bar() as progress:
        report = inspect_dataset(request, progress)
    if json:
        console.print_json(report.to_json())
    else:
        dataset_tables.show_report(report)
    if request.output is not None:
        console.note(
            f"contact sheet of {report.n_on_sheet} of "
            f"{counted(len(report.dataset.samples), 'sample')}: {request.output}"
        )
    findings = counted(len(report.problems.findings), "finding")
    console.note(f"{counted(len(report.dataset.samples), 'sample')} inspected, {findings}")
