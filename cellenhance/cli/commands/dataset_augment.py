"""``cellenhance dataset augment``: make an offline augmented dataset."""

from __future__ import annotations

from cellenhance.cli import console
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import AugmentRequest
from cellenhance.texts import counted


@command
def augment(request: AugmentRequest) -> None:
    """Make an offline augmented dataset and its contact sheet.

    Copies keep the group of their source, so that no split parts them.

    Example: cellenhance dataset augment dataset -o augmented --n 1000 --recipe isbi2012
    """
    from cellenhance.tasks.datasets.augment import SHEET, augment_dataset

    with console.progress_bar() as progress:
        made = augment_dataset(request, progress)
    n_groups = len({row.group for row in made.samples})
    copies = counted(len(made.samples), "copy", "copies")
    console.note(
        f"{copies} in {counted(n_groups, 'group')} written to {request.output}; "
        f"look at {request.output / SHEET}"
    )
