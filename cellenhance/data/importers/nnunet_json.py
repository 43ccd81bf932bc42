"""What nnU-Net's ``dataset.json`` says, of version 1 and 2: channels, classes, file ending."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.data.classes.class_map import ClassRule
from cellenhance.errors import DatasetError

_IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class NnunetDescription:
    """What `dataset.json` says.

    Attributes
    ----------
    classes : each class with its values; empty where regions overlap
    suggested : names for the values of regions that overlap, to be confirmed by the user
    ignore : values that are not annotated
    file_ending : of images and labels, such as ``.png``; None where it is not named
    """

    channel_names: tuple[str, ...] = ()
    classes: tuple[ClassRule, ...] = ()
    suggested: tuple[ClassRule, ...] = ()
    ignore: tuple[str, ...] = ()
    file_ending: str | None = None
    notes: tuple[str, ...] = ()


def read_description(path: Path) -> NnunetDescription:
    """Return what `dataset.json` says, or that it is missing.

    Raises
    ------
    DatasetError
        The file is damaged.
    """
    if not path.is_file():
        return NnunetDescription(notes=("dataset.json is missing: classes come from --class",))
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
        names = _channel_names(values.get("channel_names", values.get("modality", {})))
        labels = _by_name(values.get("labels", {}))
        ending = values.get("file_ending")
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{path}: is not a readable dataset.json of nnU-Net ({error}); fix it, or remove "
            "it and give the classes with --class"
        ) from error
    ignore = tuple(str(code) for code in labels.pop(_IGNORE, ()))
    ending = str(ending) if ending else None
    if _overlap(labels):
        note = (
            "dataset.json describes regions that overlap: classes come from --class, since a pixel "
            "has one class here"
        )
        suggested = _name_parts(labels)
        return NnunetDescription(names, (), suggested, ignore, ending, (note,))
    classes = [ClassRule(name, codes) for name, codes in labels.items()]
    classes.sort(key=lambda rule: min(rule.codes))
    return NnunetDescription(names, tuple(classes), (), ignore, ending)


def _channel_names(names: Mapping[str, Any] | list[Any]) -> tuple[str, ...]:
    """Return the names in the order of their numbers."""
    if isinstance(names, list):
        return tuple(map(str, names))
    return tuple(str(names[key]) for key in sorted(names, key=int))


def _by_name(labels: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the values of each class; version 1 has the names by their values."""
    if labels and all(isinstance(name, str) for name in labels.values()):
        turned: dict[str, tuple[int, ...]] = {}
        for code, name in labels.items():
            turned[name] = (*turned.get(name, ()), int(code))
        return turned
    named = {
        name: tuple(map(int, value)) if isinstance(value, list) else (int(value),)
        for name, value in labels.items()
    }
    empty = next((name for name, codes in named.items() if not codes), None)
    if empty is not None:
        raise ValueError(f"label '{empty}' has no value")
    return named


def _overlap(labels: Mapping[str, tuple[int, ...]]) -> bool:
    codes = [code for each in labels.values() for code in each]
    return len(codes) > len(set(codes))


def _name_parts(labels: Mapping[str, tuple[int, ...]]) -> tuple[ClassRule, ...]:
    """Return a class for each value, called like the smallest region around it.

    What a region inside takes away is in the name: of a whole tumour (1, 2) and its core (2),
    value 1 is ``whole-without-core``.
    """
    parts: dict[str, tuple[int, ...]] = {}
    for code in sorted({code for codes in labels.values() for code in codes}):
        around = [name for name, codes in labels.items() if code in codes]
        region = min(around, key=lambda name: len(labels[name]))
        rest = {*labels[region]} - {code}
        inside = [name for name, codes in labels.items() if {*codes} <= rest]
        outermost = [
            name
            for name in inside
            if not any({*labels[name]} < {*labels[other]} for other in inside)
        ]
        name = f"{region}-without-{'-'.join(outermost)}" if outermost else region
        name = re.sub(r"\s+", "-", name)
        # Values of one region and no other have one name: they are one class.
        parts[name] = (*parts.get(name, ()), code)
    return tuple(ClassRule(name, codes) for name, codes in parts.items())
