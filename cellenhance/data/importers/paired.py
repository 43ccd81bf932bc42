"""Images with masks in two folders of known names, in named folders, or in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.pairing import (
    FilePair,
    attach_valid,
    match_folders,
    match_one_folder,
    name_pairs,
)
from cellenhance.errors import DatasetError, SettingsError

FOLDER_NAMES = (
    # images, masks
    ("images", "masks"),
    ("images", "labels"),
    ("images", "annotations"),
    ("images", "gt"),
    ("image", "mask"),
    ("image", "label"),
    ("imgs", "masks"),
    ("img", "mask"),
    ("img", "label"),
    ("org", "gt"),
    ("raw", "gt"),
    ("raw", "masks"),
    ("raw", "labels"),
    ("src", "label"),
    ("inputs", "targets"),
    ("train_img", "train_label"),
    ("train_images", "train_masks"),
    ("train_images", "train_labels"),
    ("train", "train_masks"),
    ("train", "train_labels"),
)
VALID_NAMES = ("field", "valid", "valid_mask", "valid_masks", "roi", "fov")
SEARCH_DEPTH = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """Where pairs are: two folders, or one that holds both (`images` is `masks`)."""

    images: Path
    masks: Path


class PairedImporter:
    """See the module."""

    name = "paired"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return which folders pair up, or None."""
        places = _places(source, options)
        return _reason(source, places, options) if places else None

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the pairs; DatasetError when no folder pairs up, or two ways are possible."""
        places = _places(source, options)
        if not places:
            raise DatasetError(
                f"{source}: no pair of folders such as images/ and masks/, and no image with its "
                "mask beside it; name them with --images DIR --masks DIR"
            )
        pairs: list[FilePair] = []
        unmatched: list[Path] = []
        n_others = 0
        for place in places:
            new, lonely, others = (
                match_one_folder(place.images, source)
                if place.images == place.masks
                else match_folders(place.images, place.masks, source)
            )
            pairs, unmatched, n_others = pairs + new, unmatched + lonely, n_others + others
        pairs = [
            replace(pair, axes=options.axes, projection=options.projection)
            for pair in name_pairs(pairs, _common_root(source, places))
        ]
        notes = [f"{n_others} file(s) that are no images ignored"] if n_others else []
        pairs, folders = _with_valid(source, pairs, places, options)
        return FoundSource(
            layout=self.name,
            reason=_reason(source, places, options),
            folders=tuple(folders),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for path in unmatched),
            notes=tuple(notes),
        )


def _places(source: Path, options: ImportOptions) -> list[_Place]:
    if (options.images is None) != (options.masks is None):
        raise SettingsError("--images and --masks go together; give both")
    if options.images is not None and options.masks is not None:
        return [_Place(_named(source, options.images), _named(source, options.masks))]
    for folders in _levels(source):
        found = [place for folder in folders for place in _known_places(folder)]
        if found:
            return found
    for folders in _levels(source):
        found = [_Place(each, each) for each in folders if match_one_folder(each, source)[0]]
        if found:
            return found
    return []


def _named(source: Path, folder: Path) -> Path:
    """Return a folder given below `source` or from here."""
    for place in (source / folder, folder):
        if place.is_dir():
            return place
    raise DatasetError(f"{folder}: is no folder, neither in {source} nor here; check the name")


def _levels(source: Path) -> Iterator[list[Path]]:
    """Yield the folders of each level, `source` first."""
    folders = [source]
    for _ in range(SEARCH_DEPTH + 1):
        yield folders
        folders = [
            child
            for folder in folders
            for child in sorted(folder.iterdir())
            if child.is_dir() and not child.name.startswith(".")
        ]


def _known_places(folder: Path) -> list[_Place]:
    """Return the pair of known folder names in `folder`; DatasetError when there are several."""
    by_name = {child.name.lower(): child for child in sorted(folder.iterdir()) if child.is_dir()}
    found = [
        _Place(by_name[image], by_name[mask])
        for image, mask in FOLDER_NAMES
        if image in by_name and mask in by_name
    ]
    if len(found) > 1:
        ways = ", ".join(f"{p.images.name}/ with {p.masks.name}/" for p in found)
        raise DatasetError(
            f"{folder}: several folders could pair up ({ways}); choose with --images DIR "
            "--masks DIR"
        )
    return found


def _with_valid(
    source: Path, pairs: list[FilePair], places: list[_Place], options: ImportOptions
) -> tuple[list[FilePair], list[tuple[str, str]]]:
    """Attach valid masks that were named, or that lie beside the images; list all folders."""
    folders = []
    for place in places:
        one = place.images == place.masks
        folders += [("images and masks" if one else "images", str(place.images))]
        folders += [] if one else [("masks", str(place.masks))]
    if options.valid_mask is not None:
        valid: Path | None = _named(source, options.valid_mask)
    else:
        valid = _valid_beside(places)
    if valid is None:
        return pairs, folders
    pairs, without = attach_valid(pairs, valid)
    if without:
        raise DatasetError(
            f"{valid}: has no valid mask for {len(without)} image(s) ({', '.join(without[:10])}); "
            "add them, or leave the images out with --exclude NAME"
        )
    return pairs, [*folders, ("valid mask (ignore outside)", str(valid))]


def _valid_beside(places: list[_Place]) -> Path | None:
    if len(places) != 1 or places[0].images == places[0].masks:
        return None
    beside = {p.name.lower(): p for p in places[0].images.parent.iterdir() if p.is_dir()}
    found = [beside[name] for name in VALID_NAMES if name in beside]
    return found[0] if len(found) == 1 else None


def _common_root(source: Path, places: list[_Place]) -> Path:
    """Return where relative ids start: the images folder, or `source` for several."""
    return places[0].images if len(places) == 1 else source


def _reason(source: Path, places: list[_Place], options: ImportOptions) -> str:
    if options.images is not None:
        return "folders given by --images and --masks"
    place = places[0]
    if place.images == place.masks:
        return f"{len(places)} folder(s) with each mask beside its image"
    more = f", and {len(places) - 1} more" if len(places) > 1 else ""
    where = place.images.parent.relative_to(source).as_posix()
    return f"{place.images.name}/ beside {place.masks.name}/ in {where}{more}"
