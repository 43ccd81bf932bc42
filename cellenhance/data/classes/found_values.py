"""Classes that nobody named: the values that occur in masks, and what looks odd about them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from cellenhance.arrays import IGNORE, MAX_CLASSES
from cellenhance.data.classes.class_map import (
    ClassRule,
    count_codes,
    encode_mask,
    parse_codes,
    show_code,
)
from cellenhance.data.files.readers import read_mask
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError

logger = logging.getLogger(__name__)

MOST_PLAUSIBLE_CLASSES = 20
"""More values than this are hardly classes: numbered objects, or a mask that was saved lossily."""
_GREY = 0x010101  # the colour code of grey value 1
_FULL_RANGE = 0.8
"""Objects are numbered when so large a share of the numbers up to the last one occurs."""
_MOST_COUNTED = 2**16
_LOSSY_SUFFIXES = (".jpg", ".jpeg")


def rules_found(
    masks: Sequence[Path], truth: Sequence[Path] = (), ignore: Sequence[str] = ()
) -> list[ClassRule]:
    """Return every value or colour that occurs in any mask as a class named like it.

    What the values tell about the masks is reported: numbered objects, values that stand on one
    side alone and may mean the same as others.

    Parameters
    ----------
    masks : mask files; predictions where there is a `truth`
    truth : the files that they are compared with
    ignore : values that are no class

    Raises
    ------
    DatasetError
        There are too many values for classes, values of a lossy format, or only ignored ones.
    """
    ignored = {code for text in ignore for code in parse_codes(text, f"--ignore {text!r}")[0]}
    sides = [_count(masks), _count(truth)]
    is_color = any(code % _GREY for side in sides for code in side)
    if not is_color:
        sides = [{code // _GREY: n for code, n in side.items()} for side in sides]
    found, true = ({c: n for c, n in side.items() if c not in ignored} for side in sides)
    codes = sorted(found.keys() | true.keys())
    if not codes:
        raise DatasetError(f"{masks[0].parent}: every value is ignored; nothing to score or show")
    if len(codes) > MOST_PLAUSIBLE_CLASSES:
        _check_many(found, true, [*masks, *truth], is_color=is_color)
    names = [show_code(code, is_color) for code in codes]
    logger.info("classes are the values found: %s", ", ".join(names))
    if truth:
        _compare_sides(found, true, is_color)
    return [ClassRule(name, (code,), is_color) for name, code in zip(names, codes, strict=True)]


def look_like_instances(codes: Mapping[int, int]) -> bool:
    """Tell whether mask values are numbered like instances: nearly all of 1 to their maximum.

    The background beside them is 0 or -1.

    Examples
    --------
    >>> look_like_instances({0: 90, 1: 4, 2: 3, 3: 3, 4: 5})
    True
    >>> look_like_instances({-1: 90, 1: 4, 2: 3})
    True
    >>> look_like_instances({0: 90, 128: 4, 255: 3})
    False
    """
    numbers = [code for code in codes if code > 0]
    has_one_background = (0 in codes) != (-1 in codes)
    if not has_one_background or min(codes) < -1 or not numbers:
        return False
    return len(numbers) >= _FULL_RANGE * max(numbers)


def _count(paths: Sequence[Path]) -> dict[int, int]:
    """Return the pixels of each value in all files, as colours (grey v is v, v, v)."""
    counts: dict[int, int] = {}
    for path in paths:
        for code, n in count_codes(encode_mask(read_mask(path), is_color=True)).items():
            counts[code] = counts.get(code, 0) + n
        if len(counts) > _MOST_COUNTED:
            raise DatasetError(
                f"more than {_MOST_COUNTED} different values up to {path}: expected classes, these "
                "look like pictures"
            )
    return counts


def _check_many(
    found: Mapping[int, int], true: Mapping[int, int], paths: Sequence[Path], *, is_color: bool
) -> None:
    """Warn of what is hardly classes; DatasetError for a lossy format and for too many values."""
    codes = {**found, **true}
    lossy = [path for path in paths if path.suffix.lower() in _LOSSY_SUFFIXES]
    if is_color:
        cure = (
            "they look like instance masks in colour, or pictures; name the colours of classes "
            "with --class NAME=#rrggbb"
        )
    elif look_like_instances(codes) and not lossy:
        cure = _say_objects(codes)
    else:
        cure = _say_lossy(found, true)
    if lossy or len(codes) > MAX_CLASSES:
        most = f"more than {MAX_CLASSES}" if len(codes) > MAX_CLASSES else str(len(codes))
        folder = [*lossy, *paths][0].parent
        raise DatasetError(f"{folder}: {most} different values, expected classes; {cure}")
    logger.warning("%d different values, each a class here; %s", len(codes), cure)


def _say_objects(codes: Mapping[int, int]) -> str:
    background = min(codes)
    return (
        "they look like instance masks, one number per object; to score objects against "
        "background, give "
        f"--class background={background} --class object=1-{max(codes)}"
    )


def _say_lossy(found: Mapping[int, int], true: Mapping[int, int]) -> str:
    """Return what to do about values between those that were meant."""
    sides = [side for side in (true, found) if 1 < len(side) <= MOST_PLAUSIBLE_CLASSES]
    text = (
        "they look like masks in a lossy format (JPEG) or resized ones; save masks as PNG or TIFF "
        "with one value per class, or give each class its range"
    )
    if not sides:
        return f"{text}, as in --class NAME=LOW-HIGH"
    meant = sorted(sides[0])
    low, high = min(*found, *true), max(*found, *true)
    ends = [(a + b) // 2 for a, b in pairwise(meant)]
    ranges = zip(meant, [low, *(end + 1 for end in ends)], [*ends, high], strict=True)
    options = " ".join(f"--class {code}={start}-{end}" for code, start, end in ranges)
    return f"{text}, for example {options}"


def _compare_sides(found: Mapping[int, int], true: Mapping[int, int], is_color: bool) -> None:
    """Report values that only the predictions, or only the truth, have."""
    extra, missing = sorted(found.keys() - true.keys()), sorted(true.keys() - found.keys())
    shown = [name_some([show_code(code, is_color) for code in side]) for side in (extra, missing)]
    if extra and missing:
        cure = "give values that mean the same to one class with --class NAME=VALUE,VALUE"
        if len(extra) == len(missing):
            cure = f"if they mean the same, give {_merged(true, extra, missing, is_color)}"
        logger.warning(
            "only the predictions hold %s, only the truth holds %s: these are classes that are "
            "never right; %s",
            *shown,
            cure,
        )
    elif extra:
        logger.info("only the predictions hold %s: counted as a class, always wrong", shown[0])
    if is_color or len(found.keys() | true.keys()) < 3 or extra:
        return
    if IGNORE in missing:
        logger.info(
            "255 is in the truth only, and counts as a class; where it means 'not annotated', "
            "--ignore 255 leaves those pixels out"
        )
    elif IGNORE in true:
        logger.info("255 counts as a class, like any other value")


def _merged(
    true: Mapping[int, int], extra: Sequence[int], missing: Sequence[int], is_color: bool
) -> str:
    """Return the options that give values of one side to the classes of the other, in order."""
    same = dict(zip(missing, extra, strict=True))
    rules = []
    for code in sorted(true):
        codes = (code, same[code]) if code in same else (code,)
        rules.append(ClassRule(show_code(code, is_color).lstrip("#"), codes, is_color))
    return " ".join(f"--class {rule.as_option()}" for rule in rules)
