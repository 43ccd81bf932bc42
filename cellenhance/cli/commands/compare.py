"""``cellenhance compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end, split_runs
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.tasks.compare.records import CompareResult


@command
def compare(
    runs_and_inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN]... INPUT...",
            help="Run folders or checkpoints, then images, folders, globs.",
        ),
    ],
    output: options.Output,
    masks: Annotated[
        list[str] | None,
        typer.Option(
            "--masks",
            metavar="NAME=DIR",
            show_default=False,
            help="Masks of any program, shown under this name; repeatable.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            show_default=False,
            help="True masks (default: those of the dataset that the images lie in).",
        ),
    ] = None,
    classes: options.Classes = None,
    ignore: options.Ignore = None,
    grid: Annotated[
        str | None,
        typer.Option(
            "--grid",
            metavar="best,median,worst",
            show_default=False,
            help="One figure of these images instead of one an image.",
        ),
    ] = None,
    n_insets: Annotated[
        int, typer.Option("--insets", min=0, max=5, help="Places shown enlarged.")
    ] = 2,
    channel: options.Channel = None,
    grey: options.Grey = None,
    axes: options.Axes = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    pixel_size: options.PixelSize = None,
    display: options.Display = None,
    dpi: options.Dpi = 300,
    width_mm: options.WidthMm = 180,
    background: options.Background = "light",
    formats: options.Formats = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Set runs and masks of others side by side on the same images: figures for a paper.

    Input, truth and each mask with its IoU, the errors under it, and enlarged the places where the
    masks differ most. Writes comparisons/NAME.png, or grid.png with --grid, and scores.csv where
    the truth is known.

    Example: cellenhance compare runs/unet runs/aep data/liver -o figures --grid best,worst
    """
    from cellenhance.tasks.compare.compare import compare as compare_models
    from cellenhance.tasks.compare.records import CompareRequest, result_to_json

    named = tuple(_parse_masks(text) for text in masks or ())
    runs, inputs = _split(runs_and_inputs, has_masks=bool(named))
    request = CompareRequest(
        runs=runs,
        inputs=tuple(inputs),
        output=output,
        masks=named,
        truth=truth,
        classes=tuple(classes) if classes else None,
        ignore=tuple(ignore or ()),
        grid=tuple(dict.fromkeys(word.strip() for word in grid.split(","))) if grid else (),
        n_windows=n_insets,
        channel=options.channel_choice(channel, grey),
        axes=axes,
        device=device,
        precision=precision,
        tile_px=tile,
        overlap_px=overlap,
        pixel_size_um=pixel_size,
        display=options.display_range(display),
        overwrite=overwrite,
        style=options.figure_style(dpi, width_mm, background, formats),
    )
    with console.progress_bar() as progress:
        result = compare_models(request, progress)
    if json:
        console.print_json(result_to_json(result))
    else:
        _show(result)
    if result.compute_reason:
        console.note(result.compute_reason)
    n_written = len(result.grid or result.images)
    report_end(n_written, result.failed, result.skipped, output)


def _parse_masks(text: str) -> tuple[str, Path]:
    from cellenhance.errors import SettingsError

    name, equals, path = text.partition("=")
    if not equals or not name.strip() or not path:
        raise SettingsError(f"--masks {text}: expected NAME=DIR, such as nnunet=theirs/masks")
    return name.strip(), Path(path)


def _split(words: list[str], *, has_masks: bool) -> tuple[tuple[Path, ...], list[str]]:
    """Return runs and inputs; beside --masks there may be no run."""
    from cellenhance.runs.folder import is_run

    if has_masks and not is_run(Path(words[0])):
        return (), words
    return split_runs(words)


def _show(result: CompareResult) -> None:
    from cellenhance.render.tables import format_percent

    rows = [
        [each.id, name, format_percent(scores.miou), *map(format_percent, scores.iou.values())]
        for each in result.images
        for name, scores in each.scores.items()
    ]
    if rows:
        header = ["image", "model", "mIoU", *(f"IoU {name}" for name in result.classes)]
        console.print_table("IoU of each image, percent", header, rows, numeric_from=2)
    figures = [path for each in result.images for path in each.figures] or list(result.grid)
    for path in figures[:10]:
        console.note(str(path))
    if len(figures) > 10:
        console.note(f"and {len(figures) - 10} more")
    if result.scores:
        console.note(f"all scores in {result.scores}")
