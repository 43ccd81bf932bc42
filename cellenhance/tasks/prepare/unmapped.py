"""Mask values without a class: what is in the way, with the command that would fit."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

from cellenhance.data.classes.class_map import ClassMap, ClassRule, parse_codes, show_code
from cellenhance.data.classes.found_values import MOST_PLAUSIBLE_CLASSES, look_like_instances
from cellenhance.data.importers.options import InstanceSettings
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError
from cellenhance.options import words_of
from cellenhance.tasks.prepare.found import SourceSurvey
from cellenhance.texts import counted

_MOST_NAMED = 10
_FEWEST_DENSE = 4
"""From so many values on, 0, 1, 2, 3 may be objects as well as classes, and both are offered."""
_LARGEST_CLASS = 255
"""Larger values hardly number classes; they number objects, or grey levels of 16 bit."""
_RARE_SHARE = 0.001
"""Unmapped values below this share of the pixels are taken for stray ones."""
_STRAY_SHARE = 1e-5
"""A value below this share of the pixels may be stray, and the way to mend it is offered."""


def check_mapped(
    found: SourceSurvey, class_map: ClassMap, can_snap: Callable[[], bool] = lambda: False
) -> None:
    """Raise DatasetError when mask values have no class, with the command that would fit.

    Parameters
    ----------
    can_snap : tells whether ``--snap-masks`` would mend all masks; called only when there are
        strays, since it reads masks again
    """
    unmapped = class_map.unmapped(found.survey.codes)
    if not unmapped:
        return
    guilty = [
        facts.pair.mask_label
        for facts in found.survey.facts
        if not unmapped.keys().isdisjoint(found.survey.codes_of(facts))
    ]
    where = f"in {counted(len(guilty), 'mask')} ({name_some(guilty, 3)})"
    shown = _show_unmapped(found, unmapped)
    if found.request.instances.rule is None and not found.request.classes:
        _refuse_instances(found, shown)
    renamed = _renamed(found, unmapped)
    if len(found.survey.codes) > MOST_PLAUSIBLE_CLASSES and not renamed:
        raise DatasetError(
            f"mask values without a class {where}: {shown}; so many values look like a lossy "
            "mask, expected one value per class; name the values that are meant with --class and "
            "give --snap-masks, or if each value is one object give --instances binary or "
            "--instances interior-boundary"
        )
    if renamed:
        names = " and ".join(f"{show_code(r.codes[0], r.is_color)} ({r.name})" for r in renamed)
        cure = f"no mask holds {names}, so these values may be meant"
    else:
        cure = f"name them{_other_way(found, unmapped, can_snap)}"
    raise DatasetError(
        f"mask values without a class {where}: {shown}; {cure}, for example: "
        f"{fitting_command(found)}"
    )


def _show_unmapped(found: SourceSurvey, unmapped: dict[int, int]) -> str:
    """Return the most frequent values without a class, by name where the layout has one."""
    names = _own_names(found)
    frequent = sorted(unmapped, key=lambda code: -unmapped[code])[:_MOST_NAMED]
    shown = ", ".join(
        f"{names.get(code, show_code(code, found.survey.is_color))} ({unmapped[code]} px)"
        for code in sorted(frequent)
    )
    more = len(unmapped) - _MOST_NAMED
    return shown + (f" and {more} more" if more > 0 else "")


def _other_way(found: SourceSurvey, unmapped: dict[int, int], can_snap: Callable[[], bool]) -> str:
    """Return what else than naming values would help, as the end of "name them"."""
    if found.rules:
        snaps = " or set stray ones to the nearest that has a class (--snap-masks)"
        return snaps if can_snap() else ""
    codes = found.survey.codes
    is_numbered = look_like_instances(codes) or max(codes) > _LARGEST_CLASS
    may_be_objects = len(codes) >= _FEWEST_DENSE and is_numbered and not found.survey.is_color
    other = " or, if each number is one object, give --instances RULE" if may_be_objects else ""
    if min(unmapped.values()) < _STRAY_SHARE * sum(codes.values()):
        other += ", or name only those that are meant and give --snap-masks"
    return other


def _own_names(found: SourceSurvey) -> dict[int, str]:
    """Return the names that the layout itself has for mask values, where they are its own."""
    if found.request.instances.rule is not None:
        return {}
    rules = (*found.source.suggested_classes, *found.source.default_classes)
    return {code: rule.name for rule in rules for code in rule.codes}


def _refuse_instances(found: SourceSurvey, shown: str) -> None:
    """Raise DatasetError when the masks are label maps, with the rules that make classes of them.

    The layout says so, or the values: many and numbered without large gaps.
    """
    if not _are_label_maps(found):
        return
    is_layout = found.source.has_instances
    why = f"layout {found.source.layout}" if is_layout else "numbered from 1 without large gaps"
    raise DatasetError(
        f"masks are label maps, one number per object ({why}: {shown}); choose what they become: "
        "--instances binary (background, object), --instances interior-boundary "
        "(--boundary-width PX parts objects that touch), or a class for each number with "
        "--class NAME=LOW-HIGH; "
        f"for example: {_instance_command(found)}"
    )


def _are_label_maps(found: SourceSurvey) -> bool:
    codes = found.survey.codes
    is_numbered = len(codes) > MOST_PLAUSIBLE_CLASSES and look_like_instances(codes)
    return found.source.has_instances or is_numbered


def _instance_command(found: SourceSurvey) -> str:
    request = found.request.model_copy(update={"instances": InstanceSettings(rule="binary")})
    return fitting_command(replace(found, request=request, rules=()), with_classes=False)


def suggest_command(found: SourceSurvey) -> str | None:
    """Return a command line that prepares what was found; None where values are not classes."""
    is_open = found.request.instances.rule is None and not found.request.classes
    if is_open and _are_label_maps(found):
        return _instance_command(found)
    if len(found.survey.codes) > MOST_PLAUSIBLE_CLASSES:
        return None
    return fitting_command(found)


def _renamed(found: SourceSurvey, unmapped: dict[int, int]) -> tuple[ClassRule, ...]:
    """Return the classes that no mask has where just as many values have no class.

    They are then most likely meant: 0 and 255 where classes are 0 and 1.
    """
    codes, is_color = found.survey.codes, found.survey.is_color
    absent = [rule for rule in found.rules if codes.keys().isdisjoint(rule.codes)]
    fits = len(absent) == len(unmapped) and all(rule.is_color == is_color for rule in found.rules)
    return tuple(absent) if fits else ()


def fitting_command(found: SourceSurvey, *, with_classes: bool = True) -> str:
    """Return a command line that maps every value that occurs, or one without any class."""
    rules, ignored = _fitting_rules(found) if with_classes else _given(found)
    classes = {"classes": tuple(rule.as_option() for rule in rules), "ignore": tuple(ignored)}
    request = found.request.model_copy(update=classes)
    return shlex.join(["cellenhance", "dataset", "prepare", *words_of(request)])


def _given(found: SourceSurvey) -> tuple[list[ClassRule], list[str]]:
    """Return the classes and the values to ignore of the kind, grey or colour, of the masks."""
    is_color = found.survey.is_color
    rules = [rule for rule in found.rules if rule.is_color == is_color]
    ignored = [
        value
        for value in found.request.ignore
        if parse_codes(value, f"--ignore {value!r}")[1] == is_color
    ]
    return rules, ignored


def _fitting_rules(found: SourceSurvey) -> tuple[list[ClassRule], list[str]]:
    """Return classes and values to ignore so that every value that occurs has its place."""
    codes, is_color = found.survey.codes, found.survey.is_color
    rules, ignored = _given(found)
    known = {code for rule in rules for code in rule.codes}
    known |= {code for value in ignored for code in parse_codes(value, "--ignore")[0]}
    missing = {code: n for code, n in codes.items() if code not in known}
    renamed = _renamed(found, missing)
    if renamed:
        now = dict(zip([rule.name for rule in renamed], sorted(missing), strict=True))
        return [
            replace(rule, codes=(now[rule.name],)) if rule.name in now else rule for rule in rules
        ], ignored
    if rules and sum(missing.values()) < _RARE_SHARE * sum(codes.values()):
        # A few odd pixels beside classes that fit are stray values, not more classes.
        return rules, [*ignored, *(show_code(code, is_color) for code in missing)]
    names: dict[str, tuple[int, ...]] = {}
    taken = {rule.name for rule in rules}
    free = (name for i in range(1000) if (name := f"class{i}") not in taken)
    own = {code: name for code, name in _own_names(found).items() if name not in taken}
    for code in missing:
        name = own.get(code) or next(free)
        names[name] = (*names.get(name, ()), code)
    return [*rules, *(ClassRule(name, each, is_color) for name, each in names.items())], ignored
