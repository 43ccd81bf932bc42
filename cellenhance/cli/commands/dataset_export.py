"""``cellenhance dataset export``: a dataset as files of the programs people annotate with."""

from __future__ import annotations

from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def export(
    dataset: options.DatasetFolder,
    output: options.Output,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="labelme|coco|qupath|fiji-rois|folders",
            help="Which program's files to write.",
            show_default=False,
        ),
    ],
    simplify: Annotated[
        float | None,
        typer.Option(
            "--simplify",
            metavar="PX",
            show_default=False,
            help="How far outlines may move, in px; 0 keeps every pixel (default: 0.5).",
        ),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(
            "--subset",
            metavar="train|val|test",
            show_default=False,
            help="Export only this part of the split (its first fold).",
        ),
    ] = None,
    split: options.Split = None,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Write images and masks for LabelMe, COCO tools, QuPath or Fiji, to correct the masks there.

    The last line is the command that makes a dataset of the corrected files. Every class and every
    ignored region comes back; simplified outlines change at most 0.5 % of the pixels of an image,
    which changes.csv counts.

    Example: cellenhance dataset export dataset -o for_labelme --to labelme
    """
    from cellenhance.data.dataset.splits import DEFAULT_SPLIT
    from cellenhance.errors import SettingsError
    from cellenhance.tasks.datasets.export import (
        FOLDERS,
        SIMPLIFY_PX,
        ExportRequest,
        export_dataset,
        plan_export,
    )

    if split is not None and subset is None:
        raise SettingsError("--split has no effect without --subset; give both or neither")
    if simplify is not None and to == FOLDERS:
        raise SettingsError("--simplify has no effect with --to folders, which keeps every pixel")
    request = ExportRequest(
        dataset=dataset,
        output=output,
        layout=to,
        simplify_px=SIMPLIFY_PX if simplify is None else simplify,
        split=split or DEFAULT_SPLIT,
        subset=subset,
        overwrite=overwrite,
    )
    plan = plan_export(request)
    if dry_run:
        console.note(f"dry run: nothing written; {output} would get {len(plan.samples)} samples")
        return
    with console.progress_bar() as progress:
        result = export_dataset(plan, progress)
    if result.n_finer:
        console.note(
            f"{result.n_finer} image(s) have finer outlines than --simplify "
            f"{request.simplify_px:g}, which would change too many pixels"
        )
    changed = (
        f"; read back, at most {100 * result.most_changed:.2g} % of the pixels of an image differ"
    )
    console.note(f"{len(result.changes)} samples written to {output}{changed}")
    console.note(f"after correcting: {plan.way_back}")
