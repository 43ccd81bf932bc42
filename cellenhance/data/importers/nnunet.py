"""nnU-Net raw data: ``imagesTr/case_0000.png``, ``labelsTr/case.png`` and ``dataset.json``.

The number at the end of an image's name is its channel; ``dataset.json`` names channels and
classes. ``imagesTs`` with ``labelsTs`` is the test part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.classes.class_map import ClassRule
from cellenhance.data.dataset.splits import Subset
from cellenhance.data.files.readers import image_stem
from cellenhance.data.files.sources import ImageInfo
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import FilePair, expand_planes, path_label
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.importers.subsets import describe_split, split_rows
from cellenhance.errors import DatasetError, ImageReadError, SettingsError

_CHANNEL = re.compile(r"(.+)_([0-9]{4})")
_PARTS: tuple[tuple[str, Subset], ...] = (("Tr", "train"), ("Ts", "test"))
_IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class ChannelsPair:
    """Files of one channel each, with one mask; see `FoundPair`."""

    channels: tuple[FilePair, ...]
    channel_names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Future sample id."""
        return self.channels[0].id

    @property
    def group(self) -> str | None:
        """The volume of a plane."""
        return self.channels[0].group

    @property
    def image_label(self) -> str:
        """Where the first channel is, and how many there are."""
        more = f" and {len(self.channels) - 1} more" if len(self.channels) > 1 else ""
        return self.channels[0].image_label + more

    @property
    def mask_label(self) -> str:
        """Where the mask is."""
        return self.channels[0].mask_label

    def names(self) -> frozenset[str]:
        """Return the id, and names and stems of all files."""
        return frozenset().union(*(each.names() for each in self.channels))

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the channels together, or one of them."""
        if len(self.channels) == 1:
            return self.channels[0].load_image(channel)
        if channel is not None:
            if channel >= len(self.channels):
                raise ImageReadError(
                    f"{self.image_label}: channel {channel} was asked for, but it has "
                    f"{len(self.channels)}, counted from 0"
                )
            return self.channels[channel].load_image(None)
        parts = [each.load_image(None) for each in self.channels]
        first, info = parts[0]
        odd = next((i for a, i in parts if a.shape != first.shape or a.dtype != first.dtype), None)
        if odd is not None or first.shape[2] != 1:
            raise ImageReadError(
                f"{(odd or info).path}: differs from channel 0 in size or type, or has several "
                "channels itself; expected one grey file a channel"
            )
        image = np.concatenate([array for array, _ in parts], axis=2)
        return image, replace(info, channels=image.shape[2], channel_names=self.channel_names)

    def load_mask(self, *, expand_palette: bool) -> NDArray[Any]:
        """Return the mask."""
        return self.channels[0].load_mask(expand_palette=expand_palette)

    def load_valid(self) -> None:
        """Return None: this layout has no valid masks."""


@dataclass(frozen=True, slots=True)
class _Description:
    """What `dataset.json` says."""

    channel_names: tuple[str, ...] = ()
    classes: tuple[ClassRule, ...] = ()
    ignore: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
        says = _read_description(root / "dataset.json")
        pairs: list[ChannelsPair] = []
        subset_of: dict[str, Subset] = {}
        unmatched, notes, folders = [], list(says.notes), []
        for part, subset in _PARTS:
            images, labels = root / f"images{part}", root / f"labels{part}"
            if not images.is_dir():
                continue
            if not labels.is_dir():
                n_files = len(list_images(images).files)
                if n_files:
                    notes.append(f"{images.name}/ left aside: its {n_files} file(s) have no labels")
                continue
            new, lonely = _cases(images, labels, source, options)
            pairs += [ChannelsPair(each, says.channel_names) for each in new]
            subset_of |= {each[0].id: subset for each in new}
            unmatched += lonely
            folders += [("images", str(images)), ("masks", str(labels))]
        _check_channels(pairs, says.channel_names, root)
        split = split_rows(pairs, subset_of)
        return FoundSource(
            layout=self.name,
            reason="imagesTr/ beside labelsTr/",
            folders=tuple(folders),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for path in unmatched),
            split=split,
            default_classes=says.classes,
            ignore=says.ignore,
            notes=(*notes, *describe_split(split)),
        )


def _root(source: Path) -> Path | None:
    """Return `source`, or the one folder in it, that has the two folders."""
    folders = [source, *sorted(p for p in source.iterdir() if p.is_dir())]
    found = [p for p in folders if (p / "imagesTr").is_dir() and (p / "labelsTr").is_dir()]
    return found[0] if found and (found[0] == source or len(found) == 1) else None


def _cases(
    images: Path, labels: Path, source: Path, options: ImportOptions
) -> tuple[list[tuple[FilePair, ...]], list[Path]]:
    """Return the channels of each case, a case of several planes once a plane."""
    for folder in (images, labels):
        volume = next((p for p in sorted(folder.iterdir()) if ".nii" in p.suffixes), None)
        if volume is not None:
            raise DatasetError(
                f"{volume}: is a NIfTI volume, which is not read; save images and labels as TIFF "
                "(a page a plane) or PNG"
            )
    channels: dict[str, dict[int, Path]] = {}
    for path in list_images(images, recursive=False).files:
        match = _CHANNEL.fullmatch(image_stem(path))
        if match is None:
            raise DatasetError(
                f"{path}: has no channel number; expected a name such as case_0000{path.suffix}"
            )
        channels.setdefault(match[1], {})[int(match[2])] = path
    masks = {image_stem(path): path for path in list_images(labels, recursive=False).files}
    lonely = [path for case in channels if case not in masks for path in channels[case].values()]
    lonely += [path for case, path in masks.items() if case not in channels]
    cases: list[tuple[FilePair, ...]] = []
    for case in sorted(channels.keys() & masks.keys()):
        files, mask = channels[case], masks[case]
        if sorted(files) != list(range(len(files))):
            raise DatasetError(
                f"{images}: {case} has the channels {sorted(files)}; expected 0 to its number"
            )
        parts = [
            FilePair(
                id=case,
                image=files[number],
                mask=mask,
                image_label=path_label(files[number], source),
                mask_label=path_label(mask, source),
                axes=options.axes,
                projection=options.projection,
            )
            for number in sorted(files)
        ]
        cases += zip(*(expand_planes([part]) for part in parts), strict=True)
    return cases, lonely


def _check_channels(pairs: list[ChannelsPair], names: tuple[str, ...], root: Path) -> None:
    for pair in pairs:
        if names and len(pair.channels) != len(names):
            raise DatasetError(
                f"{root}: {pair.id} has {len(pair.channels)} channel(s), dataset.json names "
                f"{len(names)} ({', '.join(names)}); add the missing files"
            )


def _read_description(path: Path) -> _Description:
    """Return what `dataset.json` says; DatasetError when it is damaged."""
    if not path.is_file():
        return _Description(notes=("dataset.json is missing: classes come from --class",))
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
        names = values.get("channel_names", values.get("modality", {}))
        labels = _by_name(values.get("labels", {}))
        channel_names = tuple(str(names[key]) for key in sorted(names, key=int))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{path}: is no readable dataset.json of nnU-Net ({error}); mend it, or take it away "
            "and give the classes with --class"
        ) from error
    if any(isinstance(value, list) for value in labels.values()):
        note = "dataset.json describes regions that overlap: classes come from --class"
        return _Description(channel_names, notes=(note,))
    ignore = tuple(str(value) for name, value in labels.items() if name == _IGNORE)
    classes = [
        ClassRule(name, (int(value),))
        for name, value in sorted(labels.items(), key=lambda item: int(item[1]))
        if name != _IGNORE
    ]
    return _Description(channel_names, tuple(classes), ignore)


def _by_name(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by class name, also of version 1, which has it the other way round."""
    if all(re.fullmatch(r"[0-9]+", key) for key in labels):
        labels = {str(name): key for key, name in labels.items()}
    return {
        name: value if isinstance(value, list) else int(value) for name, value in labels.items()
    }
