"""How long work tells of its progress: one callback, silent unless a caller gives its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

ProgressCallback: TypeAlias = Callable[[int, int, str], None]
"""Called as (done, total, what) whenever a unit of work is finished."""


def silent(done: int, total: int, what: str) -> None:
    """Ignore all progress."""
