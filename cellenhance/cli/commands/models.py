"""``cellenhance models``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.requests import ModelsRequest

if TYPE_CHECKING:
    from cellenhance.tasks.models import ModelDetails


@command
def models(request: ModelsRequest, json: options.Json = False) -> None:
    """List the models of the catalogue, or show one entry in full.

    Parameters and GFLOPs (2 x multiply-adds) are for 1 channel, 2 classes and 256 x 256 pixels.

    Example: cellenhance models aep
    """
    from cellenhance.tasks.models import list_models, show_model

    if request.name is not None:
        _show(show_model(request.name, request.models), json=json)
        return
    summaries = list_models(request.models)
    if json:
        console.print_json([each.to_json() for each in summaries])
        return
    rows = [
        [each.name, each.summary, f"{each.n_parameters:,}", f"{each.gflops:.2f}", str(each.stride)]
        for each in summaries
    ]
    columns = ["model", "what it is", "parameters", "GFLOPs", "stride"]
    console.print_table("Models", columns, rows, numeric_from=2)


def _show(details: ModelDetails, *, json: bool) -> None:
    fields, summary = details.entry.model_dump(mode="json"), details.summary
    if json:
        layers = [dataclasses.asdict(layer) for layer in details.layers]
        console.print_json(fields | summary.to_json() | {"layers": layers})
        return
    numbers = {"parameters": f"{summary.n_parameters:,}", "GFLOPs": f"{summary.gflops:.2f}"}
    console.print_fields(fields | numbers | {"stride": summary.stride})
    rows = [
        [
            layer.name,
            layer.kind,
            " x ".join(map(str, layer.output_shape[1:])),
            f"{layer.n_parameters:,}",
        ]
        for layer in details.layers
    ]
    columns = ["layer", "kind", "output", "parameters"]
    console.print_table("Layers with parameters, in order", columns, rows, numeric_from=2)
