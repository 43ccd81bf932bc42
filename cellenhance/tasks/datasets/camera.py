"""Gain, offset and read noise of a camera from files of dark and flat frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cellenhance.data.dataset.inputs import expand_glob
from cellenhance.data.degrade.camera import (
    Camera,
    FrameStatistics,
    compute_camera,
    measure_frames,
    save_camera,
)
from cellenhance.data.files.readers import is_image_name, open_image
from cellenhance.errors import DatasetError, OutputExistsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.datasets.requests import CameraRequest

logger = logging.getLogger(__name__)

_BENT = 0.05
"""Relative distance of a flat from the line above which the camera is called not linear."""


def measure_camera(request: CameraRequest, progress: ProgressCallback = silent) -> Camera:
    """Return what the frames show, and write it when there is an output.

    Raises
    ------
    DatasetError
        A file is not an image, frames do not fit each other, or a flat is saturated.
    OutputExistsError
        The output exists and overwriting was not asked for.
    """
    output = request.output
    if output is not None and output.exists() and not request.overwrite:
        raise OutputExistsError(f"{output}: exists; give --overwrite or another -o")
    named = [path for flat in request.flats for path in expand_glob(str(flat))]
    # A flat that is named twice, or by two globs, counts once.
    levels = list({level.resolve(): level for path in named for level in _levels(path)}.values())
    measured: list[FrameStatistics] = []
    for path in (request.dark, *levels):
        measured.append(measure_frames(str(path), _frames(path)))
        progress(len(measured), 1 + len(levels), "measuring")
    dark, *flats = measured
    if dark.is_cut_at_0:
        logger.warning(
            "%s: the noise reaches 0, where it is cut off: offset and read noise come out wrong; "
            "raise the camera's offset (black level)",
            dark.name,
        )
    camera = compute_camera(dark, flats)
    if camera.worst_deviation is not None and camera.worst_deviation > _BENT:
        logger.warning(
            "the flats lie up to %.1f %% off the line of variance against mean: the camera is not "
            "linear there, or files were scaled or compressed; leave out the brightest",
            100 * camera.worst_deviation,
        )
    if output is not None:
        save_camera(output, camera)
    return camera


def _levels(flat: Path) -> list[Path]:
    """Return the folders inside a folder without images, else the path itself."""
    if not flat.is_dir() or _files(flat):
        return [flat]
    folders = sorted(path for path in flat.iterdir() if path.is_dir())
    return folders or [flat]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and is_image_name(path) and not path.name.startswith(".")
    )


def _frames(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the (H, W) frames of a stack or of the files of a folder."""
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise DatasetError(f"{path}: holds no frames; expected TIFF, PNG or .npy files")
    for file in files:
        with open_image(file) as source:
            if source.info.channels != 1:
                raise DatasetError(
                    f"{file}: has {source.info.channels} channels; expected raw grey frames; "
                    "frames that were saved as channels must be separate files"
                )
            for plane in range(source.info.n_planes):
                yield source.read_plane(plane)[..., 0]
