"""Which folders of a source hold images and which their masks, by the words in their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.splits import Subset
from cellenhance.data.files.readers import is_image_name
from cellenhance.data.importers.folder_guess import UnclearFoldersError
from cellenhance.data.importers.pairing import list_images, match_one_folder
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError

IMAGE_WORDS = ("images", "image", "imgs", "img", "raw", "org", "src", "inputs", "input")
MASK_WORDS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "annotation",
    "groundtruth",
    "gt",
    "targets",
    "target",
)
SUBSET_WORDS: dict[str, Subset] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
VALID_NAMES = ("field", "valid", "valid_mask", "valid_masks", "roi", "fov")
SEARCH_DEPTH = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where pairs are: two folders, or one that holds both (`images` is `masks`)."""

    images: Path
    masks: Path

    @property
    def is_one_folder(self) -> bool:
        """Whether masks lie beside their images."""
        return self.images == self.masks


def find_places(source: Path) -> list[Place]:
    """Return the pairs of folders of the first level that has any, else folders of both.

    Raises
    ------
    DatasetError
        Several folders could hold the images or the masks.
    """
    for folders in _levels(source):
        found = [place for folder in folders for place in _known_places(folder)]
        if found:
            return found
    for folders in _levels(source):
        found = [Place(each, each) for each in folders if match_one_folder(each, source).pairs]
        if found:
            return found
    return []


def has_pair_folders(source: Path) -> bool:
    """Tell whether folders such as images/ and masks/ lie right in `source`.

    They win over other layouts that are found deeper in it.
    """
    try:
        return bool(_known_places(source))
    except DatasetError:  # several ways to pair, which the paired layout words
        return True


def named_folder(source: Path, folder: Path) -> Path:
    """Return a folder given below `source` or from here; DatasetError when it is neither."""
    for place in (source / folder, folder):
        if place.is_dir():
            return place
    raise DatasetError(f"{folder}: there is no such folder, in {source} or here; check the name")


def valid_beside(places: list[Place]) -> Path | None:
    """Return the folder of valid masks that lies beside one pair of folders, if one does."""
    if len(places) != 1 or places[0].is_one_folder:
        return None
    beside = {p.name.lower(): p for p in places[0].images.parent.iterdir() if p.is_dir()}
    found = [beside[name] for name in VALID_NAMES if name in beside]
    return found[0] if len(found) == 1 else None


def left_aside(places: list[Place], valid: Path | None, source: Path) -> str | None:
    """Return a sentence that names images beside the used folders that are not used."""
    used = {folder for place in places for folder in (place.images, place.masks)} | {valid}
    parents = dict.fromkeys(p.images.parent for p in places if not p.is_one_folder)
    unused = []
    for parent in parents:
        for path in sorted(parent.iterdir()):
            if path in used or path.name.startswith("."):
                continue
            if path.is_dir() and any(path in folder.parents for folder in used if folder):
                continue
            name = path.relative_to(source).as_posix() if path.is_relative_to(source) else str(path)
            if path.is_dir() and list_images(path).files:
                unused.append(f"{name}/")
            elif path.is_file() and is_image_name(path):
                unused.append(name)
    return f"left out: {name_some(unused)}" if unused else None


def folders_with_images(source: Path) -> str:
    """Return the folders of a source that hold images, with their numbers, for messages."""
    counts: dict[str, int] = {}
    for path in list_images(source).files:
        name = path.parent.relative_to(source).as_posix()
        counts[name] = counts.get(name, 0) + 1
    return name_some([f"{name} ({n})" for name, n in counts.items()], 6)


def subset_of_folder(name: str) -> Subset | None:
    """Return the subset that a folder name means, alone or before a word for images or masks.

    Examples
    --------
    >>> subset_of_folder("Train"), subset_of_folder("test_img"), subset_of_folder("stage1_train")
    ('train', 'test', None)
    """
    plain = _plain(name)
    split = _split_word(plain, IMAGE_WORDS)
    return SUBSET_WORDS.get(plain if split is None else split)


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


def _known_places(folder: Path) -> list[Place]:
    """Return the folders in `folder` that pair up: ``img`` and ``gt``, ``test_img`` and its like.

    What stands before the word must be the same; ``train`` alone goes with ``train_masks``.
    """
    images: dict[str, list[Path]] = {}
    masks: dict[str, list[Path]] = {}
    for child in sorted(folder.iterdir()):
        if not child.is_dir():
            continue
        plain = _plain(child.name)
        for words, found in ((IMAGE_WORDS, images), (MASK_WORDS, masks)):
            rest = _split_word(plain, words)
            if rest is not None:
                found.setdefault(rest, []).append(child)
        if plain in SUBSET_WORDS and is_flat(child):
            images.setdefault(plain, []).append(child)
    both = [rest for rest in images if rest in masks]
    for rest in both:
        if len(images[rest]) * len(masks[rest]) > 1:
            ways = ", ".join(f"{i.name}/ with {m.name}/" for i in images[rest] for m in masks[rest])
            raise UnclearFoldersError(
                f"{folder}: several folders could pair up ({ways}); choose with --images DIR "
                "--masks DIR",
                [(i, m) for i in images[rest] for m in masks[rest]],
            )
    return [Place(images[rest][0], masks[rest][0]) for rest in both]


def is_flat(folder: Path) -> bool:
    """Tell whether a folder holds image files itself."""
    return any(path.is_file() and is_image_name(path) for path in folder.iterdir())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _split_word(plain: str, words: tuple[str, ...]) -> str | None:
    """Return what stands before one of the words at the end of a name; None without such word."""
    for word in words:
        if plain.endswith(word):
            rest = plain[: -len(word)]
            return rest if not rest or rest in SUBSET_WORDS else None
    return None
