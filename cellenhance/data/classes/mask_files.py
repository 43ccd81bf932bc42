"""Files of several folders matched by relative path without extension; reads no pixels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.manifest import DESCRIPTION_FILE
from cellenhance.data.dataset.own_results import without_output
from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.files.letters import composed, say_spellings
from cellenhance.data.files.readers import image_stem, is_image_name
from cellenhance.errors import DatasetError
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileSet:
    """The image files of one folder by relative path without extension, or a single file.

    Attributes
    ----------
    root : the folder, or the file
    by_id : forward slashes, sorted
    """

    root: Path
    by_id: Mapping[str, Path]

    @property
    def is_single(self) -> bool:
        """Tell whether this is one file that was named itself."""
        return self.root.is_file()


def list_masks(folder: Path, output: Path | None = None) -> FileSet:
    """Return the image files below a folder of masks, but what lies in the `output` folder.

    Raises
    ------
    DatasetError
        It is no folder, holds no image, is a whole dataset, or two files differ in extension only.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: expected a folder of masks, found none")
    if (folder / DESCRIPTION_FILE).is_file():
        raise DatasetError(f"{folder} is a whole dataset; give its masks folder {folder / 'masks'}")
    tree = walk_folder(folder)
    tree.say_gaps()
    chosen = without_output(tree.files, folder, output)
    chosen.say(folder)
    files = chosen.files
    images = [path for path in files if is_image_name(path) and not path.name.startswith(".")]
    masks: dict[str, Path] = {}
    for path in images:
        key = composed(path.relative_to(folder).with_name(image_stem(path)).as_posix())
        if key in masks:
            raise DatasetError(f"{masks[key]} and {path} differ only in extension; remove one")
        masks[key] = path
    skipped = [path.name for path in sorted({*files} - {*images})]
    if skipped:
        logger.info(
            "%s: skipped %s: %s",
            folder,
            counted(len(skipped), "non-image file"),
            shorten(skipped),
        )
    if not masks:
        raise DatasetError(f"{folder}: expected masks, found no image file")
    return FileSet(folder, {key: masks[key] for key in sorted(masks)})


def list_files(path: Path, output: Path | None = None) -> FileSet:
    """Return one mask file, or the masks of a folder; errors as in `list_masks`."""
    if path.is_file():
        return FileSet(path, {image_stem(path): path})
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder; check the path")
    return list_masks(path, output)


def match_files(
    first: FileSet, *others: FileSet, what: str, skip_unmatched: bool = False
) -> dict[str, tuple[Path, ...]]:
    """Return the files of equal id of all sets, sorted by id.

    Where every set is a single file they belong together whatever their names.

    Parameters
    ----------
    what : the files in the plural, for the message
    skip_unmatched : leave out and name what has no partner, instead of refusing it

    Raises
    ------
    DatasetError
        A file has no partner, or with `skip_unmatched` none has one.
    """
    sets = (first, *others)
    if all(each.is_single for each in sets):
        [name] = first.by_id
        return {name: tuple(each.root for each in sets)}
    missing = [text for other in others for text in _describe_unmatched(first, other)]
    common = [key for key in first.by_id if all(key in other.by_id for other in others)]
    if missing and (not skip_unmatched or not common):
        cure = "so add, remove or rename these"
        cure += ", or leave them out with --skip-unmatched" if common else ""
        raise DatasetError(
            f"{what} do not pair up; {'; '.join(missing)}; files match by relative path without "
            f"extension, {cure}"
        )
    for text in missing:
        logger.warning("left out: %s", text)
    matched = {key: tuple(each.by_id[key] for each in sets) for key in sorted(common)}
    say_spellings(
        [
            path.relative_to(each.root).as_posix()
            for each, path in zip(sets, paths, strict=True)
            if not each.is_single
        ]
        for paths in matched.values()
    )
    return matched


def _describe_unmatched(first: FileSet, other: FileSet) -> list[str]:
    return [
        f"{len(ids)} in {here.root} without a partner in {there.root}: {shorten(sorted(ids))}"
        for here, there, ids in (
            (first, other, first.by_id.keys() - other.by_id.keys()),
            (other, first, other.by_id.keys() - first.by_id.keys()),
        )
        if ids
    ]


def shorten(names: Sequence[str], n_shown: int = 5) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - n_shown
    return ", ".join(names[:n_shown]) + (f" and {more} more" if more > 0 else "")
