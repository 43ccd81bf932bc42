"""Text from outside, made safe for a terminal and for a spreadsheet; numbers with their nouns.

File names, class names and messages of libraries may hold anything: control characters that move
the cursor, line ends that fake a second message, cells that a spreadsheet would compute.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode's categories of what cannot be seen: control, format (text direction ...), surrogate."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def shown(text: str) -> str:
    r"""Return `text` with every control character and stray byte as an escape, on one line.

    Examples
    --------
    >>> print(shown("a\x1b[31m\nb"))
    a\x1b[31m\x0ab
    >>> print(shown("Zelle µ 細胞"))
    Zelle µ 細胞
    """
    if text.isprintable():
        return text
    return "".join(_escaped(each) for each in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun in the right form.

    Examples
    --------
    >>> counted(1, "image"), counted(3, "image"), counted(0, "class", "classes")
    ('1 image', '3 images', '0 classes')
    """
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def escape_surrogates(json_text: str) -> str:
    r"""Return JSON that can be encoded: names with bytes that are not UTF-8 as ``\udcff`` escapes.

    Examples
    --------
    >>> print(escape_surrogates('"a\udcff"'))
    "a\udcff"
    """
    return _SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", json_text)


def csv_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe is put before it.

    Numbers, also as text, stay as they are; `from_csv_cell` gives every text back.

    Examples
    --------
    >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell(-0.5), csv_cell("cell 1")
    ("'=1+1", '-0.5', -0.5, 'cell 1')
    """
    if not isinstance(value, str) or not _looks_like_formula(value):
        return value
    return f"'{value}"


def from_csv_cell(text: str) -> str:
    """Return the text that `csv_cell` wrote."""
    return text[1:] if text.startswith("'") and _looks_like_formula(text) else text


def _looks_like_formula(text: str) -> bool:
    """Tell whether a text begins like a formula, perhaps behind apostrophes from `csv_cell`."""
    if not text.lstrip("'").startswith(_FORMULA):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
