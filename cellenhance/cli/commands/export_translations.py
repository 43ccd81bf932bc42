"""``cellenhance export-translations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end, split_runs
from cellenhance.cli.invocation import command
from cellenhance.tasks.translate.requests import (
    ExportTranslationsOptions,
    ExportTranslationsRequest,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cellenhance.tasks.translate.export_translations import ExportedImage, FilterRange


@command
def export_translations(
    run_and_inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN INPUT...",
            help="The run of an AEP model, then images, folders, globs.",
        ),
    ],
    choices: ExportTranslationsOptions,
    json: options.Json = False,
) -> None:
    """Write filters and enhanced images as float32 OME-TIFF for Fiji, napari, Python.

    translations/NAME.ome.tif holds the normalised input x ("input") and for each learned filter k
    f_k ("filter k"), x + f_k ("sum k") and sigma(x + f_k) ("enhanced k"). Always computed in
    float32; made for segmentation, not for intensity measurement. Filters are not classes.

    Example: cellenhance export-translations runs/aep "plate 1/" -o enhanced
    """
    from cellenhance.errors import SettingsError
    from cellenhance.tasks.translate.export_translations import NOTE, ExportedImage
    from cellenhance.tasks.translate.export_translations import export_translations as task

    runs, inputs = split_runs(run_and_inputs)
    if len(runs) > 1:
        raise SettingsError(
            f"{len(runs)} runs given, {runs[0]} and {runs[1]}: filters of different runs cannot be "
            "combined; export each run into a folder of its own"
        )
    request = ExportTranslationsRequest(run=runs[0], inputs=tuple(inputs), **dict(choices))
    with console.progress_bar() as progress:
        result = task(request, progress)
    if json:
        console.print_json({**result.to_json(ExportedImage.to_json), "note": NOTE})
    elif result.written:
        _show(result.written)
    console.note(result.compute_reason)
    report_end(len(result.written), result.failed, result.skipped, choices.output)


def _show(written: Sequence[ExportedImage]) -> None:
    def span(each: FilterRange) -> str:
        return f"{each.mean:.3g} ({each.minimum:.3g} to {each.maximum:.3g})"

    names = [f"filter {each.number}" for each in written[0].filters]
    rows = [
        [
            str(image.files[0] if len(image.files) == 1 else image.files[0].parent),
            *(span(each) for each in image.filters),
        ]
        for image in written
    ]
    title = "What each filter adds to the input in 0..1: mean (range)"
    console.print_table(title, ["file", *names], rows)
