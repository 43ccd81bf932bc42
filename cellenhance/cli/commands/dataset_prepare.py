"""``cellenhance dataset prepare``: bring files into a dataset folder."""

from __future__ import annotations

from contextlib import ExitStack

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.prepare.requests import PrepareRequest
from cellenhance.texts import counted


@command
def prepare(request: PrepareRequest, dry_run: options.DryRun = False) -> None:
    """Bring a folder of images and masks into a dataset folder.

    What was found and how files pair up is shown before anything is written.

    Example: cellenhance dataset prepare my_images -o dataset --class background=0 --class cell=255
    """
    from cellenhance.tasks.prepare.plan import plan_dataset
    from cellenhance.tasks.prepare.prepare import opened_source, survey_source
    from cellenhance.tasks.prepare.write import write_dataset

    output = request.output
    with ExitStack() as stack:
        with console.progress_bar() as progress:
            opened = stack.enter_context(opened_source(request, progress))
            found = survey_source(opened, progress)
        dataset_tables.show_survey(found)
        plan = plan_dataset(found)
        dataset_tables.show_plan(plan)
        if dry_run:
            console.note(
                f"dry run: nothing written; {output} would get {counted(plan.n_samples, 'sample')}"
            )
            return
        with console.progress_bar() as progress:
            result = write_dataset(plan, progress)
    brought = (
        f", split default with {counted(result.split.n_folds, 'fold')}" if result.split else ""
    )
    console.note(f"{counted(len(result.dataset.samples), 'sample')} written to {output}{brought}")
