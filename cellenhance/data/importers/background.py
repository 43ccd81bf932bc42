"""Which value of label maps is background, decided over a whole set; nothing is guessed silently.

Programs disagree: most write 0, some -1 (and number objects from 0 or 1), and saving -1 as an
unsigned type makes it the largest value of that type, such as 65535.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.data.classes.class_map import count_codes, encode_mask, is_truly_color
from cellenhance.data.classes.found_values import look_like_instances
from cellenhance.data.files.kept_files import files_kept_open
from cellenhance.data.importers.contract import FoundPair
from cellenhance.data.importers.survey import load_valid
from cellenhance.data.name_lists import name_some
from cellenhance.errors import CellEnhanceError, DatasetError
from cellenhance.progress import ProgressCallback, silent

OPTION = "--instance-background"
_WHITE = 0xFFFFFF
_MOST_OF_ONE_OBJECT = 0.5
"""No object of a tissue without gaps covers a larger share of all images together."""


@dataclass(frozen=True, slots=True)
class Background:
    """The values that are background in every label map of a set.

    Attributes
    ----------
    note : a sentence where this is not the usual 0
    warning : a sentence where a value may mean something else than it was taken for
    """

    codes: tuple[int, ...] = (0,)
    note: str | None = None
    warning: str | None = None


def find_background(
    pairs: Sequence[FoundPair],
    ignored: Collection[int],
    *,
    may_be_absent: bool,
    progress: ProgressCallback = silent,
) -> Background:
    """Return the background of label maps, from the values of all of them.

    Masks that cannot be read are left to the survey, which names them all.

    Parameters
    ----------
    ignored : values that are neither object nor background
    may_be_absent : objects may fill the images, as cells of a tissue do

    Raises
    ------
    DatasetError
        The values leave open which one is background; the ways to say it are named.
    """
    counts: Counter[int] = Counter()
    tops: set[int] = set()
    with files_kept_open():
        for done, pair in enumerate(pairs, start=1):
            try:
                mask = pair.load_mask(expand_palette=False)
                valid = load_valid(pair, mask.shape[:2])
            except CellEnhanceError:
                continue
            is_color = is_truly_color(mask)
            codes = encode_mask(mask, is_color=is_color)
            counts.update(count_codes(codes if valid is None else codes[valid]))
            tops.add(_WHITE if is_color else _top_of(mask.dtype))
            progress(done, len(pairs), "looking for the background")
    values = {value: n for value, n in counts.items() if value not in ignored}
    if not values:
        return Background()
    # A top that follows on the value before it is the last of many objects.
    tops = {top for top in tops if top in values and top - 1 not in values}
    return choose_background(values, tops, may_be_absent=may_be_absent)


def choose_background(
    counts: Mapping[int, int], tops: Collection[int] = (), *, may_be_absent: bool = False
) -> Background:
    """Return the background of label maps; errors as in `find_background`.

    Parameters
    ----------
    counts : pixels of each value
    tops : those of the values that are the largest of their file's type

    Examples
    --------
    >>> choose_background({0: 9, 1: 2, 2: 2}).codes
    (0,)
    >>> choose_background({-1: 9, 1: 2}).codes, choose_background({1: 2, 65535: 9}, [65535]).codes
    ((-1,), (65535,))
    """
    negative = sorted(value for value in counts if value < 0)
    if negative and (0 in counts or len(negative) > 1):
        raise DatasetError(_contradiction(negative, has_zero=0 in counts))
    if negative:
        return Background((negative[0],), f"{negative[0]} is background: no label map holds 0")
    if 0 in counts:
        return _beside_zero(counts, tops)
    if tops and len(counts) > 1:
        top = max(tops)
        note = (
            f"{top}, the largest value of its type, is background: no label map holds 0; where it "
            f"means 'not annotated', give --ignore {top}"
        )
        return Background((top,), note)
    frequent = max(counts, key=counts.__getitem__)
    share = counts[frequent] / sum(counts.values())
    text = (
        "no label map holds 0, which usually is background, so every pixel belongs to an object; "
        f"name the value that is background with {OPTION} VALUE (the most frequent one is "
        f"{frequent}, {100 * share:.1f} % of the pixels)"
    )
    if not may_be_absent or share > _MOST_OF_ONE_OBJECT:
        raise DatasetError(f"{text}; where objects fill the images, --instances interior-boundary")
    return Background(warning=text)


def with_zero_background(
    labels: NDArray[np.int64], background: Collection[int]
) -> NDArray[np.int64]:
    """Return a label map whose background is 0; an object numbered 0 gets a number of its own.

    Examples
    --------
    >>> with_zero_background(np.array([[-1, 0, 7]]), [-1])
    array([[ 0, -2,  7]])
    """
    if set(background) == {0}:
        return labels
    is_background = np.isin(labels, list(background))
    free = min(0, int(labels.min(initial=0))) - 1
    return np.where(is_background, 0, np.where(labels == 0, free, labels))


def _beside_zero(counts: Mapping[int, int], tops: Collection[int]) -> Background:
    """Return 0 as background; a value at the top of the type, far from the others, is asked for."""
    if not tops or len(counts) < 3:
        return Background()
    top = max(tops)
    others = {value: n for value, n in counts.items() if value != top}
    ways = (
        f"not annotated (--ignore {top}), background ({OPTION} 0,{top}), or an object ({OPTION} 0)"
    )
    if look_like_instances(others):
        raise DatasetError(
            f"label maps hold 0 to {max(others)} and {top}, the largest value of its type; say "
            f"what {top} is: {ways}"
        )
    return Background(warning=f"{top}, the largest value of its type, counts as an object: {ways}")


def _top_of(dtype: np.dtype[Any]) -> int:
    """Return the largest value of an integer type; of others one that no mask holds."""
    return int(np.iinfo(dtype.name).max) if dtype.kind in "iu" else -1


def _contradiction(negative: Sequence[int], *, has_zero: bool) -> str:
    joined = ",".join(map(str, negative))
    named = name_some(list(map(str, negative)))
    if not has_zero:
        return (
            f"label maps hold {named}, but no 0; name what is background, one of them or all as in "
            f"{OPTION} {joined}"
        )
    return (
        f"label maps hold 0 and {named}; say what {joined} is: background, so that 0 is an object "
        f"({OPTION} {joined}), not annotated (--ignore {joined}), or background like 0 "
        f"({OPTION} 0,{joined})"
    )
