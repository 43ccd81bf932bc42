"""Which images of a file that holds several are read: those of one shape, or the one asked for."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.errors import ImageReadError
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """One image of a file: its name ("" for none), its lengths, and what else makes it alike."""

    name: str
    shape: tuple[int, ...]
    kind: Hashable = None


def choose_series(path: Path, found: Sequence[SeriesFacts], series: str | None) -> Sequence[int]:
    """Return the numbers of the images that are read, and say what is left or how they are taken.

    Parameters
    ----------
    found : at least one, in the order of the file
    series : name or number of one of them; None for all that are like the first

    Raises
    ------
    ImageReadError
        No image has this name or number.
    """
    if series is not None:
        return [_number_of(path, found, series)]
    first = found[0]
    alike = [
        number
        for number, each in enumerate(found)
        if (each.shape, each.kind) == (first.shape, first.kind)
    ]
    if len(alike) < len(found):
        read = "only the first is" if len(alike) == 1 else f"the {len(alike)} like the first are"
        logger.warning(
            "%s: holds %s, which differ in shape or type; %s read, --series selects another",
            path,
            _list_images(found),
            read,
        )
    elif len(alike) > 1:
        logger.info(
            "%s: holds %s; each is read as a plane, --series selects one of them",
            path,
            _list_images(found),
        )
    return alike


def _number_of(path: Path, found: Sequence[SeriesFacts], series: str) -> int:
    names = [each.name for each in found]
    if series and names.count(series) == 1:
        return names.index(series)
    if series.isascii() and series.isdigit() and int(series) < len(found):
        return int(series)
    raise ImageReadError(
        f"{path}: has no series {series!r}; it holds {_list_images(found)}; give a name or a number"
    )


def _list_images(found: Sequence[SeriesFacts]) -> str:
    """Return how many images there are, and number, name and size of the first ones."""
    shown = [
        " ".join(filter(None, (str(number), each.name, f"({' x '.join(map(str, each.shape))})")))
        for number, each in enumerate(found[:_SHOWN])
    ]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{counted(len(found), 'image')}: {', '.join(shown)}{more}"
