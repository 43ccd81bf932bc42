"""Cellpose's training folders: ``x.tif`` with the label map ``x_masks.tif`` or ``.png`` beside it.

``_cp_masks`` is what Cellpose writes, ``x_img`` and ``x_masks`` what its own set is named like.
``_seg.npy`` holds a pickled object and is never read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from cellenhance.data.files.readers import image_stem
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import (
    FilePair,
    describe_planes,
    expand_planes,
    name_pairs,
    pair_of,
)
from cellenhance.data.importers.pairing import list_images
from cellenhance.data.importers.places import find_places, has_pair_folders
from cellenhance.data.importers.subsets import describe_split, split_by_folders
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.texts import counted

_MASKS = ("_cp_masks", "_masks")
_BESIDE = ("_cp_output", "_flows", "_cp_flows", "_outlines", "_cp_outlines", "_prob", "_dP")
_PICKLE = "_seg.npy"
_WAY_OUT = (
    "in the Cellpose GUI open the image and choose File > Save masks as PNG/tif, then prepare again"
)


@dataclass(frozen=True, slots=True)
class _Folder:
    """What one folder holds: pairs, images with a pickle alone, and all without a mask."""

    path: Path
    pairs: tuple[FilePair, ...]
    pickles: tuple[Path, ...]
    lonely: tuple[Path, ...]


class CellposeImporter:
    """See the module."""

    name = "cellpose"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of the names, or None."""
        if options.images is not None or options.masks is not None:
            return None
        found = [each for each in _folders(source) if each.pairs or each.pickles]
        if not found or (not any(each.pairs for each in found) and find_places(source)):
            return None  # pickles beside images that have masks elsewhere
        if found[0].path != source and has_pair_folders(source):
            return None
        return _reason(found[0])

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the pairs; DatasetError when masks are in ``_seg.npy`` alone."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with cellpose")
        found = [each for each in _folders(source) if each.pairs or each.pickles]
        pickles = [path for each in found for path in each.pickles]
        pairs = [pair for each in found for pair in each.pairs]
        if not pairs and pickles:
            raise DatasetError(
                f"{pickles[0]}: is a Python pickle, which is never read "
                f"({counted(len(pickles), 'pickle')}, no masks as images); {_WAY_OUT}"
            )
        if not pairs:
            raise DatasetError(f"{source}: has no image with its masks beside it as NAME_masks.tif")
        named = name_pairs(pairs, source)
        pairs = expand_planes([replace(p, reading=options.reading) for p in named])
        split = split_by_folders(pairs, source)
        notes = [f"not read: {counted(len(pickles), 'Python pickle')} (*{_PICKLE}); {_WAY_OUT}"]
        return FoundSource(
            layout=self.name,
            reason=_reason(found[0]),
            folders=tuple(("images and masks", str(each.path)) for each in found),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for each in found for path in each.lonely),
            split=split,
            has_instances=True,
            notes=(*describe_planes(pairs), *describe_split(split)),
            warnings=tuple(notes if pickles else ()),
        )


def _folders(source: Path) -> list[_Folder]:
    """Return what `source` holds, or the folders in it when it holds nothing itself."""
    for folders in ([source], sorted(p for p in source.iterdir() if p.is_dir())):
        found = [_look(folder, source) for folder in folders]
        if any(each.pairs or each.pickles for each in found):
            return found
    return []


def _look(folder: Path, source: Path) -> _Folder:
    images: dict[str, list[Path]] = {}
    masks: dict[str, list[Path]] = {}
    for path in list_images(folder, recursive=False).files:
        stem = image_stem(path)
        if stem.endswith(_BESIDE):
            continue
        suffix = next((each for each in _MASKS if stem.endswith(each)), None)
        side, key = (images, stem) if suffix is None else (masks, stem.removesuffix(suffix))
        side.setdefault(key, []).append(path)
    partner = {key: images.get(key) or images.get(f"{key}_img") or [] for key in masks}
    for key, files in partner.items():
        several = next((each for each in (files, masks[key]) if files and len(each) > 1), None)
        if several is not None:
            raise DatasetError(
                f"{folder}: {several[0].name} and {several[1].name} would be one sample; keep one "
                "of them"
            )
    pairs = tuple(
        pair_of(files[0], masks[key][0], source) for key, files in partner.items() if files
    )
    used = {pair.image for pair in pairs}
    lonely = [path for files in images.values() for path in files if path not in used]
    pickles = [folder / f"{image_stem(path)}{_PICKLE}" for path in lonely]
    lonely += [path for key, files in partner.items() if not files for path in masks[key]]
    return _Folder(folder, pairs, tuple(p for p in pickles if p.is_file()), tuple(lonely))


def _reason(found: _Folder) -> str:
    if found.pairs:
        pair = found.pairs[0]
        return f"{pair.mask.name} beside {pair.image.name}"
    return f"{found.pickles[0].name} beside its image"
