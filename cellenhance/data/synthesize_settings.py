"""How many synthetic images are drawn, and how they are lit and recorded; imports nothing slow."""

from __future__ import annotations

from pydantic import Field

from cellenhance.options import Seed, option
from cellenhance.settings import Settings


class SynthesizeSettings(Settings):
    """How many images, and how they are lit and recorded."""

    n_images: int = option(24, "Number of images.", limits={"ge": 1})
    size_px: int = option(
        256, "Side of an image in px.", flag="--size", limits={"ge": 32, "le": 4096}
    )
    cell_px: float = Field(default=46.0, ge=12, description="mean cell diameter in px")
    photons: float = option(
        18.0,
        "Photons in a pixel of cytoplasm; with --kind, in a pixel at full brightness.",
        limits={"gt": 0},
    )
    background_photons: float = Field(default=4.0, ge=0, description="stray photons in a pixel")
    read_noise_e: float = option(
        1.6, "Read noise in electrons rms.", flag="--read-noise", limits={"ge": 0}
    )
    gain_adu: float = option(2.2, "Counts per electron.", flag="--gain", limits={"gt": 0})
    offset_adu: float = option(100.0, "Counts in the dark.", flag="--offset", limits={"ge": 0})
    blur_px: float = Field(default=1.1, ge=0, description="sigma of the optics in px")
    vignetting: float = Field(default=0.5, ge=0, lt=1, description="light lost in the corners")
    seed: Seed = 0
