"""What a source holds beside what its layout reads: said, so that nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cellenhance.data.annotations.labels import CHANGES_FILE, LABELS_FILE
from cellenhance.data.files.readers import open_image
from cellenhance.data.importers.contract import FoundSource
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.name_lists import name_some
from cellenhance.errors import ImageReadError

_MOST_OPENED = 20
_OURS = (LABELS_FILE, CHANGES_FILE)
_PROSE = (".", "readme", "licen")
"""Beginnings of names of texts that are no lists."""


def with_leftovers(found: FoundSource, source: Path, list_suffixes: Sequence[str]) -> FoundSource:
    """Return what was found, with notes on folders of images and on lists that were not read.

    Parameters
    ----------
    list_suffixes : of tables and lists, which may hold a split or groups that somebody relies on
    """
    if found.inherited is not None:
        return found  # the tables of a dataset of ours are its own
    places = [Path(place) for _, place in found.folders]
    lists = [
        path.name
        for path in sorted(source.iterdir())
        if path.suffix.lower() in list_suffixes
        and path.is_file()
        and path not in places
        and path.name not in _OURS
        and not path.stem.casefold().startswith(_PROSE)
    ]
    # A list names its files one by one, wherever they are.
    unused = [] if any(map(Path.is_file, places)) else _unused_folders(source, found)
    said = " ".join(found.notes)
    folders = [each for each in unused if each not in said]
    notes = [f"left out: {name_some(folders)}"] if folders else []
    if lists:
        notes.append(
            f"not read: {name_some(lists)}; a table of pairs has the columns image and mask, a "
            "list an image and its mask on each line"
        )
    return replace(found, notes=(*found.notes, *notes))


def say_damage(source: Path) -> str:
    """Return the end of a refusal that names an image that cannot be opened, "" for none.

    Several layouts are known by what is in their files, so damage may be why none was found.
    """
    for path in list_images(source).files[:_MOST_OPENED]:
        try:
            with open_image(path):
                pass
        except ImageReadError as error:
            return f"; besides, {error}"
    return ""


def _unused_folders(source: Path, found: FoundSource) -> list[str]:
    """Return the folders right in `source` that hold images, but no place and no file of a pair."""
    places = [Path(place) for _, place in found.folders if Path(place) != source]
    files = {label for pair in found.pairs for label in (pair.image_label, pair.mask_label)}
    tops = {label.partition("/")[0] for label in files}
    return [
        f"{child.name}/"
        for child in sorted(source.iterdir())
        if child.is_dir()
        and not child.name.startswith(".")
        and child.name not in tops
        and not any(child.is_relative_to(p) or p.is_relative_to(child) for p in places)
        and list_images(child).files
    ]
