"""Files of two folders, or of one, matched to pairs by their stems; reads no pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.readers import image_stem, is_image_name, open_image, read_mask
from cellenhance.data.sources import ImageInfo, Projection
from cellenhance.errors import DatasetError, ImageReadError

MASK_SUFFIXES = ("_masks", "_mask", "_labels", "_label", "_gt", "_seg")


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
    axes: str | None = None
    projection: Projection | None = None
    plane: int | None = None
    mask_plane: int | None = None

    def names(self) -> frozenset[str]:
        """Return the id, and names and stems of both files."""
        stems = {image_stem(self.image), image_stem(self.mask)}
        return frozenset({self.id, self.image.name, self.mask.name, *stems})

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the single plane of the image file."""
        with open_image(
            self.image, axes=self.axes, channel=channel, projection=self.projection
        ) as source:
            if self.plane is not None:
                return source.read_plane(self.plane), source.info
            if source.info.n_planes != 1:
                raise ImageReadError(
                    f"{self.image}: holds {source.info.n_planes} planes "
                    f"({source.info.plane_axes}); expected one image a file, or give "
                    "--projection max or mean for Z planes"
                )
            return source.read_plane(), source.info

    def load_mask(self, *, expand_palette: bool) -> NDArray[Any]:
        """Return the mask file as `read_mask` does."""
        return read_mask(self.mask, expand_palette=expand_palette, plane=self.mask_plane)

    def load_valid(self) -> NDArray[Any] | None:
        """Return the valid mask; DatasetError unless it is grey."""
        if self.valid is None:
            return None
        values = read_mask(self.valid)
        if values.ndim == 3:
            if (values != values[..., :1]).any():
                raise DatasetError(f"{self.valid}: is coloured; expected 0 outside, 255 inside")
            values = values[..., 0]
        return values


@dataclass(frozen=True, slots=True)
class Listing:
    """Image files of a folder tree and the number of other files."""

    files: tuple[Path, ...]
    n_others: int


def list_images(folder: Path, *, recursive: bool = True) -> Listing:
    """Return the image files below `folder` in order; hidden files count as others."""
    found = folder.rglob("*") if recursive else folder.glob("*")
    files = sorted(path for path in found if path.is_file())
    images = [
        path
        for path in files
        if is_image_name(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    return Listing(tuple(images), len(files) - len(images))


def strip_mask_suffix(key: str) -> str:
    """Return a key without ``_mask`` and its like; unchanged when it has none."""
    for suffix in MASK_SUFFIXES:
        if key.lower().endswith(suffix) and len(key) > len(suffix):
            return key[: -len(suffix)]
    return key


def relative_key(path: Path, folder: Path) -> str:
    """Return the path below `folder` with forward slashes and without extension."""
    return (path.parent.relative_to(folder) / image_stem(path)).as_posix()


def match_folders(images: Path, masks: Path, root: Path) -> tuple[list[FilePair], list[Path], int]:
    """Match two folders: equal relative stem, or the mask's without its suffix.

    Returns
    -------
    pairs, files without a partner, number of files that are no images
    """
    image_list, mask_list = list_images(images), list_images(masks)
    by_key = _unique_keys(image_list.files, images)
    mask_keys = _unique_keys(mask_list.files, masks)
    partner: dict[str, Path] = {}
    lonely: list[Path] = []
    for key, mask in mask_keys.items():
        target = key if key in by_key else strip_mask_suffix(key)
        if target not in by_key:
            lonely.append(mask)
        elif target in partner:
            raise DatasetError(
                f"{by_key[target]}: has two masks, {partner[target].name} and {mask.name}; keep one"
            )
        else:
            partner[target] = mask
    pairs = [_pair(by_key[key], partner[key], root) for key in by_key if key in partner]
    lonely = [path for key, path in by_key.items() if key not in partner] + lonely
    return pairs, lonely, image_list.n_others + mask_list.n_others


def match_one_folder(folder: Path, root: Path) -> tuple[list[FilePair], list[Path], int]:
    """Match files of one folder: a mask suffix, or equal stems of which PNG is the mask.

    Returns as `match_folders`.
    """
    listing = list_images(folder, recursive=False)
    stems: dict[str, list[Path]] = {}
    for path in listing.files:
        stems.setdefault(image_stem(path), []).append(path)
    pairs: list[FilePair] = []
    taken: set[Path] = set()
    for stem, files in stems.items():
        image_of = strip_mask_suffix(stem)
        if image_of != stem and len(files) == 1 and len(stems.get(image_of, [])) == 1:
            pairs.append(_pair(stems[image_of][0], files[0], root))
        elif len(files) == 2:
            png = [path for path in files if path.suffix.lower() == ".png"]
            other = [path for path in files if path.suffix.lower() != ".png"]
            if len(png) == 1:
                pairs.append(_pair(other[0], png[0], root))
    for pair in pairs:
        if pair.image in taken or pair.mask in taken:
            raise DatasetError(
                f"{pair.image}: more than one file could be its mask; keep one, or name the "
                "folders with --images DIR --masks DIR"
            )
        taken |= {pair.image, pair.mask}
    pairs.sort(key=lambda pair: pair.image)
    lonely = [path for path in listing.files if path not in taken]
    return pairs, lonely, listing.n_others


def attach_valid(pairs: Sequence[FilePair], folder: Path) -> tuple[list[FilePair], list[str]]:
    """Return the pairs with the valid mask of equal stem, and the ids that have none."""
    by_stem: dict[str, Path] = {}
    for path in list_images(folder).files:
        if by_stem.setdefault(image_stem(path), path) != path:
            raise DatasetError(f"{path}: its stem stands twice among the valid masks; keep one")
    done = [replace(pair, valid=by_stem.get(image_stem(pair.image))) for pair in pairs]
    return done, [pair.id for pair in done if pair.valid is None]


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


def _unique_keys(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    keys: dict[str, Path] = {}
    for path in files:
        other = keys.setdefault(relative_key(path, folder), path)
        if other != path:
            raise DatasetError(
                f"{folder}: {other.name} and {path.name} have the same stem; keep one of them"
            )
    return keys


def _pair(image: Path, mask: Path, root: Path) -> FilePair:
    return FilePair(image_stem(image), image, mask, _label(image, root), _label(mask, root))


def _label(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
