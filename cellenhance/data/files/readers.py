"""Image and mask files opened by their content; the extension is only a hint.

Everything that is wrong with a file is one `ImageReadError` line, never a decoder's own error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.kept_files import reused
from cellenhance.data.files.letters import composed
from cellenhance.data.files.options import ChannelChoice, Projection
from cellenhance.data.files.raster import open_npy, open_raster
from cellenhance.data.files.sources import (
    ALPHA_NAME,
    ImageInfo,
    ImageSource,
    MeanSource,
    ProjectedSource,
)
from cellenhance.data.files.tiff import open_tiff
from cellenhance.data.files.vendor import VENDOR_SIGNATURES, VENDOR_SUFFIXES, open_vendor
from cellenhance.errors import ImageReadError

__all__ = [
    "IMAGE_SUFFIXES",
    "ChannelChoice",
    "ImageInfo",
    "ImageSource",
    "image_stem",
    "is_image_name",
    "open_image",
    "read_image",
    "read_mask",
]

IMAGE_SUFFIXES = frozenset(
    {".tif", ".tiff", ".btf", ".tf2", ".tf8", ".png", ".jpg", ".jpeg", ".bmp", ".npy"}
    | VENDOR_SUFFIXES
)

_SIGNATURES = {
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "BMP": (b"BM",),
    "npy": (b"\x93NUMPY",),
    **VENDOR_SIGNATURES,
}
_WRITTEN_OUT = "TIFF, PNG, JPEG, BMP or .npy"


def is_image_name(path: Path) -> bool:
    """Tell whether a file name ends like an image that is read here."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def image_stem(path: Path) -> str:
    """Return the file name without extension, its letters composed; ``.ome.tif`` counts as one."""
    stem = composed(path.stem)
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def open_image(
    path: Path,
    *,
    axes: str | None = None,
    channel: ChannelChoice = None,
    projection: Projection | None = None,
    keep_missing: bool = False,
) -> ImageSource:
    """Open an image; TIFF and .npy regions are read lazily, the rest is decoded in one piece.

    Parameters
    ----------
    path : TIFF, PNG, JPEG, BMP, .npy, or with the extra ``[formats]`` CZI, ND2 or LIF, recognised
        by its first bytes
    axes : one letter an axis of the stored array ("ZCYX"), replacing what the file says
    channel : keep this channel only, counted from 0, or "mean" for the mean of all but alpha
    projection : make one plane of the Z planes; an image of a single plane stays as it is
    keep_missing : return NaN and infinite pixels rather than refusing them

    Raises
    ------
    ImageReadError
        The file is missing, empty, damaged, too large or of another kind; or planes are to be
        projected and none of its axes is Z.
    """
    one = None if channel == "mean" else channel
    source = _open(Path(path), axes=axes, channel=one, keep_indices=False)
    if channel == "mean":
        source.keeps_missing = keep_missing
        source = MeanSource(source)
    source.keeps_missing = keep_missing
    if projection is None or source.info.n_planes == 1:
        return source
    try:
        projected = ProjectedSource(source, projection)
    except BaseException:
        source.close()
        raise
    projected.keeps_missing = keep_missing
    return projected


def read_image(path: Path, *, axes: str | None = None, channel: int | None = None) -> ImageArray:
    """Return the single plane of an image as (H, W, C) in the dtype of the file.

    Raises
    ------
    ImageReadError
        As `open_image`; or the file holds several planes.
    """
    with open_image(path, axes=axes, channel=channel) as source:
        return _only_plane(source)


def read_mask(
    path: Path, *, expand_palette: bool = False, plane: int | None = None
) -> NDArray[Any]:
    """Return a mask with the values of the file.

    Parameters
    ----------
    expand_palette : return the colours of a palette PNG, BMP or TIFF rather than its indices
    plane : the plane of a file of several, counted from 0

    Returns
    -------
    (H, W) integers, or (H, W, 3) uint8 colours; floats that are whole numbers become int64,
    opaque alpha is dropped

    Raises
    ------
    ImageReadError
        As `read_image`; or values are no whole numbers, or the mask is partly transparent.
    """

    def opened() -> ImageSource:
        source = _open(Path(path), keep_indices=not expand_palette)
        source.keeps_missing = True  # refused below, in words that fit a mask
        return source

    with opened() if plane is None else reused((path, "mask", expand_palette), opened) as source:
        mask = _only_plane(source) if plane is None else source.read_plane(plane)
        names = source.info.channel_names
        table = source.color_table
    if expand_palette and table is not None and mask.shape[2] == 1:
        mask = table[mask[..., 0]]
    if names[-1:] == (ALPHA_NAME,):
        if (mask[..., -1] != _opaque(mask.dtype)).any():
            raise ImageReadError(f"{path}: is a partly transparent mask; save it without alpha")
        mask = mask[..., :-1]
    if mask.dtype.kind == "f":
        n_missing = mask.size - np.count_nonzero(np.isfinite(mask))
        if n_missing:
            raise ImageReadError(
                f"{path}: {n_missing} of {mask.size} pixels of the mask are NaN or infinite; "
                "expected whole numbers: save background as 0, and pixels that are not annotated "
                "as a number of their own for --ignore"
            )
        if (mask != np.rint(mask)).any() or np.abs(mask).max() > 2**31:
            raise ImageReadError(
                f"{path}: has fractional values as a mask; expected whole numbers, one per class"
            )
        mask = mask.astype(np.int64)
    if mask.shape[2] == 1:
        return mask[..., 0]
    if mask.shape[2] != 3 or mask.dtype != np.uint8:
        raise ImageReadError(
            f"{path}: has {mask.shape[2]} channels of {mask.dtype} as a mask; expected one channel "
            "of class values, or 8-bit RGB colours"
        )
    return mask


def _open(
    path: Path,
    *,
    axes: str | None = None,
    channel: int | None = None,
    keep_indices: bool = False,
) -> ImageSource:
    kind = _recognise(path)
    if kind == "TIFF":
        return open_tiff(path, axes=axes, channel=channel)
    if kind == "npy":
        return open_npy(path, axes=axes, channel=channel)
    if kind in VENDOR_SIGNATURES:
        if axes is not None:
            raise ImageReadError(
                f"{path}: is a {kind} file, which names its axes; leave out --axes"
            )
        return open_vendor(path, kind, channel=channel)
    if axes is not None and axes.upper() not in ("YX", "YXC", "YXS"):
        raise ImageReadError(f"{path}: is a {kind} file, whose axes are YX or YXC, not '{axes}'")
    return open_raster(path, kind, channel=channel, keep_indices=keep_indices)


def _recognise(path: Path) -> str:
    """Return the kind of a file from its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise ImageReadError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise ImageReadError(f"{path}: cannot be read ({error.strerror})") from error
    for kind, signatures in _SIGNATURES.items():
        if head.startswith(signatures):
            return kind
    if not head:
        raise ImageReadError(f"{path}: is empty (0 bytes); expected {_WRITTEN_OUT}")
    found = "text" if all(9 <= byte < 127 for byte in head) else "unknown content"
    raise ImageReadError(
        f"{path}: holds {found} ({head[:8]!r}...); expected {_WRITTEN_OUT}, convert or remove it"
    )


def _only_plane(source: ImageSource) -> ImageArray:
    if source.info.n_planes != 1:
        raise ImageReadError(
            f"{source.info.path}: holds {source.info.n_planes} planes ({source.info.plane_axes}); "
            "expected a single image, save the planes as files of their own"
        )
    return source.read_plane()


def _opaque(dtype: np.dtype[Any]) -> float:
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
