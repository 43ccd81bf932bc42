"""Where pretraining takes its clean pictures from: stored images, or scenes drawn as they are used.

A picture is what the network should see behind the noise; noise is added later. What a source gives
for a place (step, slot) depends on the seed and the place alone, so that a resumed run sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from cellenhance.data.dataset.samples import SampleStore
from cellenhance.data.world.registry import draw_scene
from cellenhance.engine import seeding
from cellenhance.engine.pretraining.examples import Picture

SCENE_PX = 256
SCENE_USES = 6
"""How many steps in a row cut a crop from the same scene: drawing one takes as long as a step."""


class PictureSource(Protocol):
    """Gives a picture for every place; `name` is what reports call it."""

    name: str

    def at(self, seed: int, step: int, slot: int) -> Picture:
        """Return the picture of a place in the batch of a step."""


class StoredPictures:
    """Pictures in memory or mapped from the disk by `store`, drawn with equal probability."""

    def __init__(self, name: str, pictures: Sequence[Picture], store: SampleStore) -> None:
        self.name = name
        self._pictures = pictures
        self._store = store  # its files go when it does

    def __len__(self) -> int:
        return len(self._pictures)

    def at(self, seed: int, step: int, slot: int) -> Picture:
        """Return one of them, drawn by the place."""
        rng = seeding.numpy_generator(seed, step, slot, "picture")
        return self._pictures[int(rng.integers(len(self._pictures)))]


class ScenePictures:
    """Scenes of the synthetic world; each serves `SCENE_USES` steps of its slot, then a new one."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self._kind = kind
        self._kept: dict[int, tuple[int, Picture]] = {}

    def at(self, seed: int, step: int, slot: int) -> Picture:
        """Return the scene of the place; slots change scenes in turn, not all in one step."""
        number = (step + slot) // SCENE_USES
        kept = self._kept.get(slot)
        if kept is None or kept[0] != number:
            rng = seeding.numpy_generator(seed, number, slot, "scene")
            scene = draw_scene(self._kind, SCENE_PX, rng)
            kept = (number, Picture(scene.clean, scene.regions()))
            self._kept[slot] = kept
        return kept[1]


def deal_slots(shares: Sequence[float], n_slots: int) -> list[int]:
    """Return which source fills each slot of a batch, as near to the shares as whole slots allow.

    Every source has at least one slot.

    Examples
    --------
    >>> deal_slots([2, 1, 1], 8)
    [0, 0, 0, 0, 1, 1, 2, 2]
    >>> deal_slots([100, 1], 4)
    [0, 0, 0, 1]
    """
    wanted = np.asarray(shares, np.float64) / sum(shares) * n_slots
    counts = np.maximum(1, np.floor(wanted)).astype(int)
    while counts.sum() < n_slots:
        counts[int(np.argmax(wanted - counts))] += 1
    while counts.sum() > n_slots:
        counts[int(np.argmax(np.where(counts > 1, counts - wanted, -np.inf)))] -= 1
    return [index for index, count in enumerate(counts.tolist()) for _ in range(count)]
