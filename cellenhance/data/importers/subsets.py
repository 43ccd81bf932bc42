"""The split that a source brings by its folders or lists, as rows of a split table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cellenhance.data.dataset.splits import SUBSETS, SplitRow, Subset
from cellenhance.data.importers.contract import FoundPair
from cellenhance.data.importers.file_pair import FilePair
from cellenhance.data.importers.places import subset_of_folder
from cellenhance.data.name_lists import name_some


def split_by_folders(pairs: Sequence[FilePair], source: Path) -> tuple[SplitRow, ...]:
    """Return the split that folder names state; empty unless all pairs have one of two subsets."""
    subset_of = {pair.id: _subset_of_path(pair.image, source) for pair in pairs}
    known = {id_: subset for id_, subset in subset_of.items() if subset is not None}
    if len(known) < len(subset_of):
        return ()
    return split_rows(pairs, known)


def split_rows(pairs: Sequence[FoundPair], subset_of: Mapping[str, Subset]) -> tuple[SplitRow, ...]:
    """Return one fold in the order train, val, test; empty when there is one subset only."""
    if len(set(subset_of.values())) < 2:
        return ()
    ordered = sorted(pairs, key=lambda pair: SUBSETS.index(subset_of[pair.id]))
    return tuple(SplitRow(pair.id, 1, subset_of[pair.id]) for pair in ordered)


def describe_split(rows: Sequence[SplitRow], pairs: Sequence[FoundPair] = ()) -> tuple[str, ...]:
    """Return the sentences that say which split the source brings, and which pairs it leaves out.

    Parameters
    ----------
    pairs : all pairs of a source whose split may leave some out
    """
    if not rows:
        return ()
    n_folds = len({row.fold for row in rows})
    counts = Counter(row.subset for row in rows if row.fold == 1)
    shown = ", ".join(f"{counts[subset]} {subset}" for subset in SUBSETS if subset in counts)
    of_folds = f" of {n_folds} folds, the first" if n_folds > 1 else ""
    placed = {row.id for row in rows}
    left = [pair.id for pair in pairs if pair.id not in placed]
    without = [f"in no part of the split: {name_some(left)}"] if left else []
    return (f"the source brings a split{of_folds}: {shown}", *without)


def _subset_of_path(path: Path, source: Path) -> Subset | None:
    """Return the subset that the folders between `source` and a file name, the last that does."""
    folders = path.relative_to(source).parts[:-1] if path.is_relative_to(source) else ()
    named = [subset for part in folders if (subset := subset_of_folder(part)) is not None]
    return named[-1] if named else None
