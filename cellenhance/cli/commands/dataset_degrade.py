"""``cellenhance dataset degrade``: a copy of a dataset with images of lower quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command

_RANGE = "N|LOW..HIGH"


@command
def degrade(
    dataset: options.DatasetFolder,
    output: options.Output,
    photons: Annotated[
        str | None,
        typer.Option(
            "--photons",
            metavar=_RANGE,
            show_default=False,
            help="Photons a pixel at the 99th percentile of each image: shot noise (Poisson).",
        ),
    ] = None,
    blur_px: Annotated[
        str, typer.Option("--blur-px", metavar=_RANGE, help="Sigma of the blur in px.")
    ] = "0",
    contrast_loss: Annotated[
        str, typer.Option("--contrast-loss", metavar=_RANGE, help="Share of contrast lost, 0 to 1.")
    ] = "0",
    vignetting: Annotated[
        str,
        typer.Option("--vignetting", metavar=_RANGE, help="Share of light lost in the corners."),
    ] = "0",
    background: Annotated[
        str,
        typer.Option(
            "--background",
            metavar=_RANGE,
            help="Stray light, in multiples of the signal at the 99th percentile.",
        ),
    ] = "0",
    read_noise: Annotated[
        str,
        typer.Option("--read-noise", metavar=_RANGE, help="Read noise in electrons rms."),
    ] = "0",
    gain: Annotated[
        float | None,
        typer.Option(
            "--gain",
            show_default=False,
            help="Counts an electron (default: the brightness of the image is kept).",
        ),
    ] = None,
    offset: Annotated[
        float | None,
        typer.Option(
            "--offset",
            show_default=False,
            help="Counts without light (default: the 0.1 percentile of the set).",
        ),
    ] = None,
    full_well: Annotated[
        float | None,
        typer.Option("--full-well", show_default=False, help="Electrons a pixel holds at most."),
    ] = None,
    bit_depth: Annotated[
        int | None,
        typer.Option("--bit-depth", show_default=False, help="Bits of the camera's counts."),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            metavar="auto|keep",
            help="auto: 8-bit images that get noise become 16-bit; keep: they are clipped at 255.",
        ),
    ] = "auto",
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            show_default=False,
            help="A degradation.csv: repeat exactly what it says, image by image.",
        ),
    ] = None,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Make a copy of a dataset with images of lower quality: less light, blur, stray light.

    Masks, groups and splits are kept. A range such as 3..30 is drawn anew for every image;
    degradation.csv in the copy has what was drawn. Images of real cameras have noise already, which
    --photons takes for structure: the copy has both.

    Example: cellenhance dataset degrade dataset -o dim --photons 10 --read-noise 1.6
    """
    from cellenhance.data.degradation_table import DEGRADATION_FILE
    from cellenhance.data.degrade import DegradeSettings
    from cellenhance.settings import validate_settings
    from cellenhance.tasks.degrade_dataset import DegradeRequest, degrade_dataset

    values = {
        "photons": photons,
        "blur_px": blur_px,
        "contrast_loss": contrast_loss,
        "vignetting": vignetting,
        "background": background,
        "read_noise_e": read_noise,
        "gain_adu": gain,
        "offset_adu": offset,
        "full_well_e": full_well,
        "bit_depth": bit_depth,
    }
    request = DegradeRequest(
        dataset=dataset,
        output=output,
        settings=validate_settings(DegradeSettings, values, where="the options of degrade"),
        replay=replay,
        dtype=dtype,
        seed=seed,
        overwrite=overwrite,
    )
    with console.progress_bar() as progress:
        made = degrade_dataset(request, progress)
    if made.clipped_share > 0:
        console.warn(
            f"{100 * made.clipped_share:.2g} % of the pixels were cut off at the largest value of "
            "their type"
        )
    unchanged = f", {made.n_unchanged} of them unchanged" if made.n_unchanged else ""
    console.note(
        f"{len(made.dataset.samples)} samples written to {output}{unchanged}; what was done to "
        f"each: {output / DEGRADATION_FILE}"
    )
