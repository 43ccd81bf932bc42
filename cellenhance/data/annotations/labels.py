"""Which class a drawn label is: its place in a list of labels, background or ignore."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.arrays import IGNORE
from cellenhance.data.classes.class_map import ClassRule
from cellenhance.data.name_lists import name_some
from cellenhance.errors import DatasetError

BACKGROUND = "background"
LABELS_FILE = "labels.txt"
"""Beside annotations: one label a line, in the order of the classes."""
CHANGES_FILE = "changes.csv"
"""Beside exported annotations: how many pixels of each image their outlines change."""
NO_LABEL = "object"
"""The class of shapes where no shape of a set has a label."""
LABELME_BACKGROUND, LABELME_IGNORE, QUPATH_IGNORE = "_background_", "__ignore__", "Ignore*"
_BACKGROUND_LABELS = frozenset({BACKGROUND, LABELME_BACKGROUND})
_IGNORE_LABELS = frozenset({LABELME_IGNORE, QUPATH_IGNORE.casefold(), "ignore"})


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Labels as mask values: the place in `names`, `IGNORE` for labels that say so.

    Attributes
    ----------
    background_name : the class of pixels under no shape
    is_background_listed : it is a class even if shapes cover every pixel
    """

    names: tuple[str, ...]
    background_name: str = BACKGROUND
    is_background_listed: bool = False

    @property
    def background(self) -> int:
        """Value of pixels under no shape."""
        return self.names.index(self.background_name)

    @property
    def rules(self) -> tuple[ClassRule, ...]:
        """The classes that the labels themselves state."""
        return tuple(ClassRule(name, (value,)) for value, name in enumerate(self.names))

    def code(self, label: str) -> int:
        """Return the mask value of a label; KeyError when it is none of them."""
        if is_ignore(label):
            return IGNORE
        name = class_name(label)
        if name not in self.names:
            raise KeyError(label)
        return self.names.index(name)


def is_background(label: str) -> bool:
    """Tell whether a label means what no shape covers: Background or ``_background_``."""
    return label.casefold() in _BACKGROUND_LABELS


def is_ignore(label: str) -> bool:
    """Tell whether a label means "not annotated": ``__ignore__``, ``Ignore*`` or ignore."""
    return label.casefold() in _IGNORE_LABELS


def class_name(label: str) -> str:
    """Return the name of the class of a label; no label is `NO_LABEL`."""
    return BACKGROUND if label == LABELME_BACKGROUND else label or NO_LABEL


def build_label_table(used: Iterable[tuple[str, str]], listed: Sequence[str] = ()) -> LabelTable:
    """Return the classes in the order of a list, or sorted by name; background first if unlisted.

    Parameters
    ----------
    used : the labels of shapes, each with the file it is in
    listed : the labels of ``labels.txt`` or the categories of the file, empty for none

    Raises
    ------
    DatasetError
        A shape has a label that the list has not, or a label is no printable text.
    """
    stated = tuple(class_name(label) for label in listed if not is_ignore(label))
    names = list(dict.fromkeys(stated))
    used = list(used)
    _check_none_is_blank(used)
    for label, where in used:
        if not label.isprintable() or len(label) > 80:
            raise DatasetError(
                f"{where}: label {label[:80]!r} is not a class name; expected printable text of "
                "up to 80 characters"
            )
        name = class_name(label)
        if is_ignore(label) or name in names:
            continue
        if listed and not is_background(name):
            raise DatasetError(
                f"{where}: label '{label}' is not among the listed labels "
                f"({', '.join(listed[:12])}); correct it, or add it to the list"
            )
        names.append(name)
    if not listed:
        names.sort()
    background = next((name for name in names if is_background(name)), BACKGROUND)
    if background not in stated:
        names = [background, *(name for name in names if name != background)]
    return LabelTable(tuple(names), background, background in stated)


def _check_none_is_blank(used: Sequence[tuple[str, str]]) -> None:
    """Refuse shapes without a label beside shapes that have one."""
    blank = list(dict.fromkeys(where for label, where in used if not label))
    if blank and any(label for label, _ in used):
        raise DatasetError(
            f"{name_some(blank, 3)}: has shapes without a class while others have one; give "
            "these one too, or delete them"
        )


def read_labels(path: Path) -> list[str]:
    """Return the labels of a list, one a line; DatasetError when it is no text."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path}: is not readable UTF-8 text; expected one label per line"
        ) from error
    return [line.strip() for line in lines if line.strip()]
