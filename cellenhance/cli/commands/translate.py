"""``cellenhance translate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end
from cellenhance.cli.invocation import command
from cellenhance.tasks.translate.requests import TranslateRequest

if TYPE_CHECKING:
    from cellenhance.metrics.contrast import Interval
    from cellenhance.tasks.translate.translate import TranslateResult


@command
def translate(request: TranslateRequest, json: options.Json = False) -> None:
    """Draw what the network learned to enhance: one figure for each image.

    Input, learned filters, enhanced images, the mask of every branch and of the result, ensemble
    weights. Filters are not classes: beside them stands what was measured on the validation part.
    Where the truth is known, the contrast of each class before and after, with two controls.

    Example: cellenhance translate runs/aep data/liver -o figures --page
    """
    from cellenhance.tasks.translate.translate import translate as task

    with console.progress_bar() as progress:
        result = task(request, progress)
    if json:
        console.print_json(result.to_json())
    else:
        _show(result)
    done = result.applied
    report_end(len(done.written), done.failed, done.skipped, request.output)


def _show(result: TranslateResult) -> None:
    for image in result.applied.written:
        for path in image.figures:
            typer.echo(path)
    if result.page is not None:
        typer.echo(result.page)
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
