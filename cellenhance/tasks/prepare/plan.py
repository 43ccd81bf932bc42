"""What of a surveyed source is written: classes, channels, mended masks and tiles; or why not."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MaskArray
from cellenhance.data.classes.class_map import ClassMap, encode_mask, row_blocks
from cellenhance.data.classes.snapping import Snapped, snap_codes
from cellenhance.data.dataset.manifest import DatasetDescription, SegmentationClass, class_color
from cellenhance.data.files.archives import archive_stem
from cellenhance.data.files.channels import ChannelPlan, plan_channels
from cellenhance.data.importers.contract import FoundSource
from cellenhance.data.importers.survey import PairFacts, Survey, load_valid
from cellenhance.data.name_lists import name_some
from cellenhance.data.tiles import Tile, cut_tiles
from cellenhance.errors import DatasetError, SettingsError
from cellenhance.settings import validate_settings
from cellenhance.tasks.prepare.found import SourceSurvey
from cellenhance.tasks.prepare.requests import PrepareRequest
from cellenhance.tasks.prepare.unmapped import check_mapped, fitting_command
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparePlan:
    """Everything that decides what is written.

    Attributes
    ----------
    snapped : pixels of each mask, by its label, that are set to the nearest value with a class
    """

    request: PrepareRequest
    source: FoundSource
    survey: Survey
    class_map: ClassMap
    channels: ChannelPlan
    description: DatasetDescription
    snapped: dict[str, int] = field(default_factory=dict)

    @property
    def n_samples(self) -> int:
        """Number of samples, tiles counted each."""
        return sum(len(self.tiles(facts)) for facts in self.survey.facts)

    def tiles(self, facts: PairFacts) -> tuple[Tile, ...]:
        """Return the tiles of one pair; a single one is the whole image."""
        side = self.request.tile or max(facts.height, facts.width)
        return cut_tiles(facts.height, facts.width, side)

    def mask_of(self, facts: PairFacts) -> MaskArray:
        """Read the mask of a pair as (H, W) class indices, 255 outside its valid mask."""
        read, valid = _read_mask(facts, self.class_map)
        if facts.pair.mask_label in self.snapped:
            codes = _encode(read, valid, self.survey, self.class_map)
            mask = self.class_map.apply(_snap(facts, codes, self.survey, self.class_map).codes)
        else:
            mask = np.empty(read.shape[:2], dtype=np.uint8)
            for rows in row_blocks(mask.shape):
                part = None if valid is None else valid[rows]
                codes = _encode(read[rows], part, self.survey, self.class_map)
                mask[rows] = self.class_map.apply(codes)
        if valid is not None:
            mask[~valid] = IGNORE
        return mask


def plan_dataset(found: SourceSurvey) -> PreparePlan:
    """Decide classes, channels and what is mended.

    Raises
    ------
    DatasetError
        Mask values have no class (the fitting command is printed), or channels differ.
    SettingsError
        `background` or a class name does not fit.
    """
    request, survey = found.request, found.survey
    class_map = ClassMap(found.rules, request.ignore)
    _check_effect(request, survey)
    if class_map.rules and survey.is_color and not class_map.is_color:
        raise DatasetError(
            f"{request.source}: masks are coloured; give classes as colours: "
            f"{fitting_command(found)}"
        )
    snapped = _find_strays(found, class_map)
    if not snapped:
        check_mapped(found, class_map, can_snap=lambda: _can_snap(found, class_map))
    absent = [r for r in class_map.rules if survey.codes.keys().isdisjoint(r.codes)]
    if len(absent) == 1:
        logger.warning("class %s (%s) is in no mask", absent[0].name, absent[0].as_option())
    elif absent:
        names = name_some([rule.name for rule in absent])
        logger.warning("%d classes are in no mask: %s", len(absent), names)
    _say_missing(survey)
    channels = plan_channels(
        [each.channels for each in survey.facts], grey=request.reading.grey is not None
    )
    for note in channels.notes:
        logger.info("%s", note)
    for warning in channels.warnings:
        logger.warning("%s", warning)
    description = _describe(found, class_map, channels, snapped)
    return PreparePlan(request, found.source, survey, class_map, channels, description, snapped)


def _check_effect(request: PrepareRequest, survey: Survey) -> None:
    """Refuse what the description would say was done, where there is nothing to do it to."""
    how = request.reading.projection
    if how is not None and not any(each.is_projected for each in survey.facts):
        raise SettingsError(
            f"--projection {how}: no image has several Z planes; leave it out, or name the axes of "
            "the files, such as --axes ZYX"
        )
    if request.reading.grey is not None and all(
        each.channels.n_channels == 1 for each in survey.facts
    ):
        raise SettingsError(
            f"--grey {request.reading.grey}: all images have one channel; leave it out"
        )


def _find_strays(found: SourceSurvey, class_map: ClassMap) -> dict[str, int]:
    """Return how many pixels of which masks ``--snap-masks`` moves, and say so."""
    survey = found.survey
    if not found.request.snap_masks or not class_map.unmapped(survey.codes):
        return {}
    if not class_map.rules:
        raise SettingsError("--snap-masks needs the values that are meant; name them with --class")
    snapped = _count_strays(survey, class_map)
    listed = [f"{label} {n}" for label, n in snapped.items()]
    logger.warning(
        "--snap-masks: %s in %s set to the nearest value that has a class: %s",
        counted(sum(snapped.values()), "pixel"),
        counted(len(snapped), "mask"),
        name_some(listed),
    )
    return snapped


def _count_strays(survey: Survey, class_map: ClassMap) -> dict[str, int]:
    """Return how many pixels of which masks are stray; DatasetError where they mean something."""
    snapped = {}
    for facts in survey.facts:
        if class_map.unmapped(survey.codes_of(facts)):
            codes = _encode(*_read_mask(facts, class_map), survey, class_map)
            snapped[facts.pair.mask_label] = _snap(facts, codes, survey, class_map).n_moved
    return snapped


def _can_snap(found: SourceSurvey, class_map: ClassMap) -> bool:
    """Tell whether ``--snap-masks`` would mend the masks, so that it may be offered."""
    try:
        _count_strays(found.survey, class_map)
    except DatasetError:
        return False
    return True


def _say_missing(survey: Survey) -> None:
    found = [(each.pair.image_label, each.n_missing) for each in survey.facts if each.n_missing]
    if found:
        logger.warning(
            "--nan ignore: NaN or infinite, so not annotated and set to the image's median: %s in "
            "%s: %s",
            counted(sum(n for _, n in found), "pixel"),
            counted(len(found), "image"),
            name_some([f"{label} {n}" for label, n in found]),
        )


def _read_mask(
    facts: PairFacts, class_map: ClassMap
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return a mask as read, and where it is valid (None: everywhere)."""
    read = facts.pair.load_mask(expand_palette=class_map.is_color)
    return read, load_valid(facts.pair, read.shape[:2])


def _encode(
    mask: NDArray[Any], valid: NDArray[np.bool_] | None, survey: Survey, class_map: ClassMap
) -> NDArray[np.int64]:
    """Return codes, one that has a class wherever the valid mask is 0."""
    codes = encode_mask(mask, is_color=survey.is_color)
    if valid is not None:
        codes[~valid] = next(iter(class_map.index_of))
    return codes


def _snap(
    facts: PairFacts, codes: NDArray[np.int64], survey: Survey, class_map: ClassMap
) -> Snapped:
    return snap_codes(
        codes, class_map.index_of, is_color=survey.is_color, label=facts.pair.mask_label
    )


def _changes(request: PrepareRequest, snapped: dict[str, int], survey: Survey) -> list[str]:
    """Return what of the dataset is not as in the source, for its description."""
    n_missing = sum(each.n_missing for each in survey.facts)
    said = (
        (request.reading.channel, f"channel {request.reading.channel}"),
        (request.reading.grey, "mean of the channels"),
        (request.reading.projection, f"{request.reading.projection} over Z"),
        (request.tile, f"tiles of {request.tile} px"),
        (snapped or None, f"{counted(sum(snapped.values()), 'stray mask pixel')} corrected"),
        (n_missing or None, f"{counted(n_missing, 'missing pixel')} ignored"),
    )
    return [text for value, text in said if value is not None]


def _describe(
    found: SourceSurvey, class_map: ClassMap, channels: ChannelPlan, snapped: dict[str, int]
) -> DatasetDescription:
    request, former = found.request, found.source.inherited
    names = [rule.name for rule in class_map.rules]
    background = request.background or _background(names, former)
    source = request.source.resolve()
    own_name = archive_stem(source) if request.unpacked is not None else source.name
    pixel_size = request.pixel_size or found.survey.pixel_size_um
    colors = {} if former is None else {each.name: each.color for each in former.classes}
    if pixel_size is None and former is not None:
        pixel_size = former.pixel_size_um
    made = [found.source.layout]
    made += [] if request.instances.rule is None else [request.instances.describe()]
    made += _changes(request, snapped, found.survey)
    origin = f"{source.name} ({', '.join(made)})"
    values = {
        "name": request.name or own_name or "dataset",
        "classes": [
            SegmentationClass(index=i, name=name, color=colors.get(name, class_color(i)))
            for i, name in enumerate(names)
        ],
        "background": background,
        "channels": channels.n_channels,
        "channel_names": channels.names,
        "pixel_size_um": pixel_size,
        "source": origin,
        "licence": request.licence,
    }
    if former is not None:
        values["source"] = "; ".join(filter(None, (former.source, origin)))
        values["licence"] = request.licence or former.licence
        values["warnings"] = former.warnings
    return validate_settings(DatasetDescription, values, where="the options of prepare")


def _background(names: list[str], former: DatasetDescription | None) -> str | None:
    """Return the class that was background, or is called so; None where there is none."""
    if former is not None and former.background in names:
        return former.background
    return next((name for name in names if name.lower() == "background"), None)
