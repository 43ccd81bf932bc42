"""``cellenhance models``."""

from __future__ import annotations

from typing import Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command


@command
def models(
    name: Annotated[
        str | None, typer.Argument(help="Show this entry in full.", show_default=False)
    ] = None,
    models_file: options.Models = None,
    json: options.Json = False,
) -> None:
    """List the models of the catalogue, or show one entry in full.

    Parameters and GFLOPs (2 x multiply-adds) are for 1 channel, 2 classes and 256 x 256 pixels.

    Example: cellenhance models aep
    """
    from cellenhance.tasks.list_models import list_models, show_model

    if name is not None:
        entry, summary = show_model(name, models_file)
        fields = entry.model_dump(mode="json")
        if json:
            console.print_json(fields | summary.to_json())
        else:
            numbers = {"parameters": f"{summary.n_parameters:,}", "GFLOPs": f"{summary.gflops:.2f}"}
            console.print_fields(fields | numbers | {"stride": summary.stride})
        return
    summaries = list_models(models_file)
    if json:
        console.print_json([each.to_json() for each in summaries])
        return
    rows = [
        [each.name, each.summary, f"{each.n_parameters:,}", f"{each.gflops:.2f}", str(each.stride)]
        for each in summaries
    ]
    columns = ["model", "what it is", "parameters", "GFLOPs", "stride"]
    console.print_table("Models", columns, rows, numeric_from=2)
