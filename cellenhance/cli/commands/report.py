"""``cellenhance report``."""

from __future__ import annotations

from cellenhance.cli import console
from cellenhance.cli.invocation import command
from cellenhance.tasks.report.requests import ReportRequest


@command
def report(request: ReportRequest) -> None:
    """Write one self-contained HTML page: scores, curves, calibration, images, settings, methods.

    A run is evaluated for it, in float32. The page needs no network and can be mailed or printed.

    Example: cellenhance report runs/aep --overwrite
    """
    from cellenhance.tasks.report.report import report as task

    with console.progress_bar() as progress:
        paths = task(request, progress)
    for path in paths:
        console.note(f"report written to {path} ({path.stat().st_size / 1e6:.1f} MB)")
