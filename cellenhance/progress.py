"""How long-running work reports its progress, and durations in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

ProgressCallback: TypeAlias = Callable[[int, int, str], None]
"""Called as (done, total, what) whenever a unit of work is finished."""

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def silent(done: int, total: int, what: str) -> None:
    """Ignore all progress."""


def format_duration(seconds: float) -> str:
    """Return a time in the two units that matter; minutes are rounded.

    Examples
    --------
    >>> [format_duration(each) for each in (29, 59.6, 300, 26_400, 266_400)]
    ['29 s', '1 min', '5 min', '7 h 20 min', '3 d 2 h']
    """
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        days, hours = divmod(round(seconds / 3600), 24)
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def describe_time(seconds: float) -> str:
    """Return an estimate as a person would give it.

    Examples
    --------
    >>> describe_time(59), describe_time(26_400)
    ('less than a minute', 'about 7 h 20 min')
    """
    return "less than a minute" if seconds < 60 else f"about {format_duration(seconds)}"


def parse_minutes(value: object) -> float:
    """Return the minutes that a text stands for; ValueError for anything that is not a time.

    Examples
    --------
    >>> [parse_minutes(each) for each in (30, "30", "30m", "2h", "90s", "1h30m", "0.5")]
    [30.0, 30.0, 30.0, 120.0, 1.5, 90.0, 0.5]
    """
    text = str(value).replace(" ", "").lower()
    found = _DURATION.fullmatch(text.removesuffix("in") if text.endswith("min") else text)
    if found and any(found.groups()):
        hours, minutes, seconds = (float(each or 0) for each in found.groups())
        return 60 * hours + minutes + seconds / 60
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise ValueError("expected minutes, or a time such as 30m, 2h, 90s or 1h30m")
