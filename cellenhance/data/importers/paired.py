"""Images with masks in two folders of known names, in named folders, or in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import (
    FilePair,
    describe_planes,
    expand_planes,
    name_pairs,
    path_label,
)
from cellenhance.data.importers.folder_guess import UnclearFoldersError, guess_folders
from cellenhance.data.importers.pairing import (
    Matches,
    attach_valid,
    match_folders,
    match_one_folder,
)
from cellenhance.data.importers.places import (
    Place,
    find_places,
    folders_with_images,
    left_aside,
    named_folder,
    valid_beside,
)
from cellenhance.data.importers.subsets import describe_split, split_by_folders
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.texts import counted


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
            raise UnclearFoldersError(
                f"{source}: no pair of folders such as images/ and masks/, and no image with its "
                "mask beside it; name them with --images DIR --masks DIR",
                guess_folders(source),
            )
        matches = [_match(place, source, options) for place in places]
        pairs = [
            replace(pair, reading=options.reading)
            for pair in name_pairs([p for m in matches for p in m.pairs], _id_root(source, places))
        ]
        pairs, folders, valid = _with_valid(source, pairs, places, options)
        pairs = expand_planes(pairs)
        split = split_by_folders(pairs, source)
        others = [path_label(path, source) for each in matches for path in each.others]
        aside = left_aside(places, valid, source)
        count = f"{counted(len(others), 'non-image file')} ignored"
        notes = [f"{count}: {name_some(others, 3)}"] if others else []
        notes += [aside] if aside else []
        notes += [_say_numbers(each) for each in matches if each.by_number]
        return FoundSource(
            layout=self.name,
            reason=_reason(source, places, options),
            folders=tuple(folders),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for each in matches for path in each.lonely),
            split=split,
            notes=(*notes, *describe_planes(pairs), *describe_split(split)),
        )


def _places(source: Path, options: ImportOptions) -> list[Place]:
    if (options.images is None) != (options.masks is None):
        raise SettingsError("--images and --masks go together; give both")
    if options.images is not None and options.masks is not None:
        return [Place(named_folder(source, options.images), named_folder(source, options.masks))]
    return find_places(source)


def _match(place: Place, source: Path, options: ImportOptions) -> Matches:
    if place.is_one_folder:
        return match_one_folder(place.images, source)
    matches = match_folders(place.images, place.masks, source, options.exclude)
    if matches.lonely and not matches.pairs:
        n_files = counted(len(matches.lonely), "file")
        raise UnclearFoldersError(
            f"{place.images} and {place.masks}: none of {n_files} has a partner, by name or "
            f"by number ({', '.join(p.name for p in matches.lonely[:1])} ... "
            f"{matches.lonely[-1].name}; images are in: {folders_with_images(source)}); name the "
            "right folders with --images DIR --masks DIR, or list the pairs in a CSV table with "
            "the columns image and mask",
            guess_folders(source),
        )
    return matches


def _say_numbers(matches: Matches) -> str:
    pair = matches.pairs[0]
    return (
        f"names of images and masks differ: paired by their numbers, {pair.image.name} with "
        f"{pair.mask.name}; see the pairing"
    )


def _with_valid(
    source: Path, pairs: Sequence[FilePair], places: list[Place], options: ImportOptions
) -> tuple[list[FilePair], list[tuple[str, str]], Path | None]:
    """Attach valid masks that were named, or that lie beside the images; list all folders."""
    folders = []
    for place in places:
        one = place.is_one_folder
        folders += [("images and masks" if one else "images", str(place.images))]
        folders += [] if one else [("masks", str(place.masks))]
    if options.valid_mask is not None:
        valid: Path | None = named_folder(source, options.valid_mask)
    else:
        valid = valid_beside(places)
    if valid is None:
        return list(pairs), folders, None
    attached, without = attach_valid(pairs, valid)
    if without:
        raise DatasetError(
            f"{valid}: has no valid mask for {counted(len(without), 'image')} "
            f"({', '.join(without[:10])}); add them, or leave the images out with --exclude NAME"
        )
    return attached, [*folders, ("valid mask (ignore outside)", str(valid))], valid


def _id_root(source: Path, places: list[Place]) -> Path:
    """Return where relative ids start: the images folder, or `source` for several."""
    return places[0].images if len(places) == 1 else source


def _reason(source: Path, places: list[Place], options: ImportOptions) -> str:
    if options.images is not None:
        return "folders given by --images and --masks"
    place = places[0]
    if place.is_one_folder:
        return f"each mask beside its image in {counted(len(places), 'folder')}"
    more = f", and {len(places) - 1} more" if len(places) > 1 else ""
    where = place.images.parent.relative_to(source).as_posix()
    return f"{place.images.name}/ beside {place.masks.name}/ in {where}{more}"
