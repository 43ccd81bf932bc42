"""Numbered files in ``train_img`` and ``train_label``, also val and test: the folders are a split.

Source: the layout of electron_microscopy_image_segmentation (ISBI 2012, 25 train and 5 test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.data.dataset.splits import SUBSETS
from cellenhance.data.files.readers import image_stem, is_image_name
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import (
    FilePair,
    describe_planes,
    expand_planes,
    name_pairs,
    pair_of,
    path_label,
)
from cellenhance.data.importers.places import SEARCH_DEPTH, has_pair_folders
from cellenhance.data.importers.subsets import describe_split, split_by_folders
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.texts import counted


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The numbered files of a folder, and all others in it."""

    files: dict[str, Path]
    others: list[Path]


class NumberedPairsImporter:
    """See the module."""

    name = "numbered-pairs"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return the names of the folders, or None."""
        if options.images is not None or options.masks is not None:
            return None
        root = _root(source)
        if root is None or (root != source and has_pair_folders(source)):
            return None
        return _reason(root)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the pairs of equal number in each subset, and the folders as split rows."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with numbered-pairs")
        root = _root(source)
        if root is None:
            raise DatasetError(
                f"{source}: has no folders such as train_img/ and train_label/ with files named by "
                "numbers (0.png, 1.png ...)"
            )
        pairs: list[FilePair] = []
        unmatched: list[Path] = []
        others: list[Path] = []
        for subset in _subsets(root):
            images, labels = _numbered(root / f"{subset}_img"), _numbered(root / f"{subset}_label")
            both = sorted(images.files.keys() & labels.files.keys(), key=int)
            pairs += [pair_of(images.files[n], labels.files[n], source) for n in both]
            unmatched += [path for n, path in images.files.items() if n not in labels.files]
            unmatched += [path for n, path in labels.files.items() if n not in images.files]
            others += images.others + labels.others
        pairs = [replace(pair, reading=options.reading) for pair in name_pairs(pairs, root)]
        pairs = expand_planes(pairs)
        split = split_by_folders(pairs, source)
        return FoundSource(
            layout=self.name,
            reason=_reason(root),
            folders=tuple(
                (what, str(root / f"{subset}_{what}"))
                for subset in _subsets(root)
                for what in ("img", "label")
            ),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for path in unmatched),
            split=split,
            notes=(*_notes(root, others), *describe_planes(pairs), *describe_split(split)),
        )


def _root(source: Path) -> Path | None:
    """Return the first folder, by depth, that holds such folders."""
    folders = [source]
    for _ in range(SEARCH_DEPTH + 1):
        found = next((each for each in folders if _subsets(each)), None)
        if found is not None:
            return found
        folders = [child for each in folders for child in sorted(each.iterdir()) if child.is_dir()]
    return None


def _subsets(root: Path) -> list[str]:
    """Return the subsets whose two folders hold numbered files."""
    return [
        subset
        for subset in SUBSETS
        if (root / f"{subset}_img").is_dir()
        and (root / f"{subset}_label").is_dir()
        and _numbered(root / f"{subset}_img").files
    ]


def _numbered(folder: Path) -> _Numbered:
    """Return the image files whose stem is a number; 1.png and 001.png are refused."""
    found: dict[str, Path] = {}
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        stem = image_stem(path)
        if not (path.is_file() and is_image_name(path) and stem.isascii() and stem.isdigit()):
            others.append(path)
            continue
        other = found.setdefault(str(int(stem)), path)
        if other != path:
            raise DatasetError(
                f"{folder}: {other.name} and {path.name} have the same number; keep one of them"
            )
    return _Numbered(found, others)


def _notes(root: Path, others: Sequence[Path]) -> Sequence[str]:
    subsets = _subsets(root)
    named = name_some([path_label(path, root) for path in others], 3)
    count = counted(len(others), "file or folder", "files and folders")
    notes = [f"{count} not named by a number left out: {named}"] if others else []
    for subset in SUBSETS:
        lonely = [
            f"{subset}_{what}/"
            for what in ("img", "label")
            if (root / f"{subset}_{what}").is_dir() and subset not in subsets
        ]
        if lonely:
            notes.append(f"{' and '.join(lonely)} left out: images and labels are not both there")
    if len(subsets) == 1:
        notes.append(f"only {subsets[0]} is there: the source brings no split")
    return notes


def _reason(root: Path) -> str:
    names = ", ".join(f"{subset}_img/ with {subset}_label/" for subset in _subsets(root))
    return f"numbered files in {names}"
