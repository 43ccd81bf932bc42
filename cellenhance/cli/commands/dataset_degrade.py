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
    fraction: Annotated[
        str | None,
        typer.Option(
            "--fraction",
            metavar=_RANGE,
            show_default=False,
            help="Share of the recorded electrons that is kept, by binomial thinning; for raw "
            "counts with known gain, offset and read noise.",
        ),
    ] = None,
    blur_px: Annotated[
        str | None,
        typer.Option(
            "--blur-px", metavar=_RANGE, show_default=False, help="Sigma of the blur in px."
        ),
    ] = None,
    blur_um: Annotated[
        str | None,
        typer.Option(
            "--blur-um", metavar=_RANGE, show_default=False, help="Sigma of the blur in um."
        ),
    ] = None,
    contrast_loss: Annotated[
        str | None,
        typer.Option(
            "--contrast-loss",
            metavar=_RANGE,
            show_default=False,
            help="Share of the contrast that is lost, 0 to 1.",
        ),
    ] = None,
    vignetting: Annotated[
        str | None,
        typer.Option(
            "--vignetting",
            metavar=_RANGE,
            show_default=False,
            help="Share of the light that is lost in the corners, 0 to 1.",
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            "--background",
            metavar=_RANGE,
            show_default=False,
            help="Stray light, in multiples of the signal at the 99th percentile.",
        ),
    ] = None,
    camera: Annotated[
        Path | None,
        typer.Option(
            "--camera",
            show_default=False,
            help="A camera.yaml of dataset camera: gain, offset and read noise, where no option "
            "says otherwise.",
        ),
    ] = None,
    read_noise: Annotated[
        str | None,
        typer.Option(
            "--read-noise",
            metavar=_RANGE,
            show_default=False,
            help="Read noise in electrons rms.",
        ),
    ] = None,
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
    pedestal: Annotated[
        float | None,
        typer.Option(
            "--pedestal",
            show_default=False,
            help="Counts added to the result, so that read noise is not cut off at 0.",
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
            help="auto: 8-bit images that get brighter or noisy become 16-bit; keep: they are "
            "clipped at 255.",
        ),
    ] = "auto",
    force_thinning: Annotated[
        bool,
        typer.Option(
            "--force-thinning",
            help="Thin images that are no raw counts of a known camera; the copy says so.",
        ),
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            show_default=False,
            help="A degradation.csv: repeat exactly what it says, image by image.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, show_default=False, help="Seed of every random draw (default: 0)."
        ),
    ] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Make a copy of a dataset with images of lower quality: less light, blur, stray light.

    Masks, groups and splits are kept. A range such as 3..30 is drawn anew for every image;
    degradation.csv in the copy has what was drawn. --photons works on any image and adds to the
    noise that it has; --fraction replaces it, and therefore needs raw counts of a known camera.

    Example: cellenhance dataset degrade dataset -o dim --photons 10 --read-noise 1.6
    """
    from cellenhance.data.degrade.camera import load_camera
    from cellenhance.data.degrade.physics import DegradeSettings
    from cellenhance.data.degrade.table import DEGRADATION_FILE
    from cellenhance.errors import SettingsError
    from cellenhance.settings import validate_settings
    from cellenhance.tasks.datasets.degrade import DegradeRequest, degrade_dataset

    options_given = {
        "photons": photons,
        "fraction": fraction,
        "blur_px": blur_px,
        "blur_um": blur_um,
        "contrast_loss": contrast_loss,
        "vignetting": vignetting,
        "background": background,
        "read_noise_e": read_noise,
        "gain_adu": gain,
        "offset_adu": offset,
        "pedestal_adu": pedestal,
        "full_well_e": full_well,
        "bit_depth": bit_depth,
    }
    if replay is not None and seed is not None:
        raise SettingsError(f"--replay {replay}: has its own draws; leave out --seed")
    values = {} if camera is None else load_camera(camera).as_settings()
    values |= {name: value for name, value in options_given.items() if value is not None}
    request = DegradeRequest(
        dataset=dataset,
        output=output,
        settings=validate_settings(DegradeSettings, values, where="the options of degrade"),
        replay=replay,
        dtype=dtype,
        force_thinning=force_thinning,
        seed=seed or 0,
        overwrite=overwrite,
    )
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
        f"{len(made.dataset.samples)} samples written to {output}{unchanged}; what was done to "
        f"each: {output / DEGRADATION_FILE}"
    )
