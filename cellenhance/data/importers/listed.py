"""Pairs that a list or a table of the source names: their paths checked, each image once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.data.dataset.splits import SUBSETS, SplitRow, Subset
from cellenhance.data.files.letters import spellings
from cellenhance.data.importers.contract import ImportOptions
from cellenhance.data.importers.file_pair import FilePair, expand_planes, name_pairs, pair_of
from cellenhance.errors import DatasetError
from cellenhance.texts import counted

_KEEP_FIRST: tuple[Subset, ...] = ("test", "val", "train")
"""An image in two subsets of one fold stays in the first of these."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that names an image and its mask; `where` is its file and line for messages."""

    image: Path
    mask: Path
    where: str
    group: str | None = None
    subset: Subset | None = None
    fold: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """What all lines together say."""

    pairs: tuple[FilePair, ...]
    split: tuple[SplitRow, ...]
    warnings: tuple[str, ...]


def find_listed(text: str, bases: Sequence[Path], source: Path) -> Path | None:
    """Return the file that a listed path means, or None when there is none.

    Parameters
    ----------
    bases : folders that relative paths may start from, in order
    source : folder that all files must lie in

    Raises
    ------
    DatasetError
        The path leads out of `source`, also through a link.
    """
    inside = source.resolve()
    leaves = False
    separators = (text, text.replace("\\", "/"))
    for spelling in dict.fromkeys(form for each in separators for form in spellings(each)):
        for path in (base / spelling for base in bases):
            try:
                is_file, place = path.is_file(), path.resolve()
            except (OSError, RuntimeError, ValueError):  # too long, a circle of links, a NUL
                continue
            if not place.is_relative_to(inside):
                leaves = leaves or path.parent.is_relative_to(source) or Path(text).is_absolute()
            elif is_file:
                return path
    if leaves:
        raise DatasetError(
            f"path {text[:200]!r} leaves the source folder {source}; expected a path inside it, "
            "copy the file there or prepare the folder above"
        )
    return None


def collect(entries: Sequence[Entry], source: Path, options: ImportOptions) -> Listed:
    """Return each image once, cut into planes where it holds several, and the split.

    Raises
    ------
    DatasetError
        An image is listed with two masks or in two groups.
    """
    first: dict[Path, Entry] = {}
    place: dict[tuple[Path, int], Subset] = {}
    leaked: dict[str, None] = {}
    for entry in entries:
        known = first.setdefault(entry.image.resolve(), entry)
        if known.mask.resolve() != entry.mask.resolve() or known.group != entry.group:
            raise DatasetError(
                f"{entry.where}: {entry.image.name} is listed in {known.where} too, with another "
                "mask or group; keep one line"
            )
        if entry.subset is None:
            continue
        key = (entry.image.resolve(), entry.fold)
        before = place.setdefault(key, entry.subset)
        if before != entry.subset:
            leaked[entry.image.name] = None
            place[key] = min(before, entry.subset, key=_KEEP_FIRST.index)
    named = name_pairs([pair_of(each.image, each.mask, source) for each in first.values()], source)
    pairs = []
    for pair in named:
        group = first[pair.image.resolve()].group
        read = replace(pair, group=group, reading=options.reading)
        pairs.append(read)
    pairs = expand_planes(pairs)
    return Listed(tuple(pairs), _rows(pairs, place), _describe_leaks(list(leaked)))


def _rows(pairs: Sequence[FilePair], place: dict[tuple[Path, int], Subset]) -> tuple[SplitRow, ...]:
    """Return the split with folds from 1 on; empty when the lists name fewer than two subsets."""
    if len(set(place.values())) < 2:
        return ()
    folds = sorted({fold for _, fold in place})
    rows = [
        SplitRow(pair.id, number, place[key])
        for number, fold in enumerate(folds, start=1)
        for pair in pairs
        if (key := (pair.image.resolve(), fold)) in place
    ]
    return tuple(sorted(rows, key=lambda row: (row.fold, SUBSETS.index(row.subset))))


def _describe_leaks(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return (
        f"leakage in the source: {counted(len(names), 'image')} in two subsets of one fold, kept "
        f"in one only, test before val before train ({', '.join(names[:5])})",
    )
