"""``cellenhance dataset split``: divide a dataset into subsets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command

ListFile = Annotated[
    Path | None,
    typer.Option(
        show_default=False,
        metavar="FILE",
        help="Images of this subset, an id or file name a line; replaces a drawn part.",
    ),
]


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
            help="Share that validates (default: 0.1; with --folds or --test-list 0.125 of what "
            "would train).",
        ),
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(min=0, max=1, show_default=False, help="Share that tests (default: 0.2)."),
    ] = None,
    val_count: Annotated[
        int | None,
        typer.Option(
            min=0, show_default=False, help="Number of images that validate, of each fold."
        ),
    ] = None,
    test_count: Annotated[
        int | None, typer.Option(min=1, show_default=False, help="Number of images that test.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Number of folds, instead of shares.", show_default=False),
    ] = None,
    val_from: Annotated[
        str,
        typer.Option(
            metavar="train|test", help="With --folds: the part that the validation is taken from."
        ),
    ] = "train",
    train_list: ListFile = None,
    val_list: ListFile = None,
    test_list: ListFile = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            show_default=False,
            help="A CSV table with the columns id, fold and subset; nothing is drawn.",
        ),
    ] = None,
    allow_shared_groups: Annotated[
        bool,
        typer.Option(
            "--allow-shared-groups", help="Take lists that divide a group, with a warning."
        ),
    ] = False,
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

    Groups and identical images never part. Published splits come from lists (--test-list) or a
    table (--from).

    Example: cellenhance dataset split dataset --folds 5 --name five-fold
    """
    from dataclasses import asdict

    from cellenhance.data.dataset.fixed_split import SplitLists
    from cellenhance.data.dataset.splits import SplitSettings
    from cellenhance.settings import validate_settings
    from cellenhance.tasks.datasets.split import FixedSplit, split_dataset

    lists = SplitLists(train_list, val_list, test_list)
    given = {
        "--train": train, "--val": val, "--test": test, "--val-count": val_count,
        "--test-count": test_count, "--folds": folds, "--train-list": train_list,
        "--val-list": val_list, "--test-list": test_list, "--from": table,
        "--val-from": None if val_from == "train" else val_from,
        "--allow-shared-groups": allow_shared_groups or None,
    }  # fmt: skip
    _refuse_pairs([option for option, value in given.items() if value is not None])
    values: dict[str, Any] = {
        "folds": folds, "group_by": group_by, "stratified": stratified, "seed": seed, "name": name,
        "val_count": val_count, "test_count": test_count, "val_from": val_from,
    }  # fmt: skip
    if folds is not None or lists.given():
        default = 0.0 if train_list is not None else 0.125
        values["val_fraction"] = default if val is None else val
    elif table is None:
        values["fractions"] = _fractions(train, val, test, has_counts=bool(val_count or test_count))
    settings = validate_settings(SplitSettings, values, where="the options of split")
    fixed = FixedSplit(lists, table, allow_shared_groups) if lists.given() or table else None
    with console.progress_bar() as progress:
        result = split_dataset(
            dataset, settings, fixed=fixed, overwrite=overwrite, progress=progress
        )
    if json:
        console.print_json([asdict(each) for each in result.subsets])
    else:
        dataset_tables.show_subsets(f"Split {name}", result.subsets)
    n_placed = len({row.id for row in result.table.rows})
    console.note(f"{n_placed} samples split into {result.path}")


_LISTS = ("--train-list", "--val-list", "--test-list")
_CONTRADICTIONS = (
    ("--folds", ("--train", "--test", "--test-count"), "the folds set these parts"),
    ("--val", ("--val-count",), "a share or a number"),
    ("--test", ("--test-count",), "a share or a number"),
    ("--train", ("--val-count", "--test-count"), "the rest trains"),
    ("--val-list", ("--val", "--val-count"), "the list says who validates"),
    *((each, ("--folds", "--train", "--test", "--test-count"), "lists set these parts")
      for each in _LISTS),
    ("--from", ("--folds", "--train", "--val", "--test", "--val-count", "--test-count", *_LISTS),
     "the table says all"),
)  # fmt: skip


def _refuse_pairs(given: list[str]) -> None:
    """Refuse options that contradict each other or would have no effect."""
    from cellenhance.errors import SettingsError

    for option, others, reason in _CONTRADICTIONS:
        clash = [other for other in others if other in given]
        if option in given and clash:
            raise SettingsError(f"{option} with {clash[0]}: {reason}; leave one of them out")
    if "--val-from" in given and "--folds" not in given:
        raise SettingsError("--val-from is for folds; give their number with --folds")
    if "--allow-shared-groups" in given and not {*_LISTS, "--from"} & set(given):
        raise SettingsError(
            "--allow-shared-groups is for lists and --from; a split that is drawn by "
            "--group-by none divides groups"
        )


def _fractions(
    train: float | None, val: float | None, test: float | None, *, has_counts: bool
) -> tuple[float, float, float]:
    """Return train, val and test; beside counts the rest trains."""
    val = 0.1 if val is None else val
    test = 0.2 if test is None else test
    if train is None:
        train = 1 - val - test if has_counts else 0.7
    return train, val, test
