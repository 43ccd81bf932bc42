"""Text lists with "image mask" on each line; lists named train, val and test are the split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from cellenhance.data.dataset.splits import Subset
from cellenhance.data.files.readers import IMAGE_SUFFIXES, image_stem
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import describe_planes
from cellenhance.data.importers.listed import Entry, collect, find_listed
from cellenhance.data.importers.places import SUBSET_WORDS
from cellenhance.data.importers.subsets import describe_split
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.texts import counted

SUFFIXES = (".txt", ".lst")
_NAME = re.compile(rf"({'|'.join(SUBSET_WORDS)})[ _-]?(?:list|fold)?[ _-]?([0-9]{{1,4}})?", re.I)
_LONGEST_LIST, _LONGEST_LINE = 64 * 1024**2, 8192
_PATH_END = re.compile(
    rf"\S(?:{'|'.join(re.escape(each) for each in sorted(IMAGE_SUFFIXES))})(?=\s|$)", re.I
)
_VARIANT = re.compile(r"(flip_)?(.+?)(_90|_180|_270)?")


class TextListImporter:
    """See the module."""

    name = "text-list"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return the names of the lists, or None."""
        if options.images is not None or options.masks is not None:
            return None
        lists = _lists(source, options)
        return _reason(lists) if lists else None

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return each listed pair once; DatasetError names file and line of what does not fit."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with text-list")
        lists = _lists(source, options)
        if not lists:
            raise DatasetError(
                f"{source}: has no text list; expected a file such as train.txt with an image and "
                "its mask on each line"
            )
        entries = [entry for each in lists for entry in _entries(each, source)]
        grouped = _with_groups(entries)
        listed = collect(grouped, source, options)
        notes = [f"{counted(len(entries), 'line')} of {counted(len(lists), 'list')} read"]
        if any(entry.group for entry in grouped):
            notes.append("rotated and flipped copies of an image share its group")
        return FoundSource(
            layout=self.name,
            reason=_reason(lists),
            folders=tuple(("list", str(each)) for each in lists),
            pairs=listed.pairs,
            split=listed.split,
            notes=(
                *notes,
                *describe_planes(listed.pairs),
                *describe_split(listed.split, listed.pairs),
            ),
            warnings=listed.warnings,
        )


def _lists(source: Path, options: ImportOptions) -> list[Path]:
    """Return the texts whose first line names two files, as the name or the files tell."""
    if options.listing is not None:
        return [options.listing]
    folders = [source, *sorted(p for p in source.iterdir() if p.is_dir())]
    texts = [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
        and path.stat().st_size <= _LONGEST_LIST
    ]
    return [path for path in texts if _is_list(path, source)]


def _is_list(path: Path, source: Path) -> bool:
    """Tell whether the first line of a text names two images.

    In a list named like a subset they need not exist: a list that is wrong is not passed over.
    """
    try:
        _, line = next(_lines(path))
        if _NAME.fullmatch(path.stem) and len(_PATH_END.findall(line)) == 2:
            return True
        return _split_line(line, path, source, 1) is not None
    except (DatasetError, StopIteration):
        return False


def _reason(lists: Sequence[Path]) -> str:
    return f"image and mask on each line of {name_some([path.name for path in lists], 3)}"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and text of the lines that are neither blank nor comments."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: is not readable UTF-8 text ({error})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _entries(path: Path, source: Path) -> list[Entry]:
    subset, fold = _subset_of(path)
    entries = []
    for number, line in _lines(path):
        where = f"{path.name}, line {number}"
        files = _split_line(line, path, source, number)
        if files is None:
            raise DatasetError(
                f"{path}, line {number}: {line[:200]!r} does not name an image and a "
                "mask that are here; expected two paths from the list's folder or the source, "
                "separated by a blank or a tab; fix the list or choose another --layout"
            )
        entries.append(Entry(files[0], files[1], where, None, subset, fold))
    if not entries:
        raise DatasetError(f"{path}: lists nothing; expected an image and its mask on each line")
    return entries


def _split_line(line: str, path: Path, source: Path, number: int) -> tuple[Path, Path] | None:
    """Return the two files of a line, wherever the blank between them is.

    Raises
    ------
    DatasetError
        A path leads out of the source, or the line can be read in two ways.
    """
    if len(line) > _LONGEST_LINE:
        return None
    bases = (path.parent, source, source.parent)
    gap = re.compile(r"\t+" if "\t" in line else r" +")
    found = []
    try:
        for match in gap.finditer(line):
            image = find_listed(line[: match.start()], bases, source)
            mask = find_listed(line[match.end() :], bases, source)
            if image is not None and mask is not None:
                found.append((image, mask))
    except DatasetError as error:
        raise DatasetError(f"{path}, line {number}: {error}") from error
    if len(found) > 1:
        raise DatasetError(
            f"{path}, line {number}: {line[:200]!r} can be read in two ways; put a tab "
            "between image and mask"
        )
    return found[0] if found else None


def _subset_of(path: Path) -> tuple[Subset | None, int]:
    """Return the subset and fold that the name of a list means."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None, 1
    return SUBSET_WORDS[match[1].lower()], int(match[2] or 1)


def _with_groups(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries; ``flip_x_90`` and its like are of the group of ``x`` where x is listed.

    Source: the naming of the augmented sets of icss-segmentation.
    """
    stems = {image_stem(entry.image) for entry in entries}
    grouped = []
    for entry in entries:
        stem = image_stem(entry.image)
        match = _VARIANT.fullmatch(stem)
        original = match[2] if match is not None else stem
        is_original = any(f"{stem}{turn}" in stems for turn in ("_90", "_180", "_270"))
        is_original = is_original or f"flip_{stem}" in stems
        is_copy = original != stem and original in stems
        group = original if is_copy else stem if is_original else None
        grouped.append(Entry(entry.image, entry.mask, entry.where, group, entry.subset, entry.fold))
    return grouped
