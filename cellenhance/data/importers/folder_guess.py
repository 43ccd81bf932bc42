"""Folders of a source without known layout that may hold images and their masks.

A guess is only ever proposed: the user confirms it by giving ``--images`` and ``--masks``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.data.files.readers import open_image
from cellenhance.data.importers.pairing import Matches, list_images, match_folders
from cellenhance.errors import CellEnhanceError, DatasetError

_MOST_FOLDERS = 12
"""So many folders are looked into; with more of them a guess would be a lottery."""


class UnclearFoldersError(DatasetError):
    """Which folders hold images and masks is for the user to say; `places` may be meant.

    Attributes
    ----------
    places : folder of images and folder of masks, below the source
    """

    def __init__(self, message: str, places: Sequence[tuple[Path, Path]] = ()) -> None:
        super().__init__(message)
        self.places = tuple(places)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that holds images itself, and how many values its first image has."""

    path: Path
    n_values: int


def guess_folders(source: Path) -> list[tuple[Path, Path]]:
    """Return pairs of folders of images and masks whose files match, the most likely first.

    Equal names count more than equal numbers in names, then the number of files that match.

    Masks are what has fewer different values: classes are few, grey values many.
    """
    found = [
        _Folder(path, n_values)
        for path in dict.fromkeys(file.parent for file in list_images(source).files)
        if (n_values := _count_values(path)) is not None
    ]
    if len(found) > _MOST_FOLDERS:
        return []
    ranked = []
    for images in found:
        for masks in found:
            found_pairs = _match(images, masks, source)
            if found_pairs is not None and found_pairs.pairs:
                rank = (found_pairs.by_number, -len(found_pairs.pairs), masks.n_values)
                ranked.append((*rank, images.path, masks.path))
    return [
        (images.relative_to(source), masks.relative_to(source))
        for *_, images, masks in sorted(ranked)
    ]


def _match(images: _Folder, masks: _Folder, source: Path) -> Matches | None:
    nested = images.path.is_relative_to(masks.path) or masks.path.is_relative_to(images.path)
    if nested or masks.n_values >= images.n_values:
        return None
    try:
        return match_folders(images.path, masks.path, source)
    except DatasetError:
        return None


def _count_values(folder: Path) -> int | None:
    """Return how many values the first image of a folder has; None when it cannot be read."""
    try:
        with open_image(list_images(folder, recursive=False).files[0]) as source:
            return len(np.unique(source.read_plane()))
    except CellEnhanceError:
        return None
