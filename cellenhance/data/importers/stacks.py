"""Volumes beside their label volumes in one folder: ``train-volume.tif`` and ``train-labels.tif``.

The names are equal but for a word such as volume and labels, or img and mask. Each page is a
sample, each volume a group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.data.files.readers import image_stem, open_image
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import (
    STACK_SUFFIXES,
    FilePair,
    describe_planes,
    expand_planes,
    name_pairs,
    pair_of,
)
from cellenhance.data.importers.leftovers import say_damage
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.importers.places import has_pair_folders
from cellenhance.errors import DatasetError, ImageReadError, SettingsError

IMAGE_WORDS = ("volumes", "volume", "images", "image", "imgs", "img", "raw", "input")
MASK_WORDS = ("labels", "label", "masks", "mask", "gt", "groundtruth", "seg", "segmentation")
_DEPTH = 2


@dataclass(frozen=True, slots=True)
class _Stacks:
    """The pairs of a folder and the volumes of it that have no labels."""

    folder: Path
    pairs: tuple[FilePair, ...]
    lonely: tuple[Path, ...]
    others: tuple[Path, ...]


class StacksImporter:
    """See the module."""

    name = "stacks"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of the names when one of the volumes has several pages, or None."""
        if options.images is not None or options.masks is not None:
            return None
        found = next(_folders(source, options), None)
        if found is None or (found.folder != source and has_pair_folders(source)):
            return None
        return _reason(found)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return a pair a page; DatasetError when a volume and its labels differ in length."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with stacks")
        found = list(_folders(source, options))
        if not found:
            raise DatasetError(
                f"{source}: has no volume of several pages beside its labels; expected names such "
                "as train-volume.tif and train-labels.tif, or img.tif and "
                f"mask.tif{say_damage(source)}"
            )
        stacks = name_pairs([pair for each in found for pair in each.pairs], source)
        pairs = expand_planes([replace(p, group=p.id, reading=options.reading) for p in stacks])
        others = [path.name for each in found for path in each.others]
        return FoundSource(
            layout=self.name,
            reason=_reason(found[0]),
            folders=tuple(("volumes and labels", str(each.folder)) for each in found),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for each in found for path in each.lonely),
            notes=(
                *([f"left out: {', '.join(others[:6])}"] if others else []),
                *describe_planes(pairs),
            ),
        )


def _folders(source: Path, options: ImportOptions) -> Iterator[_Stacks]:
    """Yield the folders of the first level where a volume of several pages has labels."""
    folders = [source]
    for _ in range(_DEPTH + 1):
        matched = [each for folder in folders for each in [_match(folder, source)] if each.pairs]
        if any(_has_pages(pair.image, options) for each in matched for pair in each.pairs):
            yield from matched
            return
        folders = [c for each in folders for c in sorted(each.iterdir()) if c.is_dir()]


def _match(folder: Path, source: Path) -> _Stacks:
    """Match the stacks of a folder by what is left of their names without the word."""
    images: dict[str, list[Path]] = {}
    masks: dict[str, list[Path]] = {}
    others = []
    for path in list_images(folder, recursive=False).files:
        stem = image_stem(path).lower()
        image, mask = (_without_word(stem, words) for words in (IMAGE_WORDS, MASK_WORDS))
        if path.suffix.lower() not in STACK_SUFFIXES:
            others.append(path)
        elif mask is not None:
            masks.setdefault(mask, []).append(path)
        elif image is not None:
            images.setdefault(image, []).append(path)
        else:
            others.append(path)
    both = [rest for rest in images if rest in masks]
    for files in [side[rest] for rest in both for side in (images, masks)]:
        if len(files) > 1:
            raise DatasetError(
                f"{folder}: {files[0].name} and {files[1].name} could both be the same stack; keep "
                "one of them"
            )
    sides = (images, masks)
    lonely = [p for side in sides for rest, ps in side.items() if rest not in both for p in ps]
    pairs = tuple(pair_of(images[rest][0], masks[rest][0], source) for rest in both)
    return _Stacks(folder, pairs, tuple(lonely), tuple(others))


def _has_pages(path: Path, options: ImportOptions) -> bool:
    how = options.reading
    try:
        with open_image(path, series=how.series, orientation=how.orientation) as source:
            return source.info.n_planes > 1
    except ImageReadError:
        return False


def _without_word(stem: str, words: tuple[str, ...]) -> str | None:
    """Return a stem without the one word of `words` that it has, None when it has none.

    Examples
    --------
    >>> _without_word("train-volume", IMAGE_WORDS), _without_word("img3d", IMAGE_WORDS)
    ('train-#', '#3d')
    """
    for word in words:
        rest, n_found = re.subn(rf"(?<![a-z]){word}(?![a-z])", "#", stem)
        if n_found == 1:
            return rest
    return None


def _reason(found: _Stacks) -> str:
    pair = found.pairs[0]
    return f"{pair.image.name} beside {pair.mask.name}, with several pages"
