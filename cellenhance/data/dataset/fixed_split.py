"""A split that is given, not drawn: lists of images, or a table of id, fold and subset.

Lists come from papers, challenges and colleagues and name images in many ways; what cannot be
matched to one sample of the dataset is an error, never left out.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cellenhance.data.dataset.dealing import build_units
from cellenhance.data.dataset.folds import carve
from cellenhance.data.dataset.manifest import Dataset
from cellenhance.data.dataset.splits import (
    SUBSETS,
    SplitRow,
    SplitSettings,
    SplitTable,
    Subset,
    check_rows,
    parse_split_row,
)
from cellenhance.data.files.letters import spellings
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError


@dataclass(frozen=True, slots=True)
class SplitLists:
    """Text files with one image a line; a subset without a file is None."""

    train: Path | None = None
    val: Path | None = None
    test: Path | None = None

    def given(self) -> list[tuple[Subset, Path]]:
        """Return the subsets that have a list."""
        paths = zip(SUBSETS, (self.train, self.val, self.test), strict=True)
        return [(subset, path) for subset, path in paths if path is not None]


class _Names:
    """Finds the sample that a line means: by its id, its file, or its path in the source."""

    def __init__(self, dataset: Dataset) -> None:
        self._ids = [row.id for row in dataset.samples]
        self._known = set(self._ids)

    def resolve(self, name: str, where: str) -> str:
        """Return the id that `name` means; DatasetError when there is none."""
        for candidate in self._candidates(name):
            if candidate in self._known:
                return candidate
        near = difflib.get_close_matches(PurePosixPath(name).name, self._ids, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"ids look like '{self._ids[0]}'"
        raise DatasetError(f"{where}: '{name}' is not a sample of the dataset; {hint}")

    @staticmethod
    def _candidates(name: str) -> Iterator[str]:
        """Yield the ids that a name may stand for, the most literal first."""
        lines = (name, name.split()[0])  # a line may go on with the path of the mask
        for text in dict.fromkeys(form for each in lines for form in spellings(each)):
            path = PurePosixPath(text.replace("\\", "/"))
            yield text
            stems = [path.name]
            while PurePosixPath(stems[-1]).suffix:
                stems.append(PurePosixPath(stems[-1]).stem)  # a.ome.tif, a.ome, a
            folders = [each for each in path.parts[:-1] if each not in (".", "/")]
            for stem in stems:
                # Where stems repeat, ids are the relative path joined by "__".
                for start in range(len(folders)):
                    yield "__".join([*folders[start:], stem])
                yield stem


def read_lists(dataset: Dataset, lists: SplitLists, name: str) -> SplitTable:
    """Return the split, of one fold, that the lists name; samples in no list are left out.

    Parameters
    ----------
    lists : one image a line, by id, file name or path; what follows a blank (a mask), empty lines
        and lines that begin with # do not count

    Raises
    ------
    DatasetError
        A list cannot be read or is empty, names an unknown image, or an image stands twice.
    """
    names, placed = _Names(dataset), dict[str, tuple[Subset, str]]()
    for subset, path in lists.given():
        lines = _read_lines(path)
        for number, line in lines:
            where = f"{path}, line {number}"
            sample_id = names.resolve(line, where)
            if sample_id in placed:
                raise DatasetError(
                    f"{where}: '{sample_id}' is already listed in {placed[sample_id][1]}; an image "
                    "has one place in a split, keep one line"
                )
            placed[sample_id] = (subset, where)
        if not lines:
            raise DatasetError(f"{path}: names no image; expected one id or file name per line")
    rows = [SplitRow(row.id, 1, placed[row.id][0]) for row in dataset.samples if row.id in placed]
    return SplitTable(name, tuple(rows))


def complete_lists(
    dataset: Dataset, table: SplitTable, lists: SplitLists, settings: SplitSettings
) -> SplitTable:
    """Return the split with a training and a validation part where no list names one.

    Without a training list all samples in no list train. Without a validation list
    `settings.val_count` images or `settings.val_fraction` of the training part validate, drawn from
    `settings.seed`, groups whole.

    Raises
    ------
    DatasetError
        Nothing is left to train on, or fewer images than shall validate.
    """
    place: dict[str, Subset] = {row.id: row.subset for row in table.rows}
    if lists.train is None:
        place |= {row.id: "train" for row in dataset.samples if row.id not in place}
    pool = [row for row in dataset.samples if place.get(row.id) == "train"]
    if not pool:
        raise DatasetError("the lists leave no image to train on; expected at least one")
    if lists.val is None and (settings.val_count or (settings.val_fraction and len(pool) > 1)):
        units = build_units(pool, settings.group_by)
        _, val = carve(units, settings, None, 1)
        place |= {each: "val" for unit in val for each in unit}
    rows = [SplitRow(row.id, 1, place[row.id]) for row in dataset.samples if row.id in place]
    return SplitTable(table.name, tuple(rows))


def read_split_table(dataset: Dataset, path: Path, name: str) -> SplitTable:
    """Return the split in a CSV file with the columns id and subset, and fold where there are many.

    Other columns are left alone; ids may be file names, as in lists.

    Raises
    ------
    DatasetError
        The file is no such table, or a row names an unknown sample, fold or subset, or one twice.
    """
    names = _Names(dataset)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            table = [dict(row) for row in reader]
            header = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: is not a readable CSV table ({_reason(error)})") from error
    if "id" not in header or "subset" not in header:
        raise DatasetError(
            f"{path}: has the columns {','.join(header) or '(none)'}; expected id,subset or "
            "id,fold,subset"
        )
    rows = []
    for line, row in enumerate(table, start=2):
        where = f"{path}, line {line}"
        sample_id, fold, subset = (row.get(key) or "" for key in ("id", "fold", "subset"))
        sample_id = names.resolve(sample_id.strip(), where) if sample_id.strip() else ""
        if not sample_id:
            raise DatasetError(f"{where}: has no id; expected one in each row")
        fold = fold.strip() if "fold" in header else "1"
        rows.append(parse_split_row(sample_id, fold, subset.strip(), where))
    check_rows(rows, path)
    return SplitTable(name, tuple(rows))


def find_shared_groups(dataset: Dataset, table: SplitTable) -> list[str]:
    """Return, in words, each group (or set of equal images) that stands in several subsets."""
    units = build_units(dataset.samples, "column")
    cases = []
    for fold in range(1, table.n_folds + 1):
        subset_of = {row.id: row.subset for row in table.rows if row.fold == fold}
        for unit in units:
            places: dict[str, list[str]] = {}
            for each in unit:
                if each in subset_of:
                    places.setdefault(subset_of[each], []).append(each)
            if len(places) > 1:
                said = [f"{name_some(places[s])} in {s}" for s in SUBSETS if s in places]
                cases.append(f"fold {fold}: {', '.join(said)}")
    return cases


def _read_lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: is not a readable text file ({_reason(error)})") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _reason(error: Exception) -> str:
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
