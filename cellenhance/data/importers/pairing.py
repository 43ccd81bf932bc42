"""Files of two folders, or of one, matched to pairs by name or by number; reads no pixels."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.files.readers import image_stem, is_image_name
from cellenhance.data.importers.file_pair import FilePair, pair_of, relative_key
from cellenhance.errors import DatasetError

MASK_SUFFIXES = ("_masks", "_mask", "_labels", "_label", "_gt", "_seg")


@dataclass(frozen=True, slots=True)
class Listing:
    """Image files of a folder tree, and the other files in it."""

    files: tuple[Path, ...]
    others: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of files, those without a partner, and the files that are no images.

    `by_number` says that the names differ and that numbers in them were compared.
    """

    pairs: tuple[FilePair, ...]
    lonely: tuple[Path, ...]
    others: tuple[Path, ...]
    by_number: bool = False


def list_images(folder: Path, *, recursive: bool = True) -> Listing:
    """Return the image files below `folder` in order; hidden files count as others.

    So do Cellpose's ``_seg.npy``, which are pickled objects. Links are followed; what they hide is
    named once for the whole source.
    """
    files = walk_folder(folder, recursive=recursive).files
    images = [
        path
        for path in files
        if is_image_name(path)
        and not path.name.endswith("_seg.npy")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    return Listing(tuple(images), tuple(sorted(set(files) - set(images))))


def strip_mask_suffix(key: str) -> str:
    """Return a key without ``_mask`` and its like; unchanged when it has none."""
    for suffix in MASK_SUFFIXES:
        if key.lower().endswith(suffix) and len(key) > len(suffix):
            return key[: -len(suffix)]
    return key


def match_folders(images: Path, masks: Path, root: Path, exclude: Sequence[str] = ()) -> Matches:
    """Match two folders by relative stem (the mask's without its suffix), else by numbers.

    Parameters
    ----------
    exclude : names of files that are not looked at where another file has the same stem
    """
    image_list, mask_list = list_images(images), list_images(masks)
    by_key = _unique_keys(image_list.files, images, exclude)
    mask_keys = _unique_keys(mask_list.files, masks, exclude)
    partner = _match_names(by_key, mask_keys)
    by_number = not partner
    if by_number:
        partner = match_numbers(by_key, mask_keys)
    used = set(partner.values())
    lonely = [path for key, path in by_key.items() if key not in partner]
    lonely += [path for path in mask_keys.values() if path not in used]
    return Matches(
        pairs=tuple(pair_of(by_key[key], partner[key], root) for key in by_key if key in partner),
        lonely=tuple(lonely),
        others=image_list.others + mask_list.others,
        by_number=by_number and bool(partner),
    )


def match_one_folder(folder: Path, root: Path) -> Matches:
    """Match files of one folder: a mask suffix, or equal stems of which PNG is the mask."""
    listing = list_images(folder, recursive=False)
    stems: dict[str, list[Path]] = {}
    for path in listing.files:
        stems.setdefault(image_stem(path), []).append(path)
    pairs: list[FilePair] = []
    taken: set[Path] = set()
    for stem, files in stems.items():
        image_of = strip_mask_suffix(stem)
        if image_of != stem and len(files) == 1 and len(stems.get(image_of, [])) == 1:
            pairs.append(pair_of(stems[image_of][0], files[0], root))
        elif len(files) == 2:
            png = [path for path in files if path.suffix.lower() == ".png"]
            other = [path for path in files if path.suffix.lower() != ".png"]
            if len(png) == 1:
                pairs.append(pair_of(other[0], png[0], root))
    for pair in pairs:
        if pair.image in taken or pair.mask in taken:
            raise DatasetError(
                f"{pair.image}: more than one file could be its mask; keep one, or name the "
                "folders with --images DIR --masks DIR"
            )
        taken |= {pair.image, pair.mask}
    pairs.sort(key=lambda pair: pair.image)
    lonely = tuple(path for path in listing.files if path not in taken)
    return Matches(tuple(pairs), lonely, listing.others)


def match_numbers(images: Mapping[str, Path], masks: Mapping[str, Path]) -> dict[str, Path]:
    """Return the mask of each image key by the numbers in the names, or nothing when in doubt.

    Numbers that are the same in all names of a side (a plate, a date) may be left out. There is no
    doubt when no two names of a side have the same numbers, and one side is matched as a whole.

    Examples
    --------
    >>> images = {"t01": Path("t01.tif"), "t21": Path("t21.tif")}
    >>> match_numbers(images, {"man_seg21": Path("man_seg21.tif")})["t21"].name
    'man_seg21.tif'
    """
    for constants_too in (True, False):
        image_numbers = _numbers(images, constants_too=constants_too)
        mask_numbers = _numbers(masks, constants_too=constants_too)
        both = image_numbers.keys() & mask_numbers.keys()
        if both and len(both) == min(len(images), len(masks)):
            return {
                key: masks[mask_numbers[numbers]]
                for numbers, key in image_numbers.items()
                if numbers in both
            }
    return {}


def attach_valid(pairs: Sequence[FilePair], folder: Path) -> tuple[list[FilePair], list[str]]:
    """Return the pairs with the valid mask of equal stem, and the ids that have none."""
    by_stem: dict[str, Path] = {}
    for path in list_images(folder).files:
        if by_stem.setdefault(image_stem(path), path) != path:
            raise DatasetError(f"{path}: another valid mask has the same stem; keep one")
    done = [replace(pair, valid=by_stem.get(image_stem(pair.image))) for pair in pairs]
    return done, [pair.id for pair in done if pair.valid is None]


def _match_names(images: Mapping[str, Path], masks: Mapping[str, Path]) -> dict[str, Path]:
    partner: dict[str, Path] = {}
    for key, mask in masks.items():
        target = key if key in images else strip_mask_suffix(key)
        if target in partner:
            raise DatasetError(
                f"{images[target]}: has two masks, {partner[target].name} and {mask.name}; keep one"
            )
        if target in images:
            partner[target] = mask
    return partner


def _numbers(keys: Mapping[str, Path], *, constants_too: bool) -> dict[tuple[int, ...], str]:
    """Return the key of each tuple of numbers; nothing when two keys have the same."""
    numbers = {key: tuple(int(text) for text in re.findall(r"[0-9]+", key)) for key in keys}
    if not constants_too:
        if len({len(each) for each in numbers.values()}) != 1:
            return {}
        columns = list(zip(*numbers.values(), strict=True))
        kept = [i for i, column in enumerate(columns) if len(set(column)) > 1]
        numbers = {key: tuple(each[i] for i in kept) for key, each in numbers.items()}
    by_number = {each: key for key, each in numbers.items() if each}
    return by_number if len(by_number) == len(keys) else {}


def _unique_keys(
    files: Sequence[Path], folder: Path, exclude: Sequence[str] = ()
) -> dict[str, Path]:
    by_key: dict[str, list[Path]] = {}
    for path in files:
        by_key.setdefault(relative_key(path, folder), []).append(path)
    keys: dict[str, Path] = {}
    for key, paths in by_key.items():
        left = paths if len(paths) == 1 else [p for p in paths if p.name not in exclude]
        if len(left) > 1:
            raise DatasetError(
                f"{folder}: {left[0].name} and {left[1].name} have the same stem; keep one of "
                f"them, or leave one out with --exclude {shlex.quote(left[1].name)}"
            )
        if left:
            keys[key] = left[0]
    return keys
