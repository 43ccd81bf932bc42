"""``cellenhance dataset export``: a dataset as files of the programs people annotate with."""

from __future__ import annotations

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import ExportRequest
from cellenhance.texts import counted


@command
def export(request: ExportRequest, dry_run: options.DryRun = False) -> None:
    """Write images and masks for LabelMe, COCO tools, QuPath or Fiji, to correct the masks there.

    The last line is the command that makes a dataset of the corrected files. Every class and every
    ignored region comes back; simplified outlines change at most 0.5 % of the pixels of an image,
    which changes.csv counts.

    Example: cellenhance dataset export dataset -o for_labelme --to labelme
    """
    from cellenhance.tasks.datasets.export import plan_export, write_export

    plan, output = plan_export(request), request.output
    if dry_run:
        console.note(
            f"dry run: nothing written; {output} would get {counted(len(plan.samples), 'sample')}"
        )
        return
    with console.progress_bar() as progress:
        result = write_export(plan, progress)
    if result.n_finer:
        console.note(
            f"{counted(result.n_finer, 'image')} with finer outlines than --simplify "
            f"{request.simplify:g}, which would change too many pixels"
        )
    changed = (
        f"; read back, at most {100 * result.most_changed:.2g} % of the pixels of an image differ"
    )
    console.note(f"{counted(len(result.changes), 'sample')} written to {output}{changed}")
    console.note(f"after correcting: {plan.way_back}")
