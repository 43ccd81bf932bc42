"""What `prepare` was asked for and found, and whether its classes fit the mask values."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from cellenhance.arrays import IGNORE
from cellenhance.data.classes.class_map import ClassMap, ClassRule, parse_codes, show_code
from cellenhance.data.files.archives import DEFAULT_LIMIT_GIB
from cellenhance.data.importers.background import look_like_instances
from cellenhance.data.importers.contract import FoundSource, ImportOptions
from cellenhance.data.importers.instances import InstanceSettings
from cellenhance.data.importers.registry import AUTO
from cellenhance.data.importers.survey import Survey
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError

_MOST_NAMED = 10
_MOST_PLAUSIBLE_CLASSES = 20
_FEWEST_DENSE = 4
"""From so many values on, 0, 1, 2, 3 may be objects as well as classes, and both are offered."""
_RARE_SHARE = 0.001
"""Unmapped values below this share of the pixels are taken for stray ones."""

_STRAY_SHARE = 1e-5
"""A value below this share of the pixels may be stray, and the way to mend it is offered."""


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What to prepare; `classes` and `ignore` are as on the command line.

    Attributes
    ----------
    channel : keep this channel only, from 0
    grey : "mean" keeps the mean of all channels but alpha
    unpacked : where the files of `source` lie when it is an archive; see `opened_source`
    archive_limit_gib : most that an archive may unpack to
    missing : "ignore" makes NaN and infinite pixels not annotated; else they are refused
    tile_px : cut larger images into tiles of this side
    snap_masks : set stray mask values to the nearest value that has a class
    """

    source: Path
    output: Path
    layout: str = AUTO
    folders: ImportOptions = field(default_factory=ImportOptions)
    classes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    background: str | None = None
    channel: int | None = None
    grey: str | None = None
    missing: str | None = None
    tile_px: int | None = None
    snap_masks: bool = False
    pixel_size_um: float | None = None
    exclude: tuple[str, ...] = ()
    skip_unmatched: bool = False
    instances: InstanceSettings | None = None
    overwrite: bool = False
    name: str | None = None
    licence: str = ""
    unpacked: Path | None = None
    archive_limit_gib: float = DEFAULT_LIMIT_GIB

    @property
    def place(self) -> Path:
        """Where the files are: `source`, or what was unpacked of it."""
        return self.unpacked or self.source


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """What was found and measured; nothing is decided yet."""

    request: PrepareRequest
    source: FoundSource
    survey: Survey
    rules: tuple[ClassRule, ...]

    def class_of(self, code: int) -> str:
        """Return the name of the class of a mask value, "ignore", or "-" when it has none."""
        index = ClassMap(self.rules, self.request.ignore).index_of.get(code)
        if index is None:
            return "-"
        return "ignore" if index == IGNORE else self.rules[index].name


def check_mapped(found: SourceSurvey, class_map: ClassMap) -> None:
    """Raise DatasetError when mask values have no class, with the command that would fit."""
    unmapped = class_map.unmapped(found.survey.codes)
    if not unmapped:
        return
    is_color = found.survey.is_color
    names = _own_names(found)
    frequent = sorted(unmapped, key=lambda code: -unmapped[code])[:_MOST_NAMED]
    shown = ", ".join(
        f"{names.get(code, show_code(code, is_color))} ({unmapped[code]} px)"
        for code in sorted(frequent)
    )
    more = f" and {len(unmapped) - _MOST_NAMED} more" if len(unmapped) > _MOST_NAMED else ""
    guilty = [
        facts.pair.mask_label
        for facts in found.survey.facts
        if any(code in unmapped for code in found.survey.codes_of(facts))
    ]
    where = f"in {len(guilty)} mask(s) ({name_some(guilty, 3)})"
    if found.request.instances is None and not found.request.classes:
        _refuse_instances(found, f"{shown}{more}")
    if len(found.survey.codes) > _MOST_PLAUSIBLE_CLASSES:
        raise DatasetError(
            f"mask values without a class {where}: {shown}{more}; so many values look like a lossy "
            "mask, expected one value a class; name the values that are meant with --class and "
            "give --snap-masks, or if each value is one object give --instances binary or "
            "--instances interior-boundary"
        )
    other = " or set stray ones to the nearest that has a class (--snap-masks)"
    if not found.rules:
        is_dense = len(found.survey.codes) >= _FEWEST_DENSE and look_like_instances(
            found.survey.codes
        )
        other = " or, if each number is one object, give --instances RULE" if is_dense else ""
        total = sum(found.survey.codes.values())
        if min(unmapped.values()) < _STRAY_SHARE * total:
            other += ", or name only those that are meant and give --snap-masks"
    raise DatasetError(
        f"mask values without a class {where}: {shown}{more}; name them{other}, for example: "
        f"{fitting_command(found)}"
    )


def _own_names(found: SourceSurvey) -> dict[int, str]:
    """Return the names that the layout itself has for mask values, where they are its own."""
    rules = () if found.request.instances is not None else found.source.default_classes
    return {code: rule.name for rule in rules for code in rule.codes}


def _refuse_instances(found: SourceSurvey, shown: str) -> None:
    """Raise DatasetError when the masks are label maps, with the rules that make classes of them.

    The layout says so, or the values: many and numbered without large gaps.
    """
    codes, is_layout = found.survey.codes, found.source.has_instances
    if not is_layout and not (len(codes) > _MOST_PLAUSIBLE_CLASSES and look_like_instances(codes)):
        return
    why = f"layout {found.source.layout}" if is_layout else "numbered from 1 without large gaps"
    request = replace(found.request, instances=InstanceSettings(rule="binary"))
    command = fitting_command(replace(found, request=request, rules=()), with_classes=False)
    raise DatasetError(
        f"masks are label maps, one number an object ({why}: {shown}); choose what they become: "
        "--instances binary (background, object), --instances interior-boundary "
        "(--boundary-width PX parts objects that touch), or a class for each number with "
        "--class NAME=LOW-HIGH; "
        f"for example: {command}"
    )


def fitting_command(found: SourceSurvey, *, with_classes: bool = True) -> str:
    """Return a command line that maps every value that occurs, or one without any class."""
    request, is_color = found.request, found.survey.is_color
    rules = [rule for rule in found.rules if rule.is_color == is_color]
    taken = {rule.name for rule in rules}
    known = {code for rule in rules for code in rule.codes}
    ignored = [
        (value, codes)
        for value in request.ignore
        for codes, kind in [parse_codes(value, f"--ignore {value!r}")]
        if kind == is_color
    ]
    known |= {code for _, codes in ignored for code in codes}
    missing = [code for code in found.survey.codes if with_classes and code not in known]
    rare = sum(found.survey.codes[code] for code in missing)
    if rules and rare < _RARE_SHARE * sum(found.survey.codes.values()):
        # A few odd pixels beside classes that fit are stray values, not more classes.
        ignored += [(show_code(code, is_color), (code,)) for code in missing]
        missing = []
    free = (name for i in range(1000) if (name := f"class{i}") not in taken)
    own = {code: name for code, name in _own_names(found).items() if name not in taken}
    rules += [ClassRule(own.get(code) or next(free), (code,), is_color) for code in missing]
    words = ["cellenhance", "dataset", "prepare", str(request.source), "-o", str(request.output)]
    words += [] if request.layout == AUTO else ["--layout", request.layout]
    for option in ("images", "masks", "valid_mask"):
        folder = getattr(request.folders, option)
        words += [] if folder is None else [f"--{option.replace('_', '-')}", str(folder)]
    if request.instances is not None:
        words += ["--instances", request.instances.rule]
        if request.instances.rule == "interior-boundary":
            words += ["--boundary-width", str(request.instances.boundary_width_px)]
        if request.instances.background not in (None, (0,)):
            codes = ",".join(map(str, request.instances.background or ()))
            words += ["--instance-background", codes]
    words += [word for rule in rules for word in ("--class", rule.as_option())]
    words += [word for value, _ in ignored for word in ("--ignore", value)]
    words += [] if request.channel is None else ["--channel", str(request.channel)]
    words += [] if request.grey is None else ["--grey", request.grey]
    words += [] if request.missing is None else ["--nan", request.missing]
    for option, value in (
        ("--axes", request.folders.axes),
        ("--projection", request.folders.projection),
    ):
        words += [] if value is None else [option, value]
    words += [] if request.tile_px is None else ["--tile", str(request.tile_px)]
    words += [word for name in request.exclude for word in ("--exclude", name)]
    words += ["--snap-masks"] if request.snap_masks else []
    words += ["--skip-unmatched"] if request.skip_unmatched else []
    return shlex.join(words)
