"""Microscope makers' files (CZI, ND2, LIF) through bioio and its reader plugins, lazily.

bioio is the extra ``[formats]``; without it one line says so. OIR has no plugin in the extra: its
reader, bioio-bioformats, needs Java, and is used where somebody has installed it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.arrays import ImageArray
from cellenhance.data.files.sources import (
    RGB_NAMES,
    ImageInfo,
    ImageSource,
    check_eager_size,
    check_pixel_dtype,
    native,
    plane_layout,
)
from cellenhance.errors import ImageReadError

logger = logging.getLogger(__name__)

VENDOR_SUFFIXES = frozenset({".czi", ".nd2", ".lif", ".oir"})
VENDOR_SIGNATURES = {
    "Zeiss CZI": (b"ZISRAWFILE",),
    "Nikon ND2": (b"\xda\xce\xbe\x0a",),
    "Leica LIF": (b"\x70\0\0\0",),
    "Olympus OIR": (b"OLYMPUSRAWFORMAT",),
}
_AXES = "TCZYX"


def open_vendor(path: Path, kind: str, *, channel: int | None = None) -> VendorSource:
    """Open the first image of a CZI, ND2 or LIF file (`kind`).

    Raises
    ------
    ImageReadError
        bioio or its plugin is not installed, or cannot read the file.
    """
    try:
        bioio = import_module("bioio")
    except ImportError as error:
        raise ImageReadError(
            f"{path}: is a {kind} file; {_cure(kind)}, or save it as OME-TIFF with the "
            "microscope's program or Fiji (Bio-Formats)"
        ) from error
    with _damage_named(path, kind):
        return VendorSource(path, kind, bioio.BioImage(path), channel)


def _cure(kind: str) -> str:
    if kind == "Olympus OIR":
        return 'install "cellenhance[formats]", bioio-bioformats and Java'
    return 'install the readers (pip install "cellenhance[formats]")'


@contextmanager
def _damage_named(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a plugin raises, a missing one included, into one line."""
    try:
        yield
    except (ImageReadError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0].split(". ")[0]
        raise ImageReadError(
            f"{path}: is a {kind} file that cannot be read ({reason}); {_cure(kind)}, copy the "
            "file again, or save it as OME-TIFF"
        ) from error


class VendorSource(ImageSource):
    """The first image of a file that bioio opened, plane by plane; see `ImageSource`."""

    def __init__(self, path: Path, kind: str, image: Any, channel: int | None) -> None:
        self._path, self._kind, self._image = path, kind, image
        if len(image.scenes) > 1:
            logger.warning(
                "%s: holds %d images (%s); only the first is read, save the others as OME-TIFF",
                path,
                len(image.scenes),
                ", ".join(map(str, image.scenes[:4])),
            )
        lengths = {axis: int(getattr(image.dims, axis)) for axis in _AXES}
        self._n_samples = int(getattr(image.dims, "S", 0) or 0) if "S" in image.dims.order else 0
        plane_axes, plane_shape = plane_layout("TZ", (lengths["T"], lengths["Z"]))
        self._n_z = lengths["Z"]
        dtype = check_pixel_dtype(path, np.dtype(image.dtype))
        n_channels = self._n_samples or lengths["C"]
        check_eager_size(path, (lengths["Y"], lengths["X"], n_channels), dtype.itemsize)
        if self._n_samples and lengths["C"] > 1:
            raise ImageReadError(
                f"{path}: has {lengths['C']} channels of {self._n_samples} colours each; save the "
                "one that is meant as OME-TIFF"
            )
        super().__init__(
            ImageInfo(
                path,
                lengths["Y"],
                lengths["X"],
                n_channels,
                dtype,
                plane_axes,
                plane_shape,
                _pixel_size(image),
                self._names(n_channels),
            ),
            channel,
        )

    def _names(self, n_channels: int) -> tuple[str, ...]:
        if self._n_samples == 3:
            return RGB_NAMES
        names = tuple(str(name) for name in self._image.channel_names or ())
        return names if len(names) == n_channels > 1 else ()

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        time, depth = divmod(plane, self._n_z)
        letters = "YXS" if self._n_samples else "YXC"
        with _damage_named(self._path, self._kind):
            lazy = self._image.get_image_dask_data(letters, T=time, Z=depth)
            region = np.asarray(lazy[rows, cols, self._channels].compute())
        return native(region)


def _pixel_size(image: Any) -> float | None:
    """Return the side of a pixel in um; bioio states micrometres."""
    size = getattr(image.physical_pixel_sizes, "X", None)
    return float(f"{size:.7g}") if size and np.isfinite(size) and size > 0 else None
