"""``cellenhance dataset synthesize``: make a synthetic low-light set."""

from __future__ import annotations

from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def synthesize(
    output: options.Output,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Draw scenes of the synthetic world in place of dim cell layers: nuclei, "
            "nucleoli, cells, puncta, filaments, neurites, honeycomb, layer, phase, em, envelope, "
            "smear, tissue; or mixed for all, with the classes background, interior, boundary.",
        ),
    ] = None,
    n_images: Annotated[int, typer.Option("--n-images", min=1, help="Number of images.")] = 24,
    size: Annotated[int, typer.Option(help="Side of an image in px.")] = 256,
    photons: Annotated[
        float,
        typer.Option(help="Photons a cytoplasm pixel; with --kind, a pixel at full brightness."),
    ] = 18.0,
    read_noise: Annotated[float, typer.Option(help="Read noise in electrons rms.")] = 1.6,
    gain: Annotated[float, typer.Option(help="Counts an electron.")] = 2.2,
    offset: Annotated[float, typer.Option(help="Counts in the dark.")] = 100.0,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Make a synthetic low-light set with exact masks and photon statistics.

    Without --kind: the cell layers of the demo, with the classes cytoplasm, membrane, nucleus.

    Example: cellenhance dataset synthesize -o synthetic --kind nuclei --photons 10
    """
    from cellenhance.data.synthesize import SynthesizeSettings
    from cellenhance.data.world.recording import WorldSettings
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
    where = "the options of synthesize"
    settings: SynthesizeSettings | WorldSettings
    if kind is None:
        settings = validate_settings(SynthesizeSettings, values, where=where)
    else:
        settings = validate_settings(WorldSettings, {**values, "kind": kind}, where=where)
    with console.progress_bar() as progress:
        made = synthesize_dataset(output, settings, overwrite=overwrite, progress=progress)
    console.note(f"{len(made.samples)} samples written to {output}")
