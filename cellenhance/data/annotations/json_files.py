"""JSON files of annotation programs, read like any foreign file: every fault is one line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from cellenhance.data.annotations.shapes import Ring
from cellenhance.errors import DatasetError

_FARTHEST_PX = 1e7


def load_json(path: Path) -> Any:
    """Return the content of a JSON file; DatasetError when it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:80]
        raise DatasetError(
            f"{path}: is not a JSON file ({reason}); save it again, or leave it out with --exclude "
            f"{shlex.quote(path.name)}"
        ) from error


def as_list(value: Any, where: str) -> list[Any]:
    """Return a JSON list; DatasetError for anything else."""
    if not isinstance(value, list):
        raise DatasetError(f"{where}: expected a list, found {_word(value)}; fix the file")
    return value


def as_mapping(value: Any, where: str) -> dict[str, Any]:
    """Return a JSON object; DatasetError for anything else."""
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: expected a JSON object, found {_word(value)}; fix the file")
    return value


def _word(value: Any) -> str:
    """Return what a JSON value is, in the words of JSON."""
    words = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    words |= {list: "a list", dict: "an object", type(None): "null"}
    return words[type(value)]


def as_size(value: Any, where: str) -> int | None:
    """Return a height or width in px, None for none; DatasetError unless it is positive."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DatasetError(
            f"{where}: the image size is {repr(value)[:40]}; expected whole pixels from 1 on"
        )
    return value


def as_ring(points: Any, where: str, least: int = 3) -> Ring:
    """Return JSON points [[x, y], ...] as (N, 2) floats.

    Raises
    ------
    DatasetError
        They are fewer than `least`, no finite numbers, or far outside any image.
    """
    try:
        ring = np.array(points, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        ring = np.empty(0)
    if ring.ndim != 2 or ring.shape[1] not in (2, 3) or len(ring) < least:
        raise DatasetError(f"{where}: expected at least {least} points of x and y; draw it again")
    if not np.isfinite(ring).all() or np.abs(ring).max() > _FARTHEST_PX:
        raise DatasetError(
            f"{where}: a point lies far outside any image, or is not a number; draw it again"
        )
    return ring[:, :2]
