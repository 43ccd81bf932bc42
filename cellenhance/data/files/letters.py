"""Names that look the same: Unicode writes a letter such as ö as one sign or as o and two dots.

macOS hands out the second form (NFD), most keyboards and programs the first (NFC). Here names are
compared, and made, in the first form.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable

from cellenhance.data.name_lists import name_some
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


def composed(name: str) -> str:
    r"""Return a name with its letters composed (NFC).

    Examples
    --------
    >>> len("o\u0308"), len(composed("o\u0308"))
    (2, 1)
    """
    return unicodedata.normalize("NFC", name)


def spellings(name: str) -> tuple[str, ...]:
    """Return a name as given, composed and decomposed, each form once."""
    forms = (name, composed(name), unicodedata.normalize("NFD", name))
    return tuple(dict.fromkeys(forms))


def say_spellings(partners: Iterable[Iterable[str]]) -> None:
    """Report partners, such as the paths of an image and its mask, in two forms of Unicode."""
    mixed = [names[0] for each in partners if _is_mixed(names := list(each))]
    if mixed:
        logger.info(
            "paired %s although Unicode writes letters of their names differently "
            "(composed or decomposed): %s",
            counted(len(mixed), "file"),
            name_some(mixed, 3),
        )


def _is_mixed(names: Iterable[str]) -> bool:
    """Tell whether some names are composed, others not."""
    return len({unicodedata.is_normalized("NFC", name) for name in names}) > 1
