"""Figures to files, complete or not at all."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from cellenhance.data.writers import replacing


def save_figure(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write `figure` as the format that the suffix of `path` names: .png, .pdf or .svg."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".").lower(), dpi=dpi)
