"""Any lab's files into our dataset folder: find, survey, decide, write.

`survey_source` reads and changes nothing, `plan_dataset` decides or refuses, `write_dataset`
writes. A command shows what each returns before it calls the next.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from cellenhance.arrays import IGNORE
from cellenhance.data.build import DatasetBuilder, check_output_folder
from cellenhance.data.channels import ChannelPlan, plan_channels
from cellenhance.data.classmap import (
    ClassMap,
    encode_mask,
    parse_class,
)
from cellenhance.data.importers.contract import FoundSource
from cellenhance.data.instances import instance_classes
from cellenhance.data.manifest import (
    Dataset,
    DatasetDescription,
    SegmentationClass,
    class_color,
)
from cellenhance.data.splits import DEFAULT_SPLIT, SplitTable, save_split
from cellenhance.data.survey import PairFacts, Survey, load_valid, survey_pairs
from cellenhance.data.writers import replacing_folder
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.settings import validate_settings
from cellenhance.tasks.prepare_pairs import find_pairs
from cellenhance.tasks.prepare_request import (
    PrepareRequest,
    SourceSurvey,
    check_mapped,
    fitting_command,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparePlan:
    """Everything that decides what is written."""

    request: PrepareRequest
    source: FoundSource
    survey: Survey
    class_map: ClassMap
    channels: ChannelPlan
    description: DatasetDescription


@dataclass(frozen=True, slots=True)
class PrepareResult:
    """The dataset as written and the split that the source brought, if any."""

    dataset: Dataset
    split: SplitTable | None
    equal_images: tuple[tuple[str, ...], ...]


def prepare_dataset(request: PrepareRequest, progress: ProgressCallback = silent) -> PrepareResult:
    """Find, survey, plan and write in one call; errors as in the three steps."""
    return write_dataset(plan_dataset(survey_source(request, progress)), progress)


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
    _check_channel_choice(request)
    user_rules = tuple(parse_class(text) for text in request.classes)
    is_color = ClassMap(user_rules, request.ignore).is_color
    source, pairs = find_pairs(request)
    survey = survey_pairs(pairs, channel=request.channel, as_color=is_color, progress=progress)
    rules = user_rules
    if not rules and request.instances is not None:
        rules = instance_classes(request.instances)
    elif not rules:
        rules = source.default_classes
        request = replace(request, ignore=request.ignore or source.ignore)
    return SourceSurvey(request, source, survey, rules)


def plan_dataset(found: SourceSurvey) -> PreparePlan:
    """Decide classes and channels.

    Raises
    ------
    DatasetError
        Mask values have no class (the fitting command is printed), or channels differ.
    SettingsError
        `background` or a class name does not fit.
    """
    request, survey = found.request, found.survey
    class_map = ClassMap(found.rules, request.ignore)
    if class_map.rules and survey.is_color and not class_map.is_color:
        raise DatasetError(
            f"{request.source}: masks are coloured; give classes as colours: "
            f"{fitting_command(found)}"
        )
    check_mapped(found, class_map)
    for rule in class_map.rules:
        if not any(code in survey.codes for code in rule.codes):
            logger.warning("class %s (%s) is in no mask", rule.name, rule.as_option())
    channels = plan_channels(
        [each.channels for each in survey.facts], grey=request.grey is not None
    )
    for note in channels.notes:
        logger.info("%s", note)
    for warning in channels.warnings:
        logger.warning("%s", warning)
    description = _describe(found, class_map, channels)
    return PreparePlan(request, found.source, survey, class_map, channels, description)


def write_dataset(plan: PreparePlan, progress: ProgressCallback = silent) -> PrepareResult:
    """Write the dataset folder; it appears complete or not at all."""
    output = plan.request.output
    with replacing_folder(output) as folder:
        builder = DatasetBuilder(folder, plan.description)
        for done, facts in enumerate(plan.survey.facts, start=1):
            _write_pair(plan, facts, builder)
            progress(done, len(plan.survey.facts), "writing")
        equal = tuple(builder.equal_images())
        built = builder.finish()
        dataset = Dataset(output, built.description, built.samples)
        split = _source_split(plan, dataset)
        if split is not None:
            save_split(built, split)
    for ids in equal:
        logger.warning("identical images: %s; they share a group", ", ".join(ids))
    return PrepareResult(dataset, split, equal)


def _write_pair(plan: PreparePlan, facts: PairFacts, builder: DatasetBuilder) -> None:
    pair = facts.pair
    image, _ = pair.load_image(plan.request.channel)
    is_color = plan.survey.is_color
    codes = encode_mask(pair.load_mask(expand_palette=plan.class_map.is_color), is_color=is_color)
    valid = load_valid(pair, codes.shape)
    if valid is None:
        mask = plan.class_map.apply(codes)
    else:
        mask = np.full(codes.shape, IGNORE, dtype=np.uint8)
        mask[valid] = plan.class_map.apply(codes[valid])
    builder.add(pair.id, plan.channels.apply(image, facts.channels), mask, pair.group)


def _source_split(plan: PreparePlan, dataset: Dataset) -> SplitTable | None:
    kept = {row.id for row in dataset.samples}
    rows = tuple(row for row in plan.source.split if row.id in kept)
    return SplitTable(DEFAULT_SPLIT, rows) if rows else None


def _check_output(request: PrepareRequest) -> None:
    output, source = request.output.resolve(), request.source.resolve()
    if output == source or source.is_relative_to(output):
        raise SettingsError(
            f"{request.output}: would replace the source {request.source}; choose another output"
        )
    check_output_folder(request.output, overwrite=request.overwrite)


def _check_channel_choice(request: PrepareRequest) -> None:
    if request.grey not in (None, "mean"):
        raise SettingsError(f"--grey {request.grey}: expected mean")
    if request.grey is not None and request.channel is not None:
        raise SettingsError("--channel and --grey both choose what is kept; give one of them")


def _describe(
    found: SourceSurvey, class_map: ClassMap, channels: ChannelPlan
) -> DatasetDescription:
    request = found.request
    names = [rule.name for rule in class_map.rules]
    background = request.background
    if background is None:
        background = next((name for name in names if name.lower() == "background"), None)
    pixel_size = request.pixel_size_um or found.survey.pixel_size_um
    classes = [{"index": i, "name": name, "color": class_color(i)} for i, name in enumerate(names)]
    values = {
        "name": request.name or request.source.resolve().name or "dataset",
        "classes": classes,
        "background": background,
        "channels": channels.n_channels,
        "channel_names": channels.names,
        "pixel_size_um": pixel_size,
        "source": f"{request.source.resolve().name} ({found.source.layout})",
        "licence": request.licence,
    }
    return validate_settings(
        DatasetDescription,
        {**values, "classes": [SegmentationClass(**c) for c in classes]},
        where="the options of prepare",
    )
