"""A scene of the world as a camera records it: photons, read noise, counts.

The noise is that of `data.degrade`; nothing here makes noise of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from cellenhance.arrays import ImageArray, MaskArray
from cellenhance.data.degrade.physics import DegradeParameters, degrade_image
from cellenhance.data.world.registry import LEAST_SIZE_PX, MIXED, draw_scene
from cellenhance.data.world.scene import Scene
from cellenhance.settings import Settings


class WorldSettings(Settings):
    """Which scenes, how many, and how they are recorded."""

    kind: str = Field(default=MIXED, description="a kind of scene, or mixed for all of them")
    n_images: int = Field(default=24, ge=1, description="number of images")
    size_px: int = Field(
        default=256, ge=LEAST_SIZE_PX, le=2048, description="side of an image in px"
    )
    photons: float = Field(default=18.0, gt=0, le=1e6, description="photons at full brightness")
    read_noise_e: float = Field(default=1.6, ge=0, description="read noise, electrons rms")
    gain_adu: float = Field(default=2.2, gt=0, description="counts an electron")
    offset_adu: float = Field(default=100.0, ge=0, description="counts in the dark")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True)
class RecordedScene:
    """An image of the set.

    Attributes
    ----------
    kind : of the scene, never "mixed"
    image : (H, W, 1) uint16 counts
    mask : (H, W) uint8, index into `registry.class_names_of` the kind of the set
    """

    kind: str
    image: ImageArray
    mask: MaskArray


def record_world_image(settings: WorldSettings, index: int) -> RecordedScene:
    """Return image `index` of the set.

    Raises
    ------
    SettingsError
        There is no such kind.
    """
    rng = np.random.default_rng([settings.seed, index])
    scene = draw_scene(settings.kind, settings.size_px, rng)
    mask = scene.regions() if settings.kind == MIXED else scene.mask
    return RecordedScene(scene.kind, record_scene(scene, settings, rng), mask)


def record_scene(scene: Scene, settings: WorldSettings, rng: np.random.Generator) -> ImageArray:
    """Return (H, W, 1) uint16 counts = offset + gain (Poisson(photons x clean) + read noise)."""
    bright = settings.offset_adu + settings.gain_adu * settings.photons
    parameters = DegradeParameters(
        photons=settings.photons,
        read_noise_e=settings.read_noise_e,
        gain_adu=settings.gain_adu,
        bit_depth=16,
        dark_adu=(settings.offset_adu,),
        bright_adu=(bright,),
        noise_seed=int(rng.integers(2**63)),
    )
    light = settings.offset_adu + (bright - settings.offset_adu) * scene.clean.astype(np.float64)
    counts = degrade_image(light[..., None], parameters)
    image: ImageArray = np.rint(counts).astype(np.uint16)
    return image
