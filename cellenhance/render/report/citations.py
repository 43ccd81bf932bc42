"""BibTeX of the papers that the catalogue names, found by their arXiv numbers.

The entries themselves are facts, in ``citations.bib``.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
_ENTRY = re.compile(r"^@.*?^}", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^  eprint = {(.*)},$", re.MULTILINE)


def find_bibtex(papers: str) -> str:
    """Return a BibTeX entry for each known arXiv number in a text, once each; "" for none.

    Examples
    --------
    >>> print(find_bibtex("Ronneberger et al. 2015, arXiv 1505.04597").splitlines()[0])
    @misc{ronneberger2015unet,
    """
    entries = dict(_load_entries())
    numbers = dict.fromkeys(_ARXIV.findall(papers))
    return "\n".join(entries[number] for number in numbers if number in entries)


@cache
def _load_entries() -> tuple[tuple[str, str], ...]:
    """Return (arXiv number, entry) of every entry of the file; one without a number is an error."""
    text = Path(__file__).with_name("citations.bib").read_text(encoding="utf-8")
    return tuple((_NUMBER.findall(entry)[0], entry) for entry in _ENTRY.findall(text))
