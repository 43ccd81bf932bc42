"""``cellenhance dataset augment``: make an offline augmented dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def augment(
    dataset: options.DatasetFolder,
    output: options.Output,
    n: Annotated[int, typer.Option("--n", min=1, help="Number of copies in all.")] = 100,
    recipe: Annotated[
        str, typer.Option("--recipe", help="A recipe of the catalogue: its augmentation is used.")
    ] = "cellenhance",
    subset: Annotated[
        str | None,
        typer.Option(
            "--subset",
            metavar="train|val|test",
            show_default=False,
            help="Copy only this part of the split (its first fold).",
        ),
    ] = None,
    split: options.Split = None,
    set_: options.Set = None,
    models_file: options.Models = None,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Make an offline augmented dataset and its contact sheet.

    Copies keep the group of their source, so that no split parts them.

    Example: cellenhance dataset augment dataset -o augmented --n 1000 --recipe isbi2012
    """
    from cellenhance.data.dataset.splits import DEFAULT_SPLIT
    from cellenhance.errors import SettingsError
    from cellenhance.tasks.datasets.augment import SHEET, AugmentRequest, augment_dataset

    if split is not None and subset is None:
        raise SettingsError("--split has no effect without --subset; give both or neither")
    request = AugmentRequest(
        dataset=dataset,
        output=output,
        n_copies=n,
        recipe=recipe,
        assignments=tuple(set_ or ()),
        models_file=models_file,
        split=split or DEFAULT_SPLIT,
        subset=subset,
        seed=seed,
        overwrite=overwrite,
    )
    with console.progress_bar() as progress:
        made = augment_dataset(request, progress)
    n_groups = len({row.group for row in made.samples})
    console.note(
        f"{len(made.samples)} copies in {n_groups} groups written to {output}; "
        f"look at {output / SHEET}"
    )
