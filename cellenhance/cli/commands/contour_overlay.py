"""``cellenhance contour-overlay``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end
from cellenhance.cli.invocation import command

if TYPE_CHECKING:
    from cellenhance.tasks.compare.contour_overlay import ContourOverlayResult


@command
def contour_overlay(
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images.")],
    masks: Annotated[Path, typer.Argument(help="Its mask, or a folder of masks of any program.")],
    output: options.Output,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="True masks, drawn as dashed lines.", show_default=False),
    ] = None,
    classes: options.Classes = None,
    ignore: options.Ignore = None,
    all_classes: Annotated[
        bool, typer.Option("--all-classes", help="Outline the background class too.")
    ] = False,
    fill: Annotated[bool, typer.Option("--fill", help="Tint the inside of the outlines.")] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            "--crop", metavar="X,Y,W,H", show_default=False, help="Show this part only, in pixels."
        ),
    ] = None,
    line_width: Annotated[
        float | None,
        typer.Option(
            "--line-width",
            min=0.1,
            max=20,
            show_default=False,
            help="Width of the lines in points (default: scaled to the figure).",
        ),
    ] = None,
    channel: options.Channel = None,
    grey: options.Grey = None,
    pixel_size: options.PixelSize = None,
    display: options.Display = None,
    dpi: options.Dpi = 300,
    width_mm: options.WidthMm = 180,
    background: options.Background = "light",
    formats: options.Formats = None,
    skip_unmatched: options.SkipUnmatched = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Draw class contours on images, and measure the areas; for masks of any program.

    Writes overlays/NAME.png for every image and areas.csv. Files match by relative path without
    extension. The masks folder of a dataset brings its classes and colours; otherwise the values
    found are the classes and the smallest is the background, unless --class says more. Objects are
    parts that touch by a side or a corner.

    Example: cellenhance contour-overlay data/liver/images predictions/masks -o overlays
    """
    from cellenhance.tasks.compare import contour_overlay as task

    request = task.ContourOverlayRequest(
        images=images,
        masks=masks,
        output=output,
        truth=truth,
        classes=tuple(classes) if classes else None,
        ignore=tuple(ignore or ()),
        channel=options.channel_choice(channel, grey),
        crop=task.parse_crop(crop) if crop is not None else None,
        fill=fill,
        all_classes=all_classes,
        pixel_size_um=pixel_size,
        display=options.display_range(display),
        line_pt=line_width,
        skip_unmatched=skip_unmatched,
        overwrite=overwrite,
        style=options.figure_style(dpi, width_mm, background, formats),
    )
    with console.progress_bar() as progress:
        result = task.contour_overlay(request, progress)
    if json:
        console.print_json(task.result_to_json(result))
    else:
        _show(result)
    report_end(len(result.written), result.failed, result.skipped, output)


def _show(result: ContourOverlayResult) -> None:
    if not result.written:
        return
    known = all(each.pixel_size_um is not None for each in result.written)
    total = sum(region.area_px for each in result.written for region in each.regions.values())
    rows = []
    for name in result.written[0].regions:
        regions = [each.regions[name] for each in result.written]
        area = sum(region.area_px for region in regions)
        um2 = [sum(each.area_um2(name) or 0 for each in result.written)] if known else []
        rows.append(
            [
                name,
                str(sum(region.area_px > 0 for region in regions)),
                str(sum(region.n_objects for region in regions)),
                str(area),
                *(f"{value:.4g}" for value in um2),
                f"{100 * area / total:.2f}" if total else "-",
            ]
        )
    header = ["class", "images with it", "objects", "area, px"]
    header += ["area, um2"] if known else []
    n_images = len(result.written)
    title = f"Areas in {n_images} image{'s' if n_images > 1 else ''}"
    console.print_table(title, [*header, "share, percent"], rows)
    for each in result.written[:10]:
        console.note(", ".join(str(path) for path in each.figures))
    if n_images > 10:
        console.note(f"and {n_images - 10} more")
    console.note(f"areas and counts of each image in {result.areas}")
