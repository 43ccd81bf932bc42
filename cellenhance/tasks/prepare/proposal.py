"""A command for a source whose folders of images and masks the user has to name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cellenhance.data.importers.registry import find_source
from cellenhance.data.importers.survey import survey_pairs
from cellenhance.errors import CellEnhanceError
from cellenhance.tasks.prepare.classes import choose_classes
from cellenhance.tasks.prepare.pairs import import_options
from cellenhance.tasks.prepare.requests import PrepareRequest
from cellenhance.tasks.prepare.unmapped import suggest_command

_MOST_READ = 200
"""So many pairs are read to find the mask values that need a class."""


def propose_folders(request: PrepareRequest, places: Sequence[tuple[Path, Path]]) -> str:
    """Return the end of a refusal: a command with folders and classes filled in, tried; or "".

    Parameters
    ----------
    places : folders of images and of masks that may be meant, the best guess first
    """
    for images, masks in places:
        try:
            command = _try(request, _below(images, request.place), _below(masks, request.place))
        except CellEnhanceError:
            continue
        if command is not None:
            return f"; for example: {command}"
    return ""


def _try(request: PrepareRequest, images: Path, masks: Path) -> str | None:
    """Return the command for these folders; None where no classes can be proposed."""
    files = request.files.model_copy(update={"images": images, "masks": masks})
    request = request.model_copy(update={"files": files})
    source = find_source(request.place, request.layout, import_options(request))
    if source.unmatched:
        files = files.model_copy(update={"skip_unmatched": True})
        request = request.model_copy(update={"files": files})
    survey = survey_pairs(
        source.pairs[:_MOST_READ],
        channel=request.reading.channel,
        allow_missing=request.reading.nan is not None,
    )
    return suggest_command(choose_classes(request, source, survey))


def _below(folder: Path, source: Path) -> Path:
    return folder.relative_to(source) if folder.is_relative_to(source) else folder
