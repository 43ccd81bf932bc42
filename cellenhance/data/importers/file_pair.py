"""An image file with its mask file, or a plane of each: what most layouts are lists of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.kept_files import reused
from cellenhance.data.files.letters import composed
from cellenhance.data.files.options import StackReadingOptions
from cellenhance.data.files.readers import image_stem, open_image, open_mask, read_mask
from cellenhance.data.files.sources import ImageInfo, ImageSource
from cellenhance.errors import DatasetError, ImageReadError
from cellenhance.texts import counted

STACK_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf2", ".tf8", ".npy"})
"""Files that may hold several planes."""


@dataclass(frozen=True, slots=True)
class FilePair:
    """An image file and a mask file, or a plane of each; see `FoundPair`.

    Attributes
    ----------
    plane, mask_plane : the plane of the file, counted from 0; None for a file that is one plane
    """

    id: str
    image: Path
    mask: Path
    image_label: str
    mask_label: str
    valid: Path | None = None
    group: str | None = None
    reading: StackReadingOptions = field(default_factory=StackReadingOptions)
    plane: int | None = None
    mask_plane: int | None = None

    def names(self) -> frozenset[str]:
        """Return the id, and names and stems of both files."""
        stems = {image_stem(self.image), image_stem(self.mask)}
        return frozenset({self.id, self.image.name, self.mask.name, *stems})

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the plane of the image file, missing pixels as they are."""

        def opened() -> ImageSource:
            how, projection = self.reading.arguments_with(channel), self.reading.projection
            return open_image(self.image, **how, projection=projection, keep_missing=True)

        if self.plane is not None:
            key = (self.image, self.reading, channel)
            with reused(key, opened) as source:
                return source.read_plane(self.plane), source.info
        with opened() as source:
            if source.info.n_planes != 1:
                raise ImageReadError(
                    f"{self.image}: holds {source.info.n_planes} planes "
                    f"({source.info.plane_axes}); expected one image per file, or give "
                    "--projection max or mean for Z planes"
                )
            return source.read_plane(), source.info

    def load_mask(self, *, expand_palette: bool) -> NDArray[Any]:
        """Return the mask file as `read_mask` does."""
        return read_mask(
            self.mask,
            expand_palette=expand_palette,
            plane=self.mask_plane,
            series=self.reading.series,
            orientation=self.reading.orientation,
        )

    def load_valid(self) -> NDArray[Any] | None:
        """Return the valid mask; DatasetError unless it is grey."""
        if self.valid is None:
            return None
        how = self.reading
        values = read_mask(self.valid, series=how.series, orientation=how.orientation)
        if values.ndim == 3:
            if (values != values[..., :1]).any():
                raise DatasetError(f"{self.valid}: is coloured; expected 0 outside, 255 inside")
            values = values[..., 0]
        return values


def pair_of(image: Path, mask: Path, root: Path) -> FilePair:
    """Return the pair of two files, labelled by their paths below `root`."""
    return FilePair(image_stem(image), image, mask, path_label(image, root), path_label(mask, root))


def path_label(path: Path, root: Path) -> str:
    """Return the path below `root` with forward slashes, or the whole path."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def relative_key(path: Path, folder: Path) -> str:
    """Return the path below `folder` with forward slashes and without extension."""
    return composed((path.parent.relative_to(folder) / image_stem(path)).as_posix())


def name_pairs(pairs: Sequence[FilePair], root: Path) -> list[FilePair]:
    """Return the pairs with their ids: the stem, or the path joined by ``__`` where it repeats."""
    stems = Counter(image_stem(pair.image).casefold() for pair in pairs)
    named = []
    for pair in pairs:
        stem = image_stem(pair.image)
        if stems[stem.casefold()] > 1:
            stem = relative_key(pair.image, root).replace("/", "__")
        named.append(replace(pair, id=stem))
    ids = Counter(pair.id.casefold() for pair in named)
    twice = next((pair for pair in named if ids[pair.id.casefold()] > 1), None)
    if twice is not None:
        raise DatasetError(f"{twice.image}: another image would be '{twice.id}' too; rename one")
    return named


def expand_planes(pairs: Sequence[FilePair]) -> list[FilePair]:
    """Return the pairs with those of several planes cut into one pair a plane, group = the file.

    Raises
    ------
    DatasetError
        Image and mask hold different numbers of planes, or in another order.
    """
    return [each for pair in pairs for each in _planes_of(pair)]


def describe_planes(pairs: Sequence[FilePair]) -> tuple[str, ...]:
    """Return the sentence that says which planes became samples, if any did."""
    planes = [pair for pair in pairs if pair.mask_plane is not None]
    if not planes:
        return ()
    n_files = len({pair.image for pair in planes})
    return (
        f"{len(planes)} planes of {counted(n_files, 'file')} are samples of their own; the "
        "planes of a file form one group",
    )


def _planes_of(pair: FilePair) -> list[FilePair]:
    if pair.plane is not None or pair.image.suffix.lower() not in STACK_SUFFIXES:
        return [pair]
    try:
        how = pair.reading
        with open_image(pair.image, **how.arguments, projection=how.projection) as source:
            info = source.info
        if info.n_planes == 1:
            return [pair]
        with open_mask(pair.mask, series=how.series, orientation=how.orientation) as source:
            mask_info = source.info
    except ImageReadError:  # the survey, which reads every pair, words it
        return [pair]
    if mask_info.n_planes != info.n_planes:
        raise DatasetError(
            f"{pair.image_label}: holds {counted(info.n_planes, 'plane')}, its mask "
            f"{pair.mask_label} {mask_info.n_planes}; expected as many of both; give "
            "--projection max or mean for Z planes with one mask, --series NAME for one image of "
            "several in the file, or --axes where these are not planes (YXC, CYX ...)"
        )
    if _contradict(info.plane_axes, mask_info.plane_axes):
        raise DatasetError(
            f"{pair.image_label}: its planes are {info.plane_axes}, those of {pair.mask_label} "
            f"{mask_info.plane_axes}; expected the same order, save the mask like the image"
        )
    group = pair.group or pair.id
    return [
        replace(
            pair,
            id=f"{pair.id}_{_place(info, plane)}",
            image_label=f"{pair.image_label}[{_named(info, plane)}]",
            mask_label=f"{pair.mask_label}[{plane}]",
            group=group,
            plane=plane,
            mask_plane=plane,
        )
        for plane in range(info.n_planes)
    ]


def _named(info: ImageInfo, plane: int) -> str:
    return f"{plane} {info.plane_names[plane]}" if info.plane_names else str(plane)


def _contradict(axes: str, mask_axes: str) -> bool:
    """Tell whether two named orders differ; unlabelled pages (I) fit any."""
    return "I" not in axes + mask_axes and axes != mask_axes


def _place(info: ImageInfo, plane: int) -> str:
    """Return a plane's place as in ``t002_z015``, or ``p015`` for unlabelled pages."""
    parts = []
    for letter, length in reversed(list(zip(info.plane_axes, info.plane_shape, strict=True))):
        plane, index = divmod(plane, length)
        digits = max(3, len(str(length - 1)))
        parts.append(f"{'p' if letter == 'I' else letter.lower()}{index:0{digits}d}")
    return "_".join(reversed(parts))
