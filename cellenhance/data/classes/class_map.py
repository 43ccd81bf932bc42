"""The values or colours of foreign masks as class indices; nothing is mapped by guess.

A mask becomes codes first: its grey values, or 0xRRGGBB where masks are coloured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellenhance.arrays import IGNORE, MAX_CLASSES, MaskArray
from cellenhance.errors import SettingsError

_LONGEST_TABLE = 2**16
_NO_CLASS = -1
_BLOCK_PIXELS = 4_000_000
_GREY_TO_CODE = 0x010101
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_VALUE = re.compile(r"-?[0-9]{1,10}")
_RANGE = re.compile(r"(-?[0-9]{1,10})-([0-9]{1,10})")
_LONGEST_RANGE, _SHORTEST_RUN = 2**16, 4


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One class of the user: its name and the codes that mean it."""

    name: str
    codes: tuple[int, ...]
    is_color: bool = False

    def as_option(self) -> str:
        """Return the rule as ``NAME=VALUE,VALUE``, long runs of values as ``LOW-HIGH``."""
        return f"{self.name}={','.join(_show_codes(self.codes, self.is_color))}"


def show_code(code: int, is_color: bool) -> str:
    """Return a code as a user writes it: 127 or #ff8000."""
    return f"#{code:06x}" if is_color else str(code)


def parse_class(text: str) -> ClassRule:
    """Return ``NAME=VALUE[,VALUE...]`` or ``NAME=#rrggbb[,#rrggbb...]`` as a rule.

    A value may be a range such as ``1-40``.

    Raises
    ------
    SettingsError
        The text has another form.
    """
    name, equals, values = text.rpartition("=")
    if not equals or not name.strip():
        raise SettingsError(
            f"--class {text!r}: expected NAME=VALUE[,VALUE...] or NAME=#rrggbb, such as nucleus=255"
        )
    codes, is_color = parse_codes(values, f"--class {text!r}")
    return ClassRule(name.strip(), codes, is_color)


def parse_codes(text: str, where: str) -> tuple[tuple[int, ...], bool]:
    """Return the codes of ``1,2``, ``1-40`` or ``#ff0000`` and whether they are colours."""
    parts = [part.strip() for part in text.split(",")]
    if all(_COLOR.fullmatch(part) for part in parts):
        return tuple(int(part[1:], 16) for part in parts), True
    if all(_VALUE.fullmatch(part) or _RANGE.fullmatch(part) for part in parts):
        return tuple(code for part in parts for code in _parse_range(part, where)), False
    raise SettingsError(f"{where}: expected whole numbers, or colours such as #ff0000")


def _parse_range(part: str, where: str) -> range:
    """Return the values of ``7`` or ``1-40``."""
    match = _RANGE.fullmatch(part)
    low, high = (int(part), int(part)) if match is None else (int(match[1]), int(match[2]))
    if not 0 <= high - low < _LONGEST_RANGE:
        raise SettingsError(
            f"{where}: {part} is not a range of 1 to {_LONGEST_RANGE} values; expected LOW-HIGH"
        )
    return range(low, high + 1)


def _show_codes(codes: Sequence[int], is_color: bool) -> list[str]:
    """Return codes as a user writes them, runs of values of some length as a range."""
    shown: list[str] = []
    start = 0
    for end in range(1, len(codes) + 1):
        if end < len(codes) and codes[end] == codes[end - 1] + 1 and not is_color:
            continue
        run = codes[start:end]
        is_long = len(run) >= _SHORTEST_RUN
        shown += [f"{run[0]}-{run[-1]}"] if is_long else [show_code(c, is_color) for c in run]
        start = end
    return shown


class ClassMap:
    """Codes to class indices, with codes to ignore.

    Raises
    ------
    SettingsError
        A name or a code is used twice, or values and colours are mixed.
    """

    def __init__(self, rules: Sequence[ClassRule], ignore: Iterable[str] = ()) -> None:
        parsed = [parse_codes(text, f"--ignore {text!r}") for text in ignore]
        kinds = {rule.is_color for rule in rules} | {is_color for _, is_color in parsed}
        if len(kinds) > 1:
            raise SettingsError("classes mix grey values and colours; use one kind for all")
        if len(rules) > MAX_CLASSES:
            raise SettingsError(f"{len(rules)} classes; at most {MAX_CLASSES} fit a mask")
        self.rules = tuple(rules)
        self.is_color = kinds == {True}
        self.index_of: dict[int, int] = {}
        pairs = [(code, i) for i, rule in enumerate(rules) for code in rule.codes]
        for code, index in [*pairs, *((c, IGNORE) for codes, _ in parsed for c in codes)]:
            if self.index_of.setdefault(code, index) != index:
                shown = show_code(code, self.is_color)
                raise SettingsError(f"mask value {shown} is given to two classes; choose one")
        names = [rule.name for rule in rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SettingsError(f"class '{twice}' is given twice; list its values with commas")

    def unmapped(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Return the codes that no class and no ignore names, with their pixel counts."""
        return {code: n for code, n in sorted(counts.items()) if code not in self.index_of}

    def apply(self, codes: NDArray[Any]) -> MaskArray:
        """Return (H, W) codes as uint8 class indices; KeyError for a code without a class."""
        if _fit_a_table(codes):
            table = np.full(int(codes.max(initial=0)) + 1, _NO_CLASS, dtype=np.int16)
            for code, index in self.index_of.items():
                if 0 <= code < len(table):
                    table[code] = index
            found = table[codes]
            if (found == _NO_CLASS).any():
                raise KeyError(int(codes[found == _NO_CLASS][0]))
            mask: MaskArray = found.astype(np.uint8)
            return mask
        present, where = np.unique(codes, return_inverse=True)
        indices = np.array([self.index_of[int(code)] for code in present], dtype=np.uint8)
        return indices[where.reshape(codes.shape)]


def encode_mask(mask: NDArray[Any], *, is_color: bool) -> NDArray[np.int64]:
    """Return the codes of a mask as read: (H, W) values or (H, W, 3) colours.

    Grey values stand for grey colours and the reverse, so sets that mix both are one set.
    """
    values = mask.astype(np.int64)
    if values.ndim == 3:
        return (
            values[..., 0] << 16 | values[..., 1] << 8 | values[..., 2]
            if is_color
            else values[..., 0]
        )
    return values * _GREY_TO_CODE if is_color else values


def count_codes(codes: NDArray[Any]) -> dict[int, int]:
    """Return how many pixels have each code."""
    if _fit_a_table(codes):
        counts = np.bincount(codes.ravel())
        return {int(code): int(counts[code]) for code in np.flatnonzero(counts)}
    present, numbers = np.unique(codes, return_counts=True)
    return {int(c): int(n) for c, n in zip(present, numbers, strict=True)}


def _fit_a_table(codes: NDArray[Any]) -> bool:
    """Tell whether codes are small enough to count and look up without sorting all pixels."""
    return codes.size > 0 and bool(codes.min() >= 0 and codes.max() < _LONGEST_TABLE)


def row_blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of rows that cover an image, each of about four million pixels.

    Codes take 8 bytes a pixel; made block by block they never exist for a whole large image.
    """
    step = max(1, _BLOCK_PIXELS // max(1, shape[1]))
    for top in range(0, shape[0], step):
        yield slice(top, min(top + step, shape[0]))


def is_truly_color(mask: NDArray[Any]) -> bool:
    """Tell whether a mask as read has pixels whose red, green and blue differ."""
    return mask.ndim == 3 and bool((mask != mask[..., :1]).any())
