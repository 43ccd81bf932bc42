"""The Data Science Bowl 2018: ``stage1_train/<id>/{images,masks}``, one mask file a nucleus.

The masks of an image become one label map, numbered in the order of the file names. Images with
merged label maps (``images/<id>.png``, ``masks/<id>.png``) are the layout paired.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import ImageArray
from cellenhance.data.files.options import Orientation, ReadingOptions
from cellenhance.data.files.readers import image_stem, open_image, read_mask
from cellenhance.data.files.sources import ImageInfo
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import path_label
from cellenhance.data.importers.pairing import list_images
from cellenhance.errors import DatasetError, ImageReadError, SettingsError
from cellenhance.texts import counted


@dataclass(frozen=True, slots=True)
class NucleiPair:
    """An image and the mask files of its nuclei; see `FoundPair`."""

    id: str
    image: Path
    masks: tuple[Path, ...]
    image_label: str
    mask_label: str
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    group: str | None = None

    def names(self) -> frozenset[str]:
        """Return the id, and name and stem of the image."""
        return frozenset({self.id, self.image.name, image_stem(self.image)})

    def load_image(self, channel: int | None) -> tuple[ImageArray, ImageInfo]:
        """Return the image."""
        with open_image(self.image, **self.reading.arguments_with(channel)) as source:
            if source.info.n_planes != 1:
                raise ImageReadError(
                    f"{self.image}: holds {source.info.n_planes} planes; expected one image"
                )
            return source.read_plane(), source.info

    def load_mask(self, *, expand_palette: bool = False) -> NDArray[np.int32]:  # noqa: ARG002
        """Return the label map; where two nuclei overlap, the later file wins."""
        labels: NDArray[np.int32] | None = None
        for number, path in enumerate(self.masks, start=1):
            nucleus = _read_nucleus(path, self.reading.orientation)
            if labels is None:
                labels = np.zeros(nucleus.shape, dtype=np.int32)
            if nucleus.shape != labels.shape:
                raise DatasetError(
                    f"{path}: is {nucleus.shape[0]} x {nucleus.shape[1]} pixels, the nuclei before "
                    f"it {labels.shape[0]} x {labels.shape[1]}; expected the size of the image"
                )
            labels[nucleus] = number
        assert labels is not None  # a pair has at least one mask
        return labels

    def load_valid(self) -> None:
        """Return None: this layout has no valid masks."""


class Dsb2018Importer:
    """See the module."""

    name = "dsb2018"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return where the folders of images are, or None."""
        if options.images is not None or options.masks is not None:
            return None
        if (source / "images").is_dir() and (source / "masks").is_dir():
            return None
        roots = _roots(source)
        return _reason(roots, source) if roots else None

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return an image a folder; DatasetError when a folder holds several images."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with dsb2018")
        roots = _roots(source)
        if not roots:
            raise DatasetError(
                f"{source}: has no folders such as stage1_train/ID/images/ and "
                "stage1_train/ID/masks/ with one mask file per nucleus"
            )
        pairs, unmatched = [], []
        for folder in (child for root in roots for child in _children(root)):
            image = _image_of(folder)
            masks = _masks_of(folder)
            if image is None or not masks:
                unmatched.append(str(folder if image is None else image))
                continue
            label = f"{path_label(folder / 'masks', source)}/ ({counted(len(masks), 'file')})"
            place = path_label(image, source)
            pairs.append(NucleiPair(folder.name, image, masks, place, label, options.reading))
        twice, times = Counter(pair.id for pair in pairs).most_common(1)[0] if pairs else ("", 0)
        if times > 1:
            raise DatasetError(
                f"{source}: {twice} is a folder of several of "
                f"{', '.join(root.name for root in roots)}; prepare one of them"
            )
        n_nuclei = sum(len(pair.masks) for pair in pairs)
        return FoundSource(
            layout=self.name,
            reason=_reason(roots, source),
            folders=tuple(("images with masks of nuclei", str(root)) for root in roots),
            pairs=tuple(pairs),
            unmatched=tuple(unmatched),
            has_instances=True,
            notes=(
                f"{counted(n_nuclei, 'mask file')}, one per nucleus, merged into label maps; where "
                "two overlap, the later by name wins",
                *_without_masks(source, roots),
            ),
        )


def _read_nucleus(path: Path, orientation: Orientation | None) -> NDArray[np.bool_]:
    """Return where a mask file is not 0; DatasetError unless it has one other value."""
    values = read_mask(path, orientation=orientation)
    if values.ndim == 3:
        values = values.max(axis=2)
    present = np.unique(values)
    if len(present) > 2 or (len(present) == 2 and present[0] != 0):
        raise DatasetError(
            f"{path}: has the values {present[:6].tolist()}; expected one nucleus per file, "
            "0 and one other value"
        )
    inside: NDArray[np.bool_] = values != 0
    return inside


def _roots(source: Path) -> list[Path]:
    """Return `source`, or the folders in it, that hold one folder an image."""
    for roots in ([source], sorted(p for p in source.iterdir() if p.is_dir())):
        found = [root for root in roots if any(_is_one_image(each) for each in _children(root))]
        if found:
            return found
    return []


def _children(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and (p / "images").is_dir())


def _is_one_image(folder: Path) -> bool:
    """Tell whether a folder holds one image and masks of other names: not a folder of pairs."""
    if not (folder / "masks").is_dir():
        return False
    images, masks = list_images(folder / "images").files, _masks_of(folder)
    stems = {image_stem(path) for path in masks}
    return len(images) == 1 and bool(masks) and image_stem(images[0]) not in stems


def _image_of(folder: Path) -> Path | None:
    images = list_images(folder / "images").files
    if len(images) > 1:
        raise DatasetError(
            f"{folder / 'images'}: holds {len(images)} images; expected one, with its nuclei in "
            "masks/"
        )
    return images[0] if images else None


def _masks_of(folder: Path) -> tuple[Path, ...]:
    return list_images(folder / "masks").files if (folder / "masks").is_dir() else ()


def _without_masks(source: Path, roots: list[Path]) -> list[str]:
    """Return a sentence for the folders beside those used whose images have no masks at all."""
    if roots == [source]:
        return []
    names = [p for p in sorted(source.iterdir()) if p.is_dir() and p not in roots and _children(p)]
    return [
        f"{p.name}/ left out: no masks for its {counted(len(_children(p)), 'image')}" for p in names
    ]


def _reason(roots: list[Path], source: Path) -> str:
    where = ", ".join(path_label(root, source) for root in roots)
    return f"one folder per image with images/ and masks/ in {where}"
