"""Image and mask files opened by their content; the extension is only a hint.

Everything that is wrong with a file is one `ImageReadError` line, never a decoder's own error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.formats.ome_set import PartOfImageError
from cellenhance.data.files.formats.orientation import MIXED, UPRIGHT
from cellenhance.data.files.formats.raster import open_npy, open_raster
from cellenhance.data.files.formats.tiff import open_tiff
from cellenhance.data.files.formats.vendor import VENDOR_SIGNATURES, VENDOR_SUFFIXES, open_vendor
from cellenhance.data.files.kept_files import reused
from cellenhance.data.files.letters import composed
from cellenhance.data.files.options import ChannelChoice, Orientation, Projection
from cellenhance.data.files.series import SeriesFacts, choose_series
from cellenhance.data.files.sources import ALPHA_NAME, ImageInfo, ImageSource
from cellenhance.data.files.views import (
    MeanSource,
    PositionsSource,
    ProjectedSource,
    UprightSource,
)
from cellenhance.errors import ImageReadError

logger = logging.getLogger(__name__)

__all__ = [
    "IMAGE_SUFFIXES",
    "ChannelChoice",
    "ImageInfo",
    "ImageSource",
    "image_stem",
    "is_image_name",
    "open_image",
    "open_mask",
    "read_image",
    "read_mask",
    "whole_of",
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
_TURNED = (
    "%s: is turned upright, as its orientation mark (%d) says; --orientation ignore reads it as it "
    "is stored"
)
_AS_STORED = (
    "%s: is read as it is stored and not turned as its orientation mark (%d) says; --orientation "
    "apply turns it"
)
_WRITTEN_OUT = "TIFF, PNG, JPEG, BMP or .npy"


def is_image_name(path: Path) -> bool:
    """Tell whether a file name ends like an image that is read here."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def image_stem(path: Path) -> str:
    """Return the file name without extension, its letters composed; ``.ome.tif`` counts as one."""
    stem = composed(path.stem)
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") else stem


def open_image(  # noqa: PLR0913 - how a file is read, all by name
    path: Path,
    *,
    axes: str | None = None,
    channel: ChannelChoice = None,
    series: str | None = None,
    orientation: Orientation | None = None,
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
    series : name or number (from 0) of the image in a file of several; without it all that are
        like the first are read, one after the other
    orientation : turn pixels upright as the file's mark says, or do not; without it they are
        turned but for files of programs that look at no mark (ImageJ, OME)
    projection : make one plane of the Z planes; an image of a single plane stays as it is
    keep_missing : return NaN and infinite pixels rather than refusing them

    Raises
    ------
    ImageReadError
        The file is missing, empty, damaged, too large or of another kind; planes are to be
        projected and none of its axes is Z; or no image in it is `series`.
    """
    one = None if channel == "mean" else channel
    sources = _open(Path(path), axes=axes, channel=one, series=series)

    def seen(source: ImageSource) -> ImageSource:
        view = _upright(source, orientation)
        view.keeps_missing = True  # of all views the last one checks
        view = MeanSource(view) if channel == "mean" else view
        view.keeps_missing = True
        if projection is None or view.info.n_planes == 1:
            return view
        return ProjectedSource(view, projection)

    return _joined(sources, seen, keep_missing)


def read_image(path: Path, *, axes: str | None = None, channel: int | None = None) -> ImageArray:
    """Return the single plane of an image as (H, W, C) in the dtype of the file.

    Raises
    ------
    ImageReadError
        As `open_image`; or the file holds several planes.
    """
    with open_image(path, axes=axes, channel=channel) as source:
        return _only_plane(source)


def whole_of(path: Path) -> Path | None:
    """Return the file with which an OME file of further channels is read; None for any other."""
    if ".ome." not in path.name.lower():
        return None
    try:
        open_image(path).close()
    except PartOfImageError as error:
        logger.info("%s: holds further channels of %s and is read with it", path, error.whole.name)
        return error.whole
    except ImageReadError:  # worded when its pixels are wanted
        return None
    return None


def open_mask(
    path: Path,
    *,
    series: str | None = None,
    orientation: Orientation | None = None,
    expand_palette: bool = True,
) -> ImageSource:
    """Open a mask as `open_image` does; where a file holds one image, that is it for any `series`.

    Parameters
    ----------
    expand_palette : give the colours of a palette PNG or BMP rather than its indices
    """
    sources = _open(Path(path), series=series, is_mask=True, keep_indices=not expand_palette)
    return _joined(sources, lambda source: _upright(source, orientation), keep_missing=True)


def read_mask(
    path: Path,
    *,
    expand_palette: bool = False,
    plane: int | None = None,
    series: str | None = None,
    orientation: Orientation | None = None,
) -> NDArray[Any]:
    """Return a mask with the values of the file.

    Parameters
    ----------
    expand_palette : return the colours of a palette PNG, BMP or TIFF rather than its indices
    plane : the plane of a file of several, counted from 0
    series, orientation : as in `open_mask`

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
        return open_mask(
            path, series=series, orientation=orientation, expand_palette=expand_palette
        )

    key = (path, "mask", expand_palette, series, orientation)
    with opened() if plane is None else reused(key, opened) as source:
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
    series: str | None = None,
    is_mask: bool = False,
    keep_indices: bool = False,
) -> tuple[ImageSource, ...]:
    """Return the images of a file that are read, as they are stored."""
    kind = _recognise(path)
    if kind == "TIFF":
        return open_tiff(path, axes=axes, channel=channel, series=series, is_mask=is_mask)
    if kind in VENDOR_SIGNATURES:
        if axes is not None:
            raise ImageReadError(
                f"{path}: is a {kind} file, which names its axes; leave out --axes"
            )
        return open_vendor(path, kind, channel=channel, series=series)
    if kind == "npy":
        source = open_npy(path, axes=axes, channel=channel)
    elif axes is not None and axes.upper() not in ("YX", "YXC", "YXS"):
        raise ImageReadError(f"{path}: is a {kind} file, whose axes are YX or YXC, not '{axes}'")
    else:
        source = open_raster(path, kind, channel=channel, keep_indices=keep_indices)
    if not is_mask:
        choose_series(path, [SeriesFacts("", (source.info.height, source.info.width))], series)
    return (source,)


def _joined(
    sources: Sequence[ImageSource],
    seen: Callable[[ImageSource], ImageSource],
    keep_missing: bool,
) -> ImageSource:
    """Return the images of a file, each as it is seen, as one; missing pixels are checked last."""
    try:
        for source in sources:
            source.keeps_missing = True
        views = [seen(source) for source in sources]
        for view in views:
            view.keeps_missing = True
        names = [source.name for source in sources]
        joined = views[0] if len(views) == 1 else PositionsSource(views, names)
    except BaseException:
        for source in sources:
            source.close()
        raise
    joined.keeps_missing = keep_missing
    return joined


def _upright(source: ImageSource, orientation: Orientation | None) -> ImageSource:
    """Return an image turned as its mark says, where that is asked for or usual, and say so."""
    mark = source.info.orientation
    if mark == UPRIGHT:
        return source
    usual = "ignore" if source.is_shown_as_stored else "apply"
    if mark == MIXED and (orientation or usual) == "apply":
        raise ImageReadError(
            f"{source.info.path}: its pages have different orientation marks; save each as a file "
            "of its own, or give --orientation ignore"
        )
    if (orientation or usual) == "apply":
        logger.info(_TURNED, source.info.path, mark)
        return UprightSource(source)
    logger.info(_AS_STORED, source.info.path, mark)
    return source


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
