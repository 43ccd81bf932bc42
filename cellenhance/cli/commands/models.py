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
    console.note(f"{name} {models_file} {json}")
