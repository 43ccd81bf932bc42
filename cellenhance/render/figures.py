"""Figures to files, complete or not at all: size in print, colours of the page, formats."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import matplotlib
from matplotlib.figure import Figure

from cellenhance.data.files.storage import replacing
from cellenhance.errors import SettingsError
from cellenhance.render.style import FigureStyle

MM_PER_INCH = 25.4
PT_PER_MM = 72 / MM_PER_INCH

_MOST_PX = 65_000
_RC = {
    "font.family": "DejaVu Sans",
    "text.hinting": "no_hinting",  # so that words are as wide as measured at any resolution
    "pdf.fonttype": 42,  # text stays text, as journals ask
    "svg.hashsalt": "cellenhance",
}
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": "cellenhance"},
    "pdf": {"Creator": "cellenhance", "Producer": "cellenhance", "CreationDate": None},
    "svg": {"Creator": "cellenhance", "Date": None},
}


def save_all(figure: Figure, stem: Path, style: FigureStyle) -> tuple[Path, ...]:
    """Write `figure` in every format of `style` and return the paths.

    The same figure gives the same bytes: no dates, fixed identifiers. A PNG is
    round(width_mm / 25.4 * dpi) pixels wide.

    Raises
    ------
    SettingsError
        The PNG would be too large.
    """
    paths = style.paths(stem)
    for path in paths:
        save_figure(figure, path, style.dpi)
    return paths


def save_figure(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write `figure` as the format that the suffix of `path` names: .png, .pdf or .svg.

    Raises
    ------
    SettingsError
        A side of the PNG would have more than 65,000 pixels.
    """
    kind = path.suffix.removeprefix(".").lower()
    with replacing(path) as temporary, temporary.open("wb") as file:
        _print(figure, file, kind, dpi, str(path))


def print_png(figure: Figure, dpi: int = 150) -> bytes:
    """Return the bytes that `save_figure` writes as PNG; errors as there."""
    buffer = io.BytesIO()
    _print(figure, buffer, "png", dpi, "the figure")
    return buffer.getvalue()


def _print(figure: Figure, target: IO[bytes], kind: str, dpi: int, name: str) -> None:
    """Write a figure whose PNG is a whole number of pixels wide and high."""
    width_in, height_in = (float(side) for side in figure.get_size_inches())
    if kind == "png":
        width, height = round(width_in * dpi), round(height_in * dpi)
        if max(width, height) > _MOST_PX:
            raise SettingsError(
                f"{name}: would be {width} x {height} pixels; a side may have at most {_MOST_PX}; "
                "lower --dpi or --width-mm, or write --format pdf"
            )
        # matplotlib cuts fractions of a pixel off; a little more than whole pixels is exact.
        figure.set_size_inches((width + 0.01) / dpi, (height + 0.01) / dpi)
    try:
        with print_settings():
            figure.savefig(
                target,
                format=kind,
                dpi=dpi,
                metadata=_METADATA.get(kind),
                facecolor=figure.get_facecolor(),
            )
    finally:
        figure.set_size_inches((width_in, height_in))


def draw_png(figure: Figure, dpi: int = 150) -> bytes:
    """Return `figure` as the bytes of a PNG, to be embedded in a page."""
    buffer = io.BytesIO()
    with print_settings():
        figure.savefig(buffer, format="png", dpi=dpi, metadata=_METADATA["png"])
    return buffer.getvalue()


@contextmanager
def print_settings() -> Iterator[None]:
    """Let matplotlib use our fonts within the block; characters they lack are shown as boxes."""
    with warnings.catch_warnings(), matplotlib.rc_context(_RC):
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield
