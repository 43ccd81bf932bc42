"""``cellenhance dataset camera``: gain, offset and read noise from dark and flat frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.tasks.datasets.requests import CameraRequest
from cellenhance.texts import counted

if TYPE_CHECKING:
    from cellenhance.data.degrade.camera import Camera


@command
def camera(request: CameraRequest, json: options.Json = False) -> None:
    """Measure a camera: counts per electron, counts without light, read noise.

    At least two frames of each scene, exposed alike; several light levels below saturation are
    better than one. dataset degrade --camera takes the file.

    Example: cellenhance dataset camera dark.tif flat_low.tif flat_high.tif -o camera.yaml
    """
    from cellenhance.tasks.datasets.camera import measure_camera

    with console.progress_bar() as progress:
        measured = measure_camera(request, progress)
    if json:
        console.print_json(measured.model_dump(mode="json"))
    else:
        _show(measured)
    if request.output is None:
        console.note("nothing written; -o camera.yaml keeps it for dataset degrade --camera")
    else:
        levels = counted(len(measured.flats), "light level")
        console.note(f"camera of {levels} written to {request.output}")


def _show(measured: Camera) -> None:
    def with_error(value: float, error: float | None) -> str:
        return f"{value:.4g}" if error is None else f"{value:.4g} +- {error:.2g}"

    rows = [
        ["gain, counts per electron", with_error(measured.gain_adu, measured.gain_error_adu)],
        ["offset, counts without light", f"{measured.offset_adu:.5g}"],
        [
            "read noise, electrons rms",
            with_error(measured.read_noise_e, measured.read_noise_error_e),
        ],
    ]
    if measured.worst_deviation is not None:
        rows.append(["worst distance from the line", f"{100 * measured.worst_deviation:.2g} %"])
    console.print_table("Camera (+- one standard error)", ["what", "value"], rows)
    assert measured.dark is not None
    frames = [
        [
            each.name,
            str(each.n_frames),
            f"{each.mean:.5g}",
            f"{each.variance:.4g}",
            f"{(each.mean - measured.offset_adu) / measured.gain_adu:.4g}",
        ]
        for each in (measured.dark, *measured.flats)
    ]
    console.print_table("Frames", ["files", "frames", "mean", "variance", "electrons"], frames)
