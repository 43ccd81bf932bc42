"""The fold layout of the AEP program: ``<split>_images_<fold>.npy`` and its labels.

Arrays are (N, C, H, W) (or (N, H, W)); as in that program channel 0 is the image and channel 0 of
the labels the mask, 255 = membrane. The folds become the split ``default``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.classes.class_map import ClassRule
from cellenhance.data.dataset.samples import pixel_sha256
from cellenhance.data.dataset.splits import SUBSETS, SplitRow, Subset
from cellenhance.data.files.formats.raster import NPY_FAILURES
from cellenhance.data.files.readers import open_image
from cellenhance.data.files.sources import ImageInfo
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.texts import counted

_NAME = re.compile(r"(train|val|test)_(images|labels)_([0-9]{1,4})\.npy")
_KEEP_FIRST = ("test", "val", "train")
"""An image in two subsets of one fold stays in the first of these."""
DEFAULT_CLASSES = (ClassRule("background", (0,)), ClassRule("membrane", (255,)))


@dataclass(frozen=True, slots=True)
class ArrayPair:
    """One index of an image array and a label array; see `FoundPair`."""

    id: str
    images: Path
    labels: Path
    index: int
    group: str | None = None

    @property
    def image_label(self) -> str:
        """File and index of the image."""
        return f"{self.images.name}[{self.index}]"

    @property
    def mask_label(self) -> str:
        """File and index of the label."""
        return f"{self.labels.name}[{self.index}]"

    def names(self) -> frozenset[str]:
        """Return the id and the place in the file."""
        return frozenset({self.id, self.image_label})

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return channel 0, or `channel`, as (H, W, 1)."""
        with open_image(
            self.images, axes=_axes(self.images), channel=channel or 0, keep_missing=True
        ) as source:
            return source.read_plane(self.index), source.info

    def load_mask(self, *, expand_palette: bool = False) -> NDArray[Any]:  # noqa: ARG002
        """Return channel 0 of the labels, (H, W) integers."""
        with open_image(self.labels, axes=_axes(self.labels), channel=0) as source:
            mask = source.read_plane(self.index)[..., 0]
        if mask.dtype.kind == "f":
            if (mask != np.rint(mask)).any():
                raise DatasetError(f"{self.mask_label}: has fractional values; expected 0 and 255")
            mask = mask.astype(np.int64)
        return mask

    def load_valid(self) -> None:
        """Return None: this layout has no valid masks."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The two files of one subset of one fold, as numbered in their names."""

    subset: Subset
    fold: int
    images: Path
    labels: Path

    def pairs(self) -> Iterator[ArrayPair]:
        for index in range(_count(self.images)):
            name = f"{self.subset}_{self.fold}_{index:04d}"
            yield ArrayPair(name, self.images, self.labels, index)


class NpyFoldsImporter:
    """See the module."""

    name = "npy-folds"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of the file names, or None."""
        if options.images is not None or options.masks is not None:
            return None
        folder = _folder(source)
        return None if folder is None else _reason(folder)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return each different image once, and the folds as split rows."""
        if options != ImportOptions():
            raise SettingsError(
                "--images, --masks, --valid-mask, --axes, --series, --orientation and --projection "
                "do not go with npy-folds"
            )
        folder = _folder(source)
        if folder is None:
            raise DatasetError(f"{source}: has no file such as train_images_1.npy")
        parts, unmatched = _parts(folder)
        folds = sorted({part.fold for part in parts})
        numbers = ", ".join(f"{fold} is {i} here" for i, fold in enumerate(folds, start=1))
        notes = [f"folds of the source are renumbered: {numbers}"]
        if folds == list(range(1, len(folds) + 1)):
            notes = []
        pairs, split, repeated, leaked = _unique(parts, folds)
        if repeated:
            notes.append(f"{counted(repeated, 'image')} repeated in several folds kept once")
        warnings = []
        if leaked:
            warnings.append(
                f"leakage in the source: {counted(len(leaked), 'image')} in two subsets of one "
                f"fold, kept in one only, test before val before train ({', '.join(leaked[:5])})"
            )
        return FoundSource(
            layout=self.name,
            reason=_reason(folder),
            folders=(("folds", str(folder)),),
            pairs=tuple(pairs),
            unmatched=tuple(unmatched),
            split=tuple(split),
            default_classes=DEFAULT_CLASSES,
            notes=tuple(notes),
            warnings=tuple(warnings),
        )


def _folder(source: Path) -> Path | None:
    """Return `source` or the one folder in it that has such files."""
    children = sorted(path for path in source.iterdir() if path.is_dir())
    for folder in (source, *children):
        if any(_NAME.fullmatch(path.name) for path in folder.glob("*.npy")):
            return folder
    return None


def _reason(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.npy") if _NAME.fullmatch(path.name))
    return f"files named like {names[0]}"


def _parts(folder: Path) -> tuple[list[_Part], list[str]]:
    """Return the complete subsets in order of fold and subset, and files without a partner."""
    found: dict[tuple[int, str], dict[str, Path]] = {}
    for path in sorted(folder.glob("*.npy")):
        match = _NAME.fullmatch(path.name)
        if match:
            found.setdefault((int(match[3]), match[1]), {})[match[2]] = path
    unmatched = [str(p) for files in found.values() if len(files) < 2 for p in files.values()]
    parts = []
    for fold in sorted({fold for fold, _ in found}):
        for subset in SUBSETS:
            files = found.get((fold, subset), {})
            if len(files) == 2:
                parts.append(_Part(subset, fold, files["images"], files["labels"]))
                _check_lengths(parts[-1])
    return parts, unmatched


def _check_lengths(part: _Part) -> None:
    n_images, n_labels = _count(part.images), _count(part.labels)
    if n_images != n_labels:
        raise DatasetError(
            f"{part.images}: has {n_images} images, {part.labels.name} has {n_labels} labels; "
            "expected as many of both"
        )


def _unique(
    parts: list[_Part], folds: list[int]
) -> tuple[list[ArrayPair], list[SplitRow], int, list[str]]:
    """Return different pairs, split rows, the number of repeats and what stood in two subsets."""
    first: dict[str, ArrayPair] = {}
    place: dict[tuple[str, int], Subset] = {}
    n_seen, leaked = 0, []
    for part in parts:
        fold = folds.index(part.fold) + 1
        for pair in part.pairs():
            n_seen += 1
            image, _ = pair.load_image(None)
            known = first.setdefault(pixel_sha256(image) + pixel_sha256(pair.load_mask()), pair)
            before = place.setdefault((known.id, fold), part.subset)
            if before != part.subset:
                leaked.append(pair.image_label)
                keep = min(before, part.subset, key=_KEEP_FIRST.index)
                place[known.id, fold] = keep
    rows = [SplitRow(sample_id, fold, subset) for (sample_id, fold), subset in place.items()]
    rows.sort(key=lambda row: row.fold)
    return list(first.values()), rows, n_seen - len(first), leaked


def _count(path: Path) -> int:
    with open_image(path, axes=_axes(path)) as source:
        return source.info.n_planes


def _axes(path: Path) -> str:
    """Return the axes of an AEP array from its header."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except NPY_FAILURES:
        return "ICYX"  # open_image words what is wrong
    if array.ndim not in (3, 4):
        raise DatasetError(f"{path}: has shape {array.shape}; expected (N, C, H, W) or (N, H, W)")
    return "ICYX" if array.ndim == 4 else "IYX"
