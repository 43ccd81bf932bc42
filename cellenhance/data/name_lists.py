"""Lists of names in messages: the first ones, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence


def name_some(names: Sequence[str], most: int = 6, *, separator: str = ", ") -> str:
    """Return the first names and how many more there are.

    Examples
    --------
    >>> name_some(["a", "b"])
    'a, b'
    >>> name_some([str(n) for n in range(9)])
    '0, 1, 2, 3, 4, 5 and 3 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more
