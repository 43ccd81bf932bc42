"""``cellenhance dataset degrade``: a copy of a dataset with images of lower quality."""

from __future__ import annotations

from cellenhance.cli import console
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import DegradeRequest
from cellenhance.texts import counted


@command
def degrade(request: DegradeRequest) -> None:
    """Make a copy of a dataset with images of lower quality: less light, blur, stray light.

    Masks, groups and splits are kept. A range such as 3..30 is drawn anew for every image;
    degradation.csv in the copy has what was drawn. --photons works on any image and adds to the
    noise that it has; --fraction replaces it, and therefore needs raw counts of a known camera.

    Example: cellenhance dataset degrade dataset -o dim --photons 10 --read-noise 1.6
    """
    from cellenhance.data.degrade.table import DEGRADATION_FILE
    from cellenhance.tasks.datasets.degrade import degrade_dataset

    with console.progress_bar() as progress:
        made = degrade_dataset(request, progress)
    if made.cut_above > 0:
        console.warn(
            f"{100 * made.cut_above:.2g} % of the pixels were cut off at the largest value of "
            "their type or camera"
        )
    if made.cut_below > 0:
        console.warn(
            f"{100 * made.cut_below:.2g} % of the pixels lie at 0, where read noise is cut off; "
            "a larger --pedestal leaves room for it"
        )
    unchanged = f", {made.n_unchanged} of them unchanged" if made.n_unchanged else ""
    console.note(
        f"{counted(len(made.dataset.samples), 'sample')} written to {request.output}{unchanged}; "
        f"what was done to each: {request.output / DEGRADATION_FILE}"
    )
