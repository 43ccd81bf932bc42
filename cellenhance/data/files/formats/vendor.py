"""Microscope makers' files (CZI, ND2, LIF) through bioio and its reader plugins, lazily.

bioio is the extra ``[formats]``; without it one line says so. OIR has no plugin in the extra: its
reader, bioio-bioformats, needs Java, and is used where somebody has installed it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.arrays import ImageArray
from cellenhance.data.files.series import SeriesFacts, choose_series
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
from cellenhance.pixel_size import PixelSize, pixel_size

VENDOR_SUFFIXES = frozenset({".czi", ".nd2", ".lif", ".oir"})
VENDOR_SIGNATURES = {
    "Zeiss CZI": (b"ZISRAWFILE",),
    "Nikon ND2": (b"\xda\xce\xbe\x0a",),
    "Leica LIF": (b"\x70\0\0\0",),
    "Olympus OIR": (b"OLYMPUSRAWFORMAT",),
}
_AXES = "TCZYX"


def open_vendor(
    path: Path, kind: str, *, channel: int | None = None, series: str | None = None
) -> tuple[VendorSource, ...]:
    """Open the images of a CZI, ND2 or LIF file (`kind`): those of one shape, or one of them.

    Raises
    ------
    ImageReadError
        bioio or its plugin is not installed, or cannot read the file; or no image is `series`.
    """
    try:
        bioio = import_module("bioio")
    except ImportError as error:
        raise ImageReadError(
            f"{path}: is a {kind} file; {_cure(kind)}, or save it as OME-TIFF with the "
            "microscope's program or Fiji (Bio-Formats)"
        ) from error
    with _damage_named(path, kind):
        image = bioio.BioImage(path)
        scenes = tuple(image.scenes)
        chosen = choose_series(path, [_facts(image, each, scenes) for each in scenes], series)
        return tuple(
            VendorSource(path, kind, _Scene(image, scenes, scenes[n]), channel) for n in chosen
        )


@dataclass(frozen=True, slots=True)
class _Scene:
    """One image of an open file, which bioio shows one at a time."""

    image: Any
    scenes: tuple[Any, ...]
    name: Any

    def shown(self) -> Any:
        """Return the file with this image chosen."""
        if len(self.scenes) > 1 and self.image.current_scene != self.name:
            self.image.set_scene(self.name)
        return self.image


def _facts(image: Any, scene: Any, scenes: tuple[Any, ...]) -> SeriesFacts:
    dims = _Scene(image, scenes, scene).shown().dims
    shape = tuple(int(getattr(dims, axis)) for axis in _AXES)
    return SeriesFacts(str(scene), shape, (dims.order, str(image.dtype)))


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
    """One image of a file that bioio opened, plane by plane; see `ImageSource`."""

    def __init__(self, path: Path, kind: str, scene: _Scene, channel: int | None) -> None:
        self._path, self._kind, self._scene = path, kind, scene
        image = scene.shown()
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
                self._names(image, n_channels),
            ),
            channel,
        )
        self.name = str(scene.name)

    def _names(self, image: Any, n_channels: int) -> tuple[str, ...]:
        if self._n_samples == 3:
            return RGB_NAMES
        names = tuple(str(name) for name in image.channel_names or ())
        return names if len(names) == n_channels > 1 else ()

    def _read(self, plane: int, rows: slice, cols: slice) -> ImageArray:
        time, depth = divmod(plane, self._n_z)
        letters = "YXS" if self._n_samples else "YXC"
        with _damage_named(self._path, self._kind):
            lazy = self._scene.shown().get_image_dask_data(letters, T=time, Z=depth)
            region = np.asarray(lazy[rows, cols, self._channels].compute())
        return native(region)


def _pixel_size(image: Any) -> PixelSize | None:
    """Return the size of a pixel; bioio states micrometres."""
    sizes = image.physical_pixel_sizes
    return pixel_size(getattr(sizes, "Y", None), getattr(sizes, "X", None))
