"""``cellenhance dataset split``: divide a dataset into subsets."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command


@command
def split(
    dataset: options.DatasetFolder,
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
