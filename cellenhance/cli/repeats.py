"""What recurs file after file, warnings and notes: the first is shown, the others are counted.

A file is opened several times by a command, and a set holds hundreds of files of one kind; a
hundred equal lines hide the one that differs. With ``-v`` every line is shown.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import PurePath

from cellenhance.data.name_lists import name_some
from cellenhance.texts import counted


@dataclass
class _Kind:
    """The first text of a kind, the files that it was about, and those not shown yet."""

    level: int
    text: str
    files: set[str] = field(default_factory=set)
    more: list[str] = field(default_factory=list)


class RepeatedWarnings:
    """Sorts warnings, and notes on files, by kind: what they say but for the file and numbers."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def is_new(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be shown; one that is not is counted if its file is new."""
        file, text = _split(record)
        if record.levelno != logging.WARNING and not (file and record.levelno == logging.INFO):
            return True
        key = f"{record.levelno} {re.sub('[0-9]+', '#', text)}"
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = _Kind(record.levelno, text, {file})
            return True
        if not file:
            return text != kind.text
        if file not in kind.files:
            kind.files.add(file)
            kind.more.append(file)
        return False

    def take(self, level: int = logging.WARNING) -> list[str]:
        """Return one line for each kind of a level that recurred since the last call."""
        lines = []
        for kind in self._kinds.values():
            if kind.more and kind.level == level:
                names = name_some([PurePath(each).name for each in kind.more], 3)
                lines.append(f"{counted(len(kind.more), 'more file')} ({names}): {kind.text}")
                kind.more.clear()
        return lines


def _split(record: logging.LogRecord) -> tuple[str, str]:
    """Return the file that a record begins with, "" for none, and what it says about it."""
    message = record.getMessage()
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    file = str(first) if isinstance(first, PurePath) else ""
    return (file, message[len(file) :].lstrip(": ")) if message.startswith(file) else ("", message)
