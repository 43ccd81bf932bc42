"""``cellenhance contour-overlay``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellenhance.cli import console, options
from cellenhance.cli.image_work import report_end
from cellenhance.cli.invocation import command
from cellenhance.tasks.compare.requests import ContourOverlayRequest
from cellenhance.texts import counted

if TYPE_CHECKING:
    from cellenhance.tasks.compare.contour_overlay import ContourOverlayResult


@command
def contour_overlay(request: ContourOverlayRequest, json: options.Json = False) -> None:
    """Draw class contours on images, and measure the areas; for masks from any program.

    Writes overlays/NAME.png for every image and areas.csv. Files match by relative path without
    extension. The masks folder of a dataset brings its classes and colours; otherwise the values
    found are the classes and the smallest is the background, unless --class says more. Objects are
    parts that touch by a side or a corner.

    Example: cellenhance contour-overlay data/liver/images predictions/masks -o overlays
    """
    from cellenhance.tasks.compare.contour_overlay import contour_overlay as task

    with console.progress_bar() as progress:
        result = task(request, progress)
    if json:
        console.print_json(result.to_json())
    else:
        _show(result)
    done = result.applied
    report_end(len(done.written), done.failed, done.skipped, request.output)


def _show(result: ContourOverlayResult) -> None:
    written = result.applied.written
    if not written:
        return
    known = all(each.pixel_size_um is not None for each in written)
    total = sum(region.area_px for each in written for region in each.regions.values())
    rows = []
    for name in written[0].regions:
        regions = [each.regions[name] for each in written]
        area = sum(region.area_px for region in regions)
        um2 = [sum(each.area_um2(name) or 0 for each in written)] if known else []
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
    n_images = len(written)
    title = f"Areas in {counted(n_images, 'image')}"
    console.print_table(title, [*header, "share, percent"], rows)
    for each in written[:10]:
        console.note(", ".join(str(path) for path in each.figures))
    if n_images > 10:
        console.note(f"and {n_images - 10} more")
    console.note(f"areas and counts of each image in {result.areas}")
