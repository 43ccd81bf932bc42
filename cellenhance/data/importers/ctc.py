"""The Cell Tracking Challenge: ``01/t000.tif`` with ``01_GT/SEG/man_seg000.tif``.

A sequence is a group. Only frames with a segmentation are samples; ``man_seg_000_012.tif`` is plane
12 of frame 0. Where there is no gold truth the silver one (``01_ST``) is taken, and that is said.
The short form ``img/t00.tif`` with ``gt/man_seg00.tif`` is read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellenhance.data.files.readers import open_image, read_mask
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.file_pair import (
    FilePair,
    describe_planes,
    expand_planes,
    name_pairs,
    pair_of,
    path_label,
)
from cellenhance.data.importers.places import has_pair_folders
from cellenhance.errors import DatasetError, ImageReadError, SettingsError
from cellenhance.texts import counted

_FRAME = re.compile(r"t([0-9]{2,6})\.tiff?", re.I)
_SEG = re.compile(r"man_seg_?([0-9]{2,6})(?:_([0-9]{1,6}))?\.tiff?", re.I)
_NUMBER = re.compile(r"[0-9]{2}")
_IMAGE_NAMES, _TRUTH_NAMES = ("img", "images", "raw"), ("gt", "seg", "masks", "labels")
_DEPTH = 2


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One sequence: its frames, its segmentations, and its markers of every cell if there are."""

    name: str
    images: Path
    truth: Path
    kind: str
    tracking: Path | None = None


class CtcImporter:
    """See the module."""

    name = "ctc"

    def recognise(self, source: Path, options: ImportOptions) -> str | None:
        """Return an example of the folders, or None."""
        if options.images is not None or options.masks is not None:
            return None
        found = next(_sequences(source), None)
        if found is None or (found.images.parent != source and has_pair_folders(source)):
            return None
        return _reason(found, source)

    def find(self, source: Path, options: ImportOptions) -> FoundSource:
        """Return the segmented frames; DatasetError when a segmentation has no frame."""
        if (options.images, options.masks, options.valid_mask) != (None, None, None):
            raise SettingsError("--images, --masks and --valid-mask do not go with ctc")
        sequences = list(_sequences(source))
        if not sequences:
            raise DatasetError(
                f"{source}: has no sequence such as 01/t000.tif with 01_GT/SEG/man_seg000.tif"
            )
        pairs: list[FilePair] = []
        unmatched: list[Path] = []
        notes: list[str] = []
        for each in sequences:
            new, lonely = _pairs(each, source)
            pairs, unmatched = pairs + new, unmatched + lonely
            notes += _describe(each, new)
        pairs = _named(pairs, source, options)
        return FoundSource(
            layout=self.name,
            reason=_reason(sequences[0], source),
            folders=tuple(
                (what, str(folder))
                for each in sequences
                for what, folder in (("frames", each.images), (each.kind, each.truth))
            ),
            pairs=tuple(pairs),
            unmatched=tuple(str(path) for path in unmatched),
            has_instances=True,
            notes=(*notes, *describe_planes([p for p in pairs if p.plane is not None])),
            warnings=(*_unchecked(sequences), *(t for s in sequences for t in _partial(s))),
        )


def _sequences(source: Path) -> Iterator[_Sequence]:
    """Yield the sequences of the first level that has any."""
    folders = [source]
    for _ in range(_DEPTH + 1):
        found = [sequence for folder in folders for sequence in _sequences_in(folder, source)]
        if found:
            yield from found
            return
        folders = [c for each in folders for c in sorted(each.iterdir()) if c.is_dir()]


def _sequences_in(folder: Path, source: Path) -> Iterator[_Sequence]:
    children = {child.name.lower(): child for child in sorted(folder.iterdir()) if child.is_dir()}
    for name, images in children.items():
        if not _NUMBER.fullmatch(name):
            continue
        markers = folder / f"{name}_GT" / "TRA"
        for kind, word in (("gold truth", "GT"), ("silver truth", "ST")):
            truth = folder / f"{name}_{word}" / "SEG"
            if truth.is_dir() and _files(truth, _SEG):
                tracking = markers if kind == "gold truth" and markers.is_dir() else None
                yield _Sequence(path_label(images, source), images, truth, kind, tracking)
                break
    short = [children[name] for name in _IMAGE_NAMES if name in children]
    truths = [children[name] for name in _TRUTH_NAMES if name in children]
    for images in short[:1]:
        for truth in truths[:1]:
            if _files(images, _FRAME) and _files(truth, _SEG):
                name = folder.name if folder == source else path_label(folder, source)
                yield _Sequence(name, images, truth, "truth")


def _files(folder: Path, pattern: re.Pattern[str]) -> list[tuple[re.Match[str], Path]]:
    matches = [(pattern.fullmatch(path.name), path) for path in sorted(folder.iterdir())]
    return [(match, path) for match, path in matches if match is not None]


def _pairs(sequence: _Sequence, source: Path) -> tuple[list[FilePair], list[Path]]:
    """Return the pairs of a sequence, and segmentations of frames that are not there."""
    frames = {int(match[1]): path for match, path in _files(sequence.images, _FRAME)}
    pairs, lonely = [], []
    for match, path in _files(sequence.truth, _SEG):
        frame = frames.get(int(match[1]))
        if frame is None:
            lonely.append(path)
            continue
        pair = replace(pair_of(frame, path, source), group=sequence.name.replace("/", "__"))
        if match[2] is not None:
            plane = int(match[2])
            pair = replace(pair, plane=plane, image_label=f"{pair.image_label}[{plane}]")
        pairs.append(pair)
    return pairs, lonely


def _named(pairs: Sequence[FilePair], source: Path, options: ImportOptions) -> list[FilePair]:
    """Return the pairs with ids; planes that were segmented singly are named by their number."""
    by_image = {pair.image: pair for pair in pairs}
    ids = {pair.image: pair.id for pair in name_pairs(list(by_image.values()), source)}
    named = []
    for pair in pairs:
        plane = "" if pair.plane is None else f"_z{pair.plane:03d}"
        named.append(replace(pair, id=ids[pair.image] + plane, reading=options.reading))
    whole = expand_planes(named)
    for pair in whole:
        _check_plane(pair)
    return whole


def _check_plane(pair: FilePair) -> None:
    if pair.plane is None or pair.mask_plane is not None:
        return
    try:
        with open_image(pair.image, **pair.reading.arguments) as frame:
            n_planes = frame.info.n_planes
    except ImageReadError:  # the survey words it
        return
    if pair.plane >= n_planes:
        raise DatasetError(
            f"{pair.mask_label}: segments plane {pair.plane}, {pair.image.name} has planes 0 to "
            f"{n_planes - 1}"
        )


def _describe(sequence: _Sequence, pairs: Sequence[FilePair]) -> list[str]:
    n_frames = len(_files(sequence.images, _FRAME))
    n_left = n_frames - len({pair.image for pair in pairs})
    notes = [f"sequence {sequence.name}: {n_left} of {n_frames} frames have no segmentation"]
    notes = notes if n_left else []
    silver = sequence.truth.parent.parent / f"{sequence.images.name}_ST" / "SEG"
    if sequence.kind == "silver truth":
        notes.append(f"sequence {sequence.name}: no gold truth, so the silver truth is used")
    elif sequence.kind == "gold truth" and silver.is_dir():
        notes.append(
            f"sequence {sequence.name}: the silver truth of {len(_files(silver, _SEG))} frames is "
            f"not used; to use it give --images {sequence.images.name} --masks "
            f"{silver.parent.name}/SEG"
        )
    return notes


def _unchecked(sequences: Sequence[_Sequence]) -> list[str]:
    """Return a warning that names sequences without markers to check their segmentation by."""
    names = [s.name for s in sequences if s.tracking is None and s.kind != "silver truth"]
    if not names:
        return []
    return [
        f"{counted(len(names), 'sequence')} without TRA/ ({', '.join(names)}): the challenge does "
        "not segment every cell of every frame, which cannot be checked here; cells left out count "
        "as background"
    ]


def _partial(sequence: _Sequence) -> Iterator[str]:
    """Yield a warning when markers show cells that the segmentation lacks."""
    if sequence.tracking is None:
        return
    missing: dict[str, int] = {}
    for match, path in _files(sequence.truth, _SEG):
        markers = sequence.tracking / f"man_track{match[1]}.tif"
        if match[2] is not None or not markers.is_file():
            continue
        try:
            truth, tracks = read_mask(path), read_mask(markers)
        except ImageReadError:  # volumes, and what the survey words
            continue
        if truth.shape == tracks.shape:
            seen = np.unique(tracks[truth != 0])
            n_missing = len(np.setdiff1d(tracks, np.append(seen, 0)))
            if n_missing:
                missing[path.name] = n_missing
    if missing:
        n_cells, names = sum(missing.values()), ", ".join(list(missing)[:5])
        yield (
            f"sequence {sequence.name}: no segmentation of {counted(n_cells, 'marked cell')} in "
            f"{counted(len(missing), 'frame')} ({names}): what is missing counts as background; "
            "leave these frames out with --exclude"
        )


def _reason(sequence: _Sequence, source: Path) -> str:
    frames, truth = (path_label(p, source) for p in (sequence.images, sequence.truth))
    return f"frames tNNN.tif in {frames}/ with man_segNNN.tif in {truth}/"
