"""A CSV table with the columns image and mask, and if wanted group, subset and fold."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from cellenhance.data.dataset.splits import Subset
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import describe_planes
from cellenhance.data.importers.listed import Entry, collect, find_listed
from cellenhance.data.importers.places import SUBSET_WORDS
from cellenhance.data.importers.subsets import describe_split
from cellenhance.errors import DatasetError, SettingsError

SUFFIXES = (".csv", ".tsv")
NEEDED, OPTIONAL = ("image", "mask"), ("group", "subset", "fold")
_DELIMITERS = (",", ";", "\t")


class CsvManifestImporter:
    """See the module."""

    name = "csv"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return the name of the table, or None."""
        if options.images is not None or options.masks is not None:
            return None
        tables = _tables(source, options)
        return _reason(tables[0]) if tables else None

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the pairs of the table; DatasetError names the line of what does not fit."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with csv")
        tables = _tables(source, options)
        if not tables:
            raise DatasetError(
                f"{source}: has no CSV table with the columns image and mask; expected one, with "
                "paths from its folder"
            )
        if len(tables) > 1:
            raise DatasetError(
                f"{source}: several tables have the columns image and mask "
                f"({', '.join(p.name for p in tables)}); give the one that is meant as SOURCE"
            )
        header, rows = _read(tables[0])
        entries = [_entry(row, line, tables[0], source) for line, row in rows]
        if not entries:
            raise DatasetError(f"{tables[0]}: has no row; expected an image and its mask in each")
        listed = collect(entries, source, options)
        unused = [name for name in header if name not in (*NEEDED, *OPTIONAL)]
        notes = [f"columns not used: {', '.join(unused)}"] if unused else []
        return FoundSource(
            layout=self.name,
            reason=_reason(tables[0]),
            folders=(("table", str(tables[0])),),
            pairs=listed.pairs,
            split=listed.split,
            notes=(
                *notes,
                *describe_planes(listed.pairs),
                *describe_split(listed.split, listed.pairs),
            ),
            warnings=listed.warnings,
        )


def _tables(source: Path, options: ImportOptions) -> list[Path]:
    if options.listing is not None:
        return [options.listing]
    return [
        path
        for path in sorted(source.iterdir())
        if path.suffix.lower() in SUFFIXES and path.is_file() and set(NEEDED) <= set(_header(path))
    ]


def _reason(table: Path) -> str:
    return f"{table.name} has the columns image and mask"


def _header(path: Path) -> list[str]:
    """Return the column names in small letters; none when the file is no text."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(10_000)
        names = next(csv.reader([line], delimiter=_delimiter(line)), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    return [name.strip().lower() for name in names]


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def _read(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the column names, and the line number and values of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            table = csv.reader(file, delimiter=_delimiter(first), strict=True)
            cells = [(table.line_num, row) for row in table if any(each.strip() for each in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: is not a readable CSV table in UTF-8 ({error})") from error
    header = [name.strip().lower() for name in cells[0][1]] if cells else []
    if not set(NEEDED) <= set(header) or len(set(header)) != len(header):
        raise DatasetError(
            f"{path}: has the columns {', '.join(header) or 'none'}; expected image and mask, and "
            "if wanted group, subset and fold, each once"
        )
    rows = []
    for line, row in cells[1:]:
        if len(row) != len(header):
            raise DatasetError(
                f"{path}, line {line}: has {len(row)} values, the header {len(header)} columns; "
                "fix the line"
            )
        rows.append((line, {k: v.strip() for k, v in zip(header, row, strict=True)}))
    return header, rows


def _entry(row: dict[str, str], line: int, table: Path, source: Path) -> Entry:
    where = f"{table}, line {line}"
    fold = row.get("fold", "")
    if not re.fullmatch(r"([1-9][0-9]{0,5})?", fold):
        raise DatasetError(f"{where}: fold is {fold!r}; expected a number from 1 on, or nothing")
    return Entry(
        image=_file(row["image"], "image", where, (table.parent, source, source.parent)),
        mask=_file(row["mask"], "mask", where, (table.parent, source, source.parent)),
        where=f"{table.name}, line {line}",
        group=row.get("group") or None,
        subset=_subset(row.get("subset", ""), where),
        fold=int(fold or 1),
    )


def _file(text: str, what: str, where: str, bases: Sequence[Path]) -> Path:
    try:
        path = find_listed(text, bases, bases[1])
    except DatasetError as error:
        raise DatasetError(f"{where}: {what}: {error}") from error
    if not text or path is None:
        raise DatasetError(
            f"{where}: {what} {text[:200]!r} is not a file; expected a path from the table's folder"
        )
    return path


def _subset(text: str, where: str) -> Subset | None:
    if text and text.lower() not in SUBSET_WORDS:
        raise DatasetError(f"{where}: subset is {text!r}; expected train, val, test or nothing")
    return SUBSET_WORDS[text.lower()] if text else None
