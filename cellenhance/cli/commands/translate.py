"""``cellenhance translate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.metrics.contrast import Interval
    from cellenhance.tasks.translate.translate import TranslateResult


@command
def translate(
    run: Annotated[Path, typer.Argument(help="Run folder or checkpoint of an AEP model.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Images, folders, globs.")
    ],
    output: options.Output,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            show_default=False,
            help="Folder of true masks (default: those of the dataset that an image lies in).",
        ),
    ] = None,
    channel: options.Channel = None,
    grey: options.Grey = None,
    axes: options.Axes = None,
    device: options.Device = "auto",
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    dpi: options.Dpi = 300,
    width_mm: options.WidthMm = 180,
    background: options.Background = "light",
    formats: options.Formats = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Draw what the network learned to enhance: one figure an image.

    Input, learned filters, enhanced images, the mask of every branch and of the result, ensemble
    weights. Filters are not classes: beside them stands what was measured on the validation part.
    Where the truth is known, the contrast of each class before and after, with two controls.

    Example: cellenhance translate runs/aep data/liver -o figures --format pdf
    """
    from cellenhance.tasks.translate import translate as task

    request = task.TranslateRequest(
        run=run,
        inputs=tuple(inputs),
        output=output,
        truth=truth,
        channel=options.channel_choice(channel, grey),
        axes=axes,
        device=device,
        tile_px=tile,
        overlap_px=overlap,
        style=options.figure_style(dpi, width_mm, background, formats),
        overwrite=overwrite,
    )
    with console.progress_bar() as progress:
        result = task.translate(request, progress)
    if json:
        console.print_json(task.result_to_json(result))
    else:
        _show(result)
    report_end(len(result.images), result.failed, result.skipped, output)


def _show(result: TranslateResult) -> None:
    for image in result.images:
        for path in image.figures:
            typer.echo(path)
    _show_filters(result)
    _show_contrast(result)


def _show_filters(result: TranslateResult) -> None:
    if not result.filters:
        return
    classes = list(result.filters[0].iou_loss)
    header = [
        "filter",
        *(f"head weight {name}" for name in classes),
        *(f"IoU lost, {name}" for name in classes),
        "zero",
        "flag",
    ]
    rows = [
        [
            str(each.number),
            *(f"{each.head_weights[x]:+.3f}" if each.head_weights else "-" for x in classes),
            *(f"{100 * value:+.2f}" for value in each.iou_loss.values()),
            f"{100 * each.zero_share:.0f} %",
            each.flag or "",
        ]
        for each in result.filters
    ]
    title = "Filters, measured on the validation part; IoU lost when muted, in percentage points"
    console.print_table(title, header, rows)


def _show_contrast(result: TranslateResult) -> None:
    if result.contrast is None:
        return
    pictures = list(next(iter(result.contrast.values())))
    rows = [
        [picture, *(_interval(row[picture]) for row in result.contrast.values())]
        for picture in pictures
    ]
    title = (
        "Contrast-to-noise against neighbours within 8 px, mean over images [95 % interval]; the "
        "network was trained to separate the classes: compare with the controls, not with 0"
    )
    console.print_table(title, ["picture", *result.contrast], rows)


def _interval(value: Interval) -> str:
    if value.n_images == 0:
        return "-"
    text = f"{value.mean:.2f}"
    return text if value.n_images == 1 else f"{text} [{value.low:.2f}, {value.high:.2f}]"
