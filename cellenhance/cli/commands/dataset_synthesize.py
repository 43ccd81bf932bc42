"""``cellenhance dataset synthesize``: make a synthetic low-light set."""

from __future__ import annotations

from cellenhance.cli import console
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import SynthesizeRequest
from cellenhance.texts import counted


@command
def synthesize(request: SynthesizeRequest) -> None:
    """Make a synthetic low-light set with exact masks and photon statistics.

    Without --kind: the cell layers of the demo, with the classes cytoplasm, membrane, nucleus.

    Example: cellenhance dataset synthesize -o synthetic --kind nuclei --photons 10
    """
    from cellenhance.tasks.datasets.synthesize import synthesize_dataset

    with console.progress_bar() as progress:
        made = synthesize_dataset(request, progress)
    console.note(f"{counted(len(made.samples), 'sample')} written to {request.output}")
