"""Any lab's files into our dataset folder: find, survey, decide, write.

`survey_source` reads and changes nothing, `plan_dataset` decides or refuses, `write_dataset`
writes. A command shows what each returns before it calls the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cellenhance.data.classes.class_map import ClassMap, parse_class
from cellenhance.data.dataset.build import check_output_folder
from cellenhance.data.files.archives import is_archive, unpacked
from cellenhance.data.importers.folder_guess import UnclearFoldersError
from cellenhance.data.importers.survey import survey_pairs
from cellenhance.errors import CellEnhanceError, DatasetError, SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.prepare.classes import choose_classes, named_values
from cellenhance.tasks.prepare.found import SourceSurvey
from cellenhance.tasks.prepare.pairs import find_pairs, read_by_rule, say_instances
from cellenhance.tasks.prepare.plan import plan_dataset
from cellenhance.tasks.prepare.proposal import propose_folders
from cellenhance.tasks.prepare.requests import PrepareRequest
from cellenhance.tasks.prepare.write import PrepareResult, write_dataset


def prepare_dataset(request: PrepareRequest, progress: ProgressCallback = silent) -> PrepareResult:
    """Find, survey, plan and write in one call; errors as in the three steps."""
    with opened_source(request, progress) as opened:
        return write_dataset(plan_dataset(survey_source(opened, progress)), progress)


@contextmanager
def opened_source(
    request: PrepareRequest, progress: ProgressCallback = silent
) -> Iterator[PrepareRequest]:
    """Yield the request with its files in reach; survey, plan and write happen inside.

    An archive is unpacked into a private folder for as long. Errors name the archive, not that
    folder.

    Raises
    ------
    DatasetError
        The archive is damaged, too large, or has entries that are refused.
    """
    if not is_archive(request.source):
        yield request
        return
    _check_output(request)
    with unpacked(
        request.source, limit_gib=request.files.archive_limit, progress=progress
    ) as folder:
        try:
            yield request.model_copy(update={"unpacked": folder})
        except CellEnhanceError as error:
            raise type(error)(str(error).replace(str(folder), str(request.source))) from error


def survey_source(request: PrepareRequest, progress: ProgressCallback = silent) -> SourceSurvey:
    """Return what `request.source` holds; writes nothing.

    Raises
    ------
    DatasetError
        The source has no known layout, a file has no partner or cannot be read.
    SettingsError
        An option does not fit, or the output exists.
    """
    _check_output(request)
    try:
        source, pairs = find_pairs(request)
    except UnclearFoldersError as error:
        raise DatasetError(f"{error}{propose_folders(request, error.places)}") from error
    request, pairs = read_by_rule(request, source, pairs, progress)
    request = named_values(request, source)
    user_rules = tuple(parse_class(text) for text in request.classes)
    is_color = ClassMap(user_rules, request.ignore).is_color
    if request.unpacked is not None:
        inside = str(request.unpacked), str(request.source)
        folders = tuple((role, where.replace(*inside)) for role, where in source.folders)
        source = replace(source, folders=folders)
    survey = survey_pairs(
        pairs,
        channel=request.reading.channel,
        as_color=is_color,
        allow_missing=request.reading.nan is not None,
        progress=progress,
    )
    say_instances(pairs)
    return choose_classes(request, source, survey)


def _check_output(request: PrepareRequest) -> None:
    output, source = request.output.resolve(), request.source.resolve()
    if output == source or source.is_relative_to(output):
        raise SettingsError(
            f"{request.output}: would replace the source {request.source}; choose another output"
        )
    check_output_folder(request.output, overwrite=request.overwrite)
