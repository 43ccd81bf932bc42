"""``cellenhance dataset synthesize``: make a synthetic low-light set."""

from __future__ import annotations

from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def synthesize(
    output: options.Output,
    n_images: Annotated[int, typer.Option("--n-images", min=1, help="Number of images.")] = 24,
    size: Annotated[int, typer.Option(help="Side of an image in px.")] = 256,
    photons: Annotated[float, typer.Option(help="Photons a cytoplasm pixel.")] = 18.0,
    read_noise: Annotated[float, typer.Option(help="Read noise in electrons rms.")] = 1.6,
    gain: Annotated[float, typer.Option(help="Counts an electron.")] = 2.2,
    offset: Annotated[float, typer.Option(help="Counts in the dark.")] = 100.0,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Make a synthetic low-light set (cytoplasm, membrane, nucleus) with photon statistics.

    Example: cellenhance dataset synthesize -o synthetic --photons 10
    """
    from cellenhance.data.synthesize import SynthesizeSettings
    from cellenhance.settings import validate_settings
    from cellenhance.tasks.datasets.synthesize import synthesize_dataset

    values = {
        "n_images": n_images,
        "size_px": size,
        "photons": photons,
        "read_noise_e": read_noise,
        "gain_adu": gain,
        "offset_adu": offset,
        "seed": seed,
    }
    settings = validate_settings(SynthesizeSettings, values, where="the options of synthesize")
    with console.progress_bar() as progress:
        made = synthesize_dataset(output, settings, overwrite=overwrite, progress=progress)
    console.note(f"{len(made.samples)} samples written to {output}")
