"""A report as one HTML file that needs nothing else: records in, text out.

Pictures are inlined, every text is escaped by the template, and the page forbids itself by its
content policy to load or run anything. The caller decides which sections a report has.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined

from cellenhance.render.tables import Table

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of the summary: what it is, its value, and what one must know to read it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Text to copy as it is: a command, BibTeX."""

    text: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """A table of numbers, or of `texts`; `emphasised` are (row, column) of cells in bold."""

    table: Table
    emphasised: frozenset[tuple[int, int]] = frozenset()
    texts: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with what it shows, in words for those who cannot see it, and its caption."""

    png: bytes
    alt: str
    caption: str = ""

    @property
    def data_uri(self) -> str:
        """Return the picture as text to be embedded in the page itself."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


Block = Paragraph | Listing | Numbers | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what comes below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole page."""

    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    footer: str


def render_report(report: Report) -> str:
    """Return the page as HTML text.

    Examples
    --------
    >>> page = render_report(Report("<b>", "", (), (), ""))
    >>> "<title>&lt;b&gt;</title>" in page
    True
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = resources.files("cellenhance.render.report").joinpath(_TEMPLATE)
    source = template.read_text(encoding="utf-8")
    page: str = environment.from_string(source).render(
        report=report, kind_of=lambda block: type(block).__name__.lower()
    )
    return page
