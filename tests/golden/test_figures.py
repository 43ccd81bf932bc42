"""Figures look as stored; `make_figures.py` beside this file remakes them.

Tolerance: fonts and lines are drawn a little differently from one version of the libraries to the
next, so 1 % of the pixels may differ by more than 40 of 255 grey values, and the mean by 1.5.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio.v3 import imread

from cellenhance.render.figures import save_all

HERE = Path(__file__).parent
NAMES = ["overlay", "overlay-fill-dark", "comparison", "translation", "confusion"]
MOST_DIFFERENT, FAR, MOST_MEAN = 0.01, 40, 1.5


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    drawn: dict[str, Any] = runpy.run_path(str(HERE / "make_figures.py"))["draw_all"]()
    return drawn


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_looks_as_stored(name: str, figures: dict[str, Any], tmp_path: Path) -> None:
    figure, style = figures[name]
    [path] = save_all(figure, tmp_path / name, style)
    found, stored = (
        imread(each)[..., :3].astype(int) for each in (path, HERE / "figures" / path.name)
    )
    assert found.shape == stored.shape
    difference = np.abs(found - stored).max(axis=2)
    assert (difference > FAR).mean() <= MOST_DIFFERENT
    assert difference.mean() <= MOST_MEAN


def test_every_stored_figure_is_compared(figures: dict[str, Any]) -> None:
    stored = {path.stem for path in (HERE / "figures").iterdir()}
    assert stored == set(NAMES) == set(figures)


def test_the_tolerance_sees_a_mask_moved_by_two_pixels() -> None:
    stored = imread(HERE / "figures" / "comparison.png")[..., :3].astype(int)
    difference = np.abs(stored - np.roll(stored, 2, axis=1)).max(axis=2)
    assert (difference > FAR).mean() > MOST_DIFFERENT
