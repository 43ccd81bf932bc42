"""Degradation in training: crops lose quality as `data.degrade` says, images only.

The batch goes to NumPy and back, so that training degrades by the same code as datasets do. It
comes after turns and affine changes, whose interpolation would smooth the noise away, in the counts
of the files: normalisation is undone before and done again after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from cellenhance.arrays import FloatImage
from cellenhance.data.degrade.physics import (
    DegradeParameters,
    Levels,
    degrade_image,
    draw_degradation,
    measure_levels,
)
from cellenhance.data.degrade.settings import DegradeSettings
from cellenhance.data.normalize import Normalization
from cellenhance.engine import seeding
from cellenhance.engine.training.batches import Crop, TrainingImages


class DegradationSettings(DegradeSettings):
    """What training images lose, and how often; drawn anew for every crop."""

    probability: float = Field(0.5, gt=0, le=1, description="share of the crops that are degraded")

    @model_validator(mode="after")
    def _of_training(self) -> DegradationSettings:
        if self.blur_um is not None:
            raise ValueError("training knows pixels alone: give blur_px in place of blur_um")
        if self.pedestal_adu:
            raise ValueError("training keeps values below dark as they are: leave out pedestal_adu")
        if self.fraction is not None and (self.gain_adu is None or self.offset_adu is None):
            raise ValueError(
                "fraction thins raw counts: give gain_adu and offset_adu, or take photons"
            )
        nothing = DegradationSettings.model_construct(probability=self.probability)
        if self == nothing:
            raise ValueError("nothing is lost: give photons, blur_px or another loss, or null")
        return self


class TrainingDegrader:
    """Draws and applies the degradation of batches that are cut from `images`."""

    def __init__(
        self, settings: DegradationSettings, images: TrainingImages, normalization: Normalization
    ) -> None:
        """Remember the images; `normalization` is theirs and has fixed limits."""
        self._settings, self._images = settings, images.images
        self._low = np.asarray(normalization.low, np.float64)
        span = np.asarray(normalization.high, np.float64) - self._low
        self._span = np.where(span > 0, span, 1.0)
        offset = settings.offset_adu
        self._dark = tuple(low if offset is None else offset for low in normalization.low)
        self._bright: dict[int, tuple[float, ...]] = {}

    def at(
        self, crops: Sequence[Crop], seed: int, epoch: int, step: int
    ) -> Callable[[Tensor], Tensor]:
        """Return what degrades the batch of a step, drawn by its key."""
        rng = seeding.numpy_generator(seed, epoch, step, "degradation")
        return partial(self.apply, self.draw([crop.index for crop in crops], rng))

    def draw(
        self, indices: Sequence[int], rng: np.random.Generator
    ) -> list[DegradeParameters | None]:
        """Draw the parameters of crops of the images `indices`; None where nothing is lost."""
        draws: list[DegradeParameters | None] = []
        for index in indices:
            is_degraded = rng.random() < self._settings.probability
            parameters = draw_degradation(self._settings, self._levels(index), rng)
            draws.append(parameters if is_degraded else None)
        return draws

    def apply(self, draws: Sequence[DegradeParameters | None], image: Tensor) -> Tensor:
        """Return (B, C, H, W) float32 in [0, 1] as it would be after normalisation."""
        if all(each is None for each in draws):
            return image
        batch = image.permute(0, 2, 3, 1).cpu().numpy()
        done = [
            normal if each is None else self._degrade(normal, each)
            for normal, each in zip(batch, draws, strict=True)
        ]
        return torch.from_numpy(np.stack(done)).permute(0, 3, 1, 2).to(image.device)

    def _degrade(self, normal: FloatImage, parameters: DegradeParameters) -> FloatImage:
        counts = degrade_image(self._low + self._span * normal, parameters)
        result: FloatImage = np.clip((counts - self._low) / self._span, 0, 1).astype(np.float32)
        return result

    def _levels(self, index: int) -> Levels:
        """Return the levels of a whole image in counts; a crop may hold nothing bright."""
        if index not in self._bright:
            bright = measure_levels(self._images[index], self._dark).bright
            self._bright[index] = tuple((self._low + self._span * np.asarray(bright)).tolist())
        return Levels(self._dark, self._bright[index])
