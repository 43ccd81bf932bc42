"""The kinds of the synthetic world by name."""

from __future__ import annotations

import numpy as np

from cellenhance.data.world.kinds import (
    cells,
    em,
    envelope,
    filaments,
    honeycomb,
    layer,
    neurites,
    nuclei,
    nucleoli,
    phase,
    puncta,
    smear,
    tissue,
)
from cellenhance.data.world.scene import REGION_NAMES, Kind, Scene
from cellenhance.errors import SettingsError
from cellenhance.settings import suggest

MIXED = "mixed"
LEAST_SIZE_PX = 32
KINDS: dict[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (
        nuclei,
        nucleoli,
        cells,
        puncta,
        filaments,
        neurites,
        honeycomb,
        layer,
        phase,
        em,
        envelope,
        smear,
        tissue,
    )
}


def draw_scene(kind: str, size_px: int, rng: np.random.Generator) -> Scene:
    """Return a scene of the world; the same generator state gives the same bytes.

    Parameters
    ----------
    kind : a name of `KINDS`, or "mixed" for one of them at random
    size_px : side of the square, from 32

    Raises
    ------
    SettingsError
        There is no such kind, or the side is too small.
    """
    _check_kind(kind)
    if size_px < LEAST_SIZE_PX:
        raise SettingsError(
            f"a scene of {size_px} px: expected a side of at least {LEAST_SIZE_PX} px"
        )
    if kind == MIXED:
        kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    return KINDS[kind].draw(size_px, rng)


def class_names_of(kind: str) -> tuple[str, ...]:
    """Return the class names of a set: those of its kind; the regions of objects for a mixed one.

    Raises
    ------
    SettingsError
        There is no such kind.
    """
    _check_kind(kind)
    return REGION_NAMES if kind == MIXED else KINDS[kind].class_names


def _check_kind(kind: str) -> None:
    if kind not in KINDS and kind != MIXED:
        raise SettingsError(
            f"the kind of scene '{kind}' is unknown{suggest(kind, [*KINDS, MIXED])}"
        )
