"""``cellenhance dataset split``: divide a dataset into subsets."""

from __future__ import annotations

from cellenhance.cli import console, dataset_tables, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import SplitRequest
from cellenhance.texts import counted


@command
def split(request: SplitRequest, json: options.Json = False) -> None:
    """Split a dataset into training, validation and test parts, or into folds.

    Groups and identical images never part. Published splits come from lists (--test-list) or a
    table (--from).

    Example: cellenhance dataset split dataset --folds 5 --name five-fold
    """
    from dataclasses import asdict

    from cellenhance.tasks.datasets.split import split_dataset

    with console.progress_bar() as progress:
        result = split_dataset(request, progress)
    if json:
        console.print_json([asdict(each) for each in result.subsets])
    else:
        dataset_tables.show_subsets(f"Split {request.name}", result.subsets)
    n_placed = len({row.id for row in result.table.rows})
    console.note(f"{counted(n_placed, 'sample')} split into {result.path}")
