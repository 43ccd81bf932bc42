"""Which of the pairs that an importer found are prepared, and how their masks are read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from cellenhance.data.classes.class_map import parse_codes
from cellenhance.data.files.folder_tree import walk_folder
from cellenhance.data.files.letters import composed, say_spellings
from cellenhance.data.files.options import StackReadingOptions
from cellenhance.data.files.readers import image_stem, whole_of
from cellenhance.data.importers.background import find_background
from cellenhance.data.importers.contract import FoundPair, FoundSource, ImportOptions
from cellenhance.data.importers.instances import (
    InstancePair,
    describe_counts,
    has_drawn_objects,
    instance_pairs,
)
from cellenhance.data.importers.options import AUTO
from cellenhance.data.importers.paired import PairedImporter
from cellenhance.data.importers.registry import find_source
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.prepare.classes import named_values
from cellenhance.tasks.prepare.requests import PrepareRequest
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


def import_options(request: PrepareRequest) -> ImportOptions:
    """Return what an importer needs to know of the request; channels are chosen later."""
    files, reading = request.files, request.reading
    return ImportOptions(
        images=files.images,
        masks=files.masks,
        valid_mask=files.valid_mask,
        reading=StackReadingOptions(
            axes=reading.axes,
            series=reading.series,
            orientation=reading.orientation,
            projection=reading.projection,
        ),
        exclude=files.exclude,
    )


def find_pairs(request: PrepareRequest) -> tuple[FoundSource, tuple[FoundPair, ...]]:
    """Return what an importer found, and the pairs of it that are wanted.

    Raises
    ------
    DatasetError
        The source has no known layout, a file has no partner, or no pair is left.
    """
    source = find_source(request.place, request.layout, import_options(request))
    _check_unmatched(source, request)
    pairs = _without_excluded(source.pairs, request)
    if not pairs:
        why = "--exclude leaves none" if source.pairs else "the folders of this layout are empty"
        raise DatasetError(f"{request.source}: no pair of image and mask ({why})")
    say_spellings((pair.image_label, pair.mask_label) for pair in pairs)
    for note in source.notes:
        logger.info("%s", note)
    for warning in source.warnings:
        logger.warning("%s", warning)
    return source, pairs


def read_by_rule(
    request: PrepareRequest,
    source: FoundSource,
    pairs: tuple[FoundPair, ...],
    progress: ProgressCallback = silent,
) -> tuple[PrepareRequest, tuple[FoundPair, ...]]:
    """Return the pairs whose label maps become classes, and the request with their background.

    Without ``--instances`` both are as they were. Where objects were drawn with a class each
    there is nothing to find out: what no object covers is background.

    Raises
    ------
    DatasetError
        The values of the label maps leave open which one is background.
    """
    settings = request.instances
    if settings.rule is None:
        return request, pairs
    ignored = {
        code
        for text in named_values(request, source).ignore
        for code in parse_codes(text, f"--ignore {text}")[0]
    }
    if settings.background is None and not has_drawn_objects(source):
        may_be_absent = settings.rule != "binary"  # a mask of one class teaches nothing
        found = find_background(pairs, ignored, may_be_absent=may_be_absent, progress=progress)
        if found.note is not None:
            logger.info("%s", found.note)
        if found.warning is not None:
            logger.warning("%s", found.warning)
        settings = settings.model_copy(update={"background": found.codes})
    request = request.model_copy(update={"instances": settings})
    return request, instance_pairs(source, pairs, settings, ignored)


def say_instances(pairs: Sequence[FoundPair]) -> None:
    """Say how many objects label maps hold, once they were read, and which a rule swallows."""
    by_rule = [pair for pair in pairs if isinstance(pair, InstancePair)]
    if not by_rule:
        return
    counts = list(by_rule[0].counts.values())
    logger.info(
        "%s in %s",
        counted(sum(count.n for count in counts), "object"),
        counted(len(counts), "mask"),
    )
    warning = describe_counts(counts, by_rule[0].settings)
    if warning is not None:
        logger.warning("%s", warning)


def _check_unmatched(source: FoundSource, request: PrepareRequest) -> None:
    lonely = [
        name
        for name in source.unmatched
        if {Path(name).name, image_stem(Path(name))}.isdisjoint(request.files.exclude)
        and whole_of(Path(name)) is None
    ]
    if not lonely:
        return
    named = name_some(lonely)
    if not request.files.skip_unmatched:
        is_guess = request.layout == AUTO and source.layout != PairedImporter.name
        other = f", or choose another --layout ({source.reason})" if is_guess else ""
        raise DatasetError(
            f"{counted(len(lonely), 'file')} without a partner: {named}; add the missing files or "
            f"leave these out with --skip-unmatched{other}"
        )
    logger.warning("%s without a partner left out: %s", counted(len(lonely), "file"), named)


def _without_excluded(pairs: Sequence[FoundPair], request: PrepareRequest) -> tuple[FoundPair, ...]:
    known = {composed(name) for pair in pairs for name in pair.names()}
    for name in request.files.exclude:
        if composed(name) not in known and not _is_file(request.place, name):
            raise DatasetError(f"--exclude {name!r}: no image, mask or stem has this name")
    excluded = {composed(name) for name in request.files.exclude}
    kept: list[FoundPair] = []
    left_out: list[FoundPair] = []
    for pair in pairs:
        is_kept = excluded.isdisjoint(map(composed, pair.names()))
        (kept if is_kept else left_out).append(pair)
    if left_out:
        logger.info(
            "%s excluded by name: %s",
            counted(len(left_out), "pair"),
            name_some([pair.image_label for pair in left_out]),
        )
    return tuple(kept)


def _is_file(source: Path, name: str) -> bool:
    """Tell whether a file of this name or stem is in the source, with or without a partner."""
    return any(name in (path.name, image_stem(path)) for path in walk_folder(source).files)
