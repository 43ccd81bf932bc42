"""Text on a figure: measured, wrapped and cut in millimetres, so that nothing overlaps."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from cellenhance.render.figures import PT_PER_MM, print_settings

TITLE_PT, TEXT_PT, NOTE_PT, CAPTION_PT = 7.0, 6.5, 6.0, 8.0
_LEADING = 1.3


def line_mm(size_pt: float) -> float:
    """Return the height of a line of text."""
    return size_pt * _LEADING / PT_PER_MM


def measure_mm(text: str, size_pt: float, weight: str = "normal") -> float:
    """Return the width of `text` in millimetres."""
    font = FontProperties(family="DejaVu Sans", size=size_pt, weight=weight)
    with print_settings():
        width = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return float(width) / PT_PER_MM


def wrap(
    text: str, width_mm: float, size_pt: float, most_lines: int | None = None, *, bold: bool = False
) -> list[str]:
    """Return `text` as lines that fit; a word that is too long is cut into pieces.

    Lines break at ordinary spaces, and at a no-break space only inside text that is too long.

    Parameters
    ----------
    most_lines : text that does not fit into this many lines ends with "..."
    """
    weight = "bold" if bold else "normal"
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in _words(paragraph, width_mm, size_pt, weight):
            joined = f"{line} {word}" if line else word
            if measure_mm(joined, size_pt, weight) <= width_mm:
                line = joined
                continue
            if line:
                lines.append(line)
            *pieces, line = _pieces(word, width_mm, size_pt, weight)
            lines += pieces
        lines.append(line)
    if most_lines is not None and len(lines) > most_lines:
        lines = lines[:most_lines]
        lines[-1] = _cut(lines[-1], width_mm, size_pt, weight)
    return lines


def wrap_all(texts: Sequence[str], width_mm: float, size_pt: float) -> list[str]:
    """Return the lines of several texts, each beginning on a line of its own."""
    return [line for text in texts for line in wrap(text, width_mm, size_pt)]


def _words(paragraph: str, width_mm: float, size_pt: float, weight: str) -> list[str]:
    words: list[str] = []
    for word in filter(None, paragraph.split(" ")):
        fits = measure_mm(word, size_pt, weight) <= width_mm
        words += [word] if fits else word.split("\u00a0")
    return words


def _pieces(word: str, width_mm: float, size_pt: float, weight: str) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and measure_mm(pieces[-1] + letter, size_pt, weight) > width_mm:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _cut(line: str, width_mm: float, size_pt: float, weight: str) -> str:
    while line and measure_mm(line + "...", size_pt, weight) > width_mm:
        line = line[:-1]
    return line.rstrip() + "..."
