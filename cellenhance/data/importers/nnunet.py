"""nnU-Net raw data: ``imagesTr/case_0000.png``, ``labelsTr/case.png`` and ``dataset.json``.

The number at the end of an image's name is its channel, or its first one where the file is RGB;
``dataset.json`` names channels and classes. ``imagesTs`` with ``labelsTs`` is the test part.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from cellenhance.data.dataset.splits import Subset
from cellenhance.data.files.readers import image_stem
from cellenhance.data.importers.channel_files import ChannelsPair
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import FilePair, expand_planes, path_label
from cellenhance.data.importers.nnunet_json import read_description
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.importers.subsets import describe_split, split_rows
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.texts import counted

_CHANNEL = re.compile(r"(.+)_([0-9]{4})")
_PARTS: tuple[tuple[str, Subset], ...] = (("Tr", "train"), ("Ts", "test"))
Key = TypeVar("Key", int, str)


class NnunetImporter:
    """See the module."""

    name = "nnunet"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return the names of the folders, or None."""
        if options.images is not None or options.masks is not None:
            return None
        return None if _root(source) is None else "imagesTr/ beside labelsTr/"

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the cases; DatasetError when files are NIfTI or a case lacks a channel."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with nnunet")
        root = _root(source)
        if root is None:
            raise DatasetError(f"{source}: has no imagesTr/ and labelsTr/")
        says = read_description(root / "dataset.json")
        pairs: list[ChannelsPair] = []
        subset_of: dict[str, Subset] = {}
        unmatched: list[Path] = []
        notes, folders = list(says.notes), []
        for part, subset in _PARTS:
            images, labels = root / f"images{part}", root / f"labels{part}"
            if not images.is_dir():
                continue
            if not labels.is_dir():
                n_files = len(list_images(images).files)
                if n_files:
                    unlabelled = counted(n_files, "file")
                    notes.append(f"{images.name}/ left out: no labels for its {unlabelled}")
                continue
            files = [_files_of(folder, says.file_ending) for folder in (images, labels)]
            notes += [note for _, note in files if note is not None]
            cases = _cases(files[0][0], files[1][0], source, options)
            pairs += [ChannelsPair(each, says.channel_names) for each in cases.found]
            subset_of |= {each[0].id: subset for each in cases.found}
            unmatched += cases.lonely
            folders += [("images", str(images)), ("masks", str(labels))]
        _check_files(pairs, options.exclude)
        split = split_rows(pairs, subset_of)
        return FoundSource(
            layout=self.name,
            reason="imagesTr/ beside labelsTr/",
            folders=tuple(folders),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for path in unmatched),
            split=split,
            default_classes=says.classes,
            suggested_classes=says.suggested,
            ignore=says.ignore,
            notes=(*notes, *describe_split(split)),
        )


def _root(source: Path) -> Path | None:
    """Return `source`, or the one folder in it, that has the two folders."""
    folders = [source, *sorted(p for p in source.iterdir() if p.is_dir())]
    found = [p for p in folders if (p / "imagesTr").is_dir() and (p / "labelsTr").is_dir()]
    return found[0] if found and (found[0] == source or len(found) == 1) else None


@dataclass(frozen=True, slots=True)
class _Cases:
    """The channels of each case, a case of several planes once per plane; files without one."""

    found: tuple[tuple[FilePair, ...], ...]
    lonely: tuple[Path, ...]


def _files_of(folder: Path, ending: str | None) -> tuple[list[Path], str | None]:
    """Return the files of a folder with the ending that `dataset.json` names, and a note.

    Without such files all images count.
    """
    every = sorted(path for path in folder.iterdir() if path.is_file())
    volumes = [path for path in every if ".nii" in path.suffixes]
    images = list(list_images(folder, recursive=False).files)
    chosen = [path for path in images if ending and path.name.lower().endswith(ending.lower())]
    if volumes and not chosen:
        raise DatasetError(
            f"{volumes[0]}: is a NIfTI volume, which is not read; save images and labels as TIFF "
            "(one page per plane) or PNG"
        )
    if ending is None or len(chosen) == len(images):
        return images, None
    if not chosen:
        note = f"{folder.name}/: no file ends in {ending}, as dataset.json says; all are used"
        return images, note
    others = [path.name for path in images if path not in chosen]
    note = f"{folder.name}/: {name_some(others, 3)} left out: dataset.json says {ending}"
    return chosen, note


def _cases(
    images: Sequence[Path], labels: Sequence[Path], source: Path, options: ImportOptions
) -> _Cases:
    """Return the cases of image files and label files."""
    channels: dict[str, dict[int, Path]] = {}
    for path in images:
        match = _CHANNEL.fullmatch(image_stem(path))
        if match is None:
            raise DatasetError(
                f"{path}: has no channel number; expected a name such as case_0000{path.suffix}"
            )
        _place(channels.setdefault(match[1], {}), int(match[2]), path)
    masks: dict[str, Path] = {}
    for path in labels:
        _place(masks, image_stem(path), path)
    lonely = [path for case in channels if case not in masks for path in channels[case].values()]
    lonely += [path for case, path in masks.items() if case not in channels]
    found: list[tuple[FilePair, ...]] = []
    for case in sorted(channels.keys() & masks.keys()):
        files, mask = channels[case], masks[case]
        parts = [
            FilePair(
                id=case,
                image=files[number],
                mask=mask,
                image_label=path_label(files[number], source),
                mask_label=path_label(mask, source),
                reading=options.reading,
            )
            for number in sorted(files)
        ]
        found += zip(*(expand_planes([part]) for part in parts), strict=True)
    return _Cases(tuple(found), tuple(lonely))


def _place(places: dict[Key, Path], key: Key, path: Path) -> None:
    """Note the file of a case or channel; DatasetError where there is another one."""
    other = places.setdefault(key, path)
    if other != path:
        raise DatasetError(
            f"{path}: stands for the same as {other.name}; remove one, or name the ending that "
            "counts as file_ending in dataset.json"
        )


def _check_files(pairs: Sequence[ChannelsPair], exclude: Sequence[str]) -> None:
    """Raise DatasetError where a case that is not excluded lacks files of channels."""
    wanted = [pair for pair in pairs if pair.names().isdisjoint(exclude)]
    for pair in wanted:
        numbers = pair.numbers
        if numbers != tuple(range(len(numbers))):
            gone = [number for number in range(max(numbers)) if number not in numbers]
            _refuse(pair, f"has the channels {list(numbers)}", gone)
    most = max((len(pair.numbers) for pair in wanted), default=0)
    for pair in wanted:
        names, n_files = pair.channel_names, len(pair.numbers)
        if names and n_files < most:
            found = f"has {counted(n_files, 'channel')}, dataset.json names {len(names)}"
            _refuse(pair, f"{found} ({', '.join(names)})", range(n_files, most))


def _refuse(pair: ChannelsPair, found: str, missing: Sequence[int]) -> NoReturn:
    image = pair.channels[0].image
    stem = image_stem(image)[: -len("_0000")]
    named = name_some([f"{stem}_{number:04d}{image.suffix}" for number in missing])
    raise DatasetError(
        f"{image.parent}: {pair.id} {found}; add the missing {named}, or leave the case out with "
        f"--exclude {shlex.quote(pair.id)}"
    )
