"""``cellenhance dataset``: prepare, split, inspect, synthesize."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command

app = typer.Typer(
    name="dataset",
    no_args_is_help=True,
    help="Make, split and inspect dataset folders.\n\n"
    "Example: cellenhance dataset prepare my_images -o dataset --class background=0 "
    "--class cell=255",
)

_DatasetArgument = Annotated[
    Path, typer.Argument(metavar="DATASET", help="A dataset folder.", show_default=False)
]


@app.command()
@command
def prepare(
    source: Annotated[
        Path, typer.Argument(help="Folder with images and masks.", show_default=False)
    ],
    output: options.Output,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=VALUE[,VALUE]",
            show_default=False,
            help="A class and its mask values or #rrggbb; repeat in index order.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE", show_default=False, help="Mask value to ignore; repeatable."),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which class is background.", show_default=False),
    ] = None,
    layout: Annotated[str, typer.Option(help="auto, paired or npy-folds.")] = "auto",
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of images, below SOURCE or from here.", show_default=False),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder of masks, below SOURCE or from here.", show_default=False),
    ] = None,
    valid_mask: Annotated[
        Path | None,
        typer.Option(help="Folder of masks that are 0 where to ignore.", show_default=False),
    ] = None,
    channel: Annotated[
        int | None,
        typer.Option(min=0, help="Keep this channel only, from 0.", show_default=False),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="UM", help="Pixel size in um (default: the files').", show_default=False
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", show_default=False, help="Leave out a file or stem; repeatable."
        ),
    ] = None,
    skip_unmatched: Annotated[
        bool, typer.Option("--skip-unmatched", help="Leave out files without a partner.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the dataset (default: the source's).", show_default=False),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the images.", show_default=False)] = "",
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Bring a folder of images and masks into a dataset folder.

    What was found and how files pair up is shown before anything is written.

    Example: cellenhance dataset prepare my_images -o dataset --class background=0 --class cell=255
    """
    from cellenhance.data.importers.contract import ImportOptions
    from cellenhance.tasks.prepare_dataset import plan_dataset, survey_source, write_dataset
    from cellenhance.tasks.prepare_request import PrepareRequest

    request = PrepareRequest(
        source=source,
        output=output,
        layout=layout,
        folders=ImportOptions(images, masks, valid_mask),
        classes=tuple(class_ or ()),
        ignore=tuple(ignore or ()),
        background=background,
        channel=channel,
        pixel_size_um=pixel_size,
        exclude=tuple(exclude or ()),
        skip_unmatched=skip_unmatched,
        overwrite=overwrite,
        name=name,
        licence=licence,
    )
    with console.progress_bar() as progress:
        found = survey_source(request, progress)
    dataset_tables.show_survey(found)
    plan = plan_dataset(found)
    dataset_tables.show_plan(plan)
    if dry_run:
        console.note(
            f"dry run: nothing written; {output} would get {len(plan.survey.facts)} samples"
        )
        return
    with console.progress_bar() as progress:
        result = write_dataset(plan, progress)
    brought = f", split default with {result.split.n_folds} fold(s)" if result.split else ""
    console.note(f"{len(result.dataset.samples)} samples written to {output}{brought}")


@app.command()
@command
def split(
    dataset: _DatasetArgument,
    train: Annotated[
        float | None,
        typer.Option(min=0, max=1, show_default=False, help="Share that trains (default: 0.7)."),
    ] = None,
    val: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            show_default=False,
            help="Share that validates (default: 0.1; with --folds 0.125 of the rest).",
        ),
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(min=0, max=1, show_default=False, help="Share that tests (default: 0.2)."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Number of folds, instead of shares.", show_default=False),
    ] = None,
    group_by: Annotated[
        str, typer.Option(help="column, none, or a regular expression with one (group) on the id.")
    ] = "column",
    stratified: Annotated[bool, typer.Option(help="Balance the share of the rarest class.")] = True,
    seed: options.Seed = 0,
    name: Annotated[str, typer.Option(help="Name of the split.")] = "default",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Split a dataset into training, validation and test parts, or into folds.

    Groups and identical images never part.

    Example: cellenhance dataset split dataset --folds 5 --name five-fold
    """
    from dataclasses import asdict

    from cellenhance.data.splits import SplitSettings
    from cellenhance.errors import SettingsError
    from cellenhance.settings import validate_settings
    from cellenhance.tasks.split_dataset import split_dataset

    values: dict[str, Any] = {
        "folds": folds,
        "group_by": group_by,
        "stratified": stratified,
        "seed": seed,
    }
    if folds is None:
        given, defaults = (train, val, test), (0.7, 0.1, 0.2)
        values["fractions"] = tuple(
            default if share is None else share
            for share, default in zip(given, defaults, strict=True)
        )
    elif train is not None or test is not None:
        raise SettingsError(
            "--folds sets the training and test parts; leave out --train and --test"
        )
    elif val is not None:
        values["val_fraction"] = val
    settings = validate_settings(
        SplitSettings, {**values, "name": name}, where="the options of split"
    )
    with console.progress_bar() as progress:
        result = split_dataset(dataset, settings, overwrite=overwrite, progress=progress)
    if json:
        console.print_json([asdict(each) for each in result.subsets])
    else:
        dataset_tables.show_subsets(f"Split {name}", result.subsets)
    console.note(f"{len(result.dataset.samples)} samples split into {result.path}")


@app.command()
@command
def inspect(
    dataset: _DatasetArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write a contact sheet (PNG).", show_default=False),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Show what a dataset holds and what is suspicious in it.

    Example: cellenhance dataset inspect dataset -o contact-sheet.png
    """
    from cellenhance.tasks.inspect_dataset import inspect_dataset

    with console.progress_bar() as progress:
        report = inspect_dataset(
            dataset, contact_sheet=output, overwrite=overwrite, progress=progress
        )
    if json:
        console.print_json(report.to_json())
    else:
        dataset_tables.show_report(report)
    if output is not None:
        console.note(
            f"contact sheet of {report.n_on_sheet} of {len(report.dataset.samples)} samples: "
            f"{output}"
        )
    console.note(
        f"{len(report.dataset.samples)} samples inspected, {len(report.findings)} finding(s)"
    )


@app.command()
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
    from cellenhance.tasks.synthesize_dataset import synthesize_dataset

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
