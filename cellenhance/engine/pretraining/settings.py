"""What pretraining draws at random, how long it takes and what is learned."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cellenhance.settings import Settings


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"the range {value} ends below its start")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_ascending)]


class PretrainSettings(Settings):
    """Settings of a pretraining run; ranges are drawn anew for every crop.

    Attributes
    ----------
    segmentation, denoising : weights of the two tasks in the loss; 0 leaves a task out
    """

    steps: int = Field(3000, ge=1)
    batch_size: int = Field(8, ge=1, description="crops per step")
    crop_px: int = Field(128, ge=32, description="side of the crops")
    learning_rate: float = Field(0.002, gt=0, description="at the start; falls along a cosine")
    average_decay: float = Field(0.995, gt=0, lt=1, description="of the mean of the weights")
    segmentation: float = Field(1, ge=0, description="weight of interior, boundary, background")
    denoising: float = Field(10, ge=0, description="weight of the clean picture and its details")
    scale: Range = Field((0.5, 1.65), description="size of the picture; log-uniform")
    photons: Range = Field((2, 150), description="of the brightest pixel; log-uniform")
    read_noise: Range = Field((0, 1.5), description="in photons, rms")
    contrast: Range = Field((0.3, 1), description="share of the light that is picture")
    gamma: Range = Field((0.75, 1.35), description="exponent on the picture; log-uniform")
    headroom: Range = Field((0, 0.3), description="range left free above the brightest pixels")
    inversion: float = Field(0.4, ge=0, le=1, description="probability of dark on bright")

    @model_validator(mode="after")
    def _something_is_learned(self) -> PretrainSettings:
        if not self.segmentation and not self.denoising:
            raise ValueError("segmentation and denoising are both 0: nothing would be learned")
        for name in ("scale", "photons", "gamma"):
            if getattr(self, name)[0] <= 0:
                raise ValueError(f"{name} must be above 0")
        return self
