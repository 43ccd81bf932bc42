"""Label-preserving changes of a batch: parameters are drawn first, then applied on the device.

Image and mask move alike; what comes from outside the frame is mirrored in both unless `fill` says
otherwise. Intensity changes touch the image only and keep it in [0, 1]. The same parameters give
the same batch again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from cellenhance.arrays import IGNORE
from cellenhance.engine.training.degradation import DegradationSettings
from cellenhance.settings import Settings

Fill: TypeAlias = Literal["reflect", "constant", "ignore"]


class AffineSettings(Settings):
    """Largest affine change; each is drawn uniformly between minus and plus it."""

    rotation_deg: float = Field(0, ge=0, le=180)
    scale: float = Field(0, ge=0, lt=1, description="relative change of size")
    shear_deg: float = Field(0, ge=0, lt=60)
    shift: float = Field(0, ge=0, lt=1, description="in fractions of the side")
    fill: Fill = Field(
        "reflect",
        description="outside the frame: both mirrored; constant: image 0 and class 0, as published "
        "code does; ignore: image mirrored, mask not annotated",
    )


class IntensitySettings(Settings):
    """Largest change of brightness; each is drawn uniformly between minus and plus it."""

    gain: float = Field(0, ge=0, lt=1, description="relative change of contrast about the mean")
    offset: float = Field(0, ge=0, le=1, description="added to intensities in [0, 1]")
    gamma: float = Field(
        0, ge=0, lt=1, description="the exponent is 2 to the power of the draw x 2"
    )
    noise: float = Field(0, ge=0, le=1, description="largest sigma of added Gaussian noise")


class AugmentationSettings(Settings):
    """Which changes are drawn."""

    flip: bool = Field(description="left-right, with probability 1/2")
    flip_vertical: bool = Field(False, description="top-bottom, with probability 1/2")
    rot90: bool = Field(description="0, 90, 180 or 270 degrees, where the batch is square")
    affine: AffineSettings | None
    intensity: IntensitySettings | None
    eight_fold: bool = Field(
        False,
        description="whole images: each in all 8 orientations (quarter turns, mirrored) per epoch",
    )
    degradation: DegradationSettings | None = Field(
        None, description="less light, blur, stray light as dataset degrade simulates them"
    )


@dataclass(frozen=True, slots=True)
class AugmentationDraw:
    """The parameters of one batch of B images; None where a change is off.

    Attributes
    ----------
    flipped : (B,) bool
    quarter_turns : (B,) int, counter-clockwise
    angle_deg, scale, shear_deg : (B,); shift : (B, 2) as fractions of width and height
    gain, offset, exponent, noise_sigma : (B,)
    noise_seed : seed of the noise of the whole batch
    flipped_vertically : (B,) bool
    fill : what the affine change shows outside the frame
    """

    flipped: NDArray[np.bool_]
    quarter_turns: NDArray[np.int64]
    affine: dict[str, NDArray[np.float64]] | None
    intensity: dict[str, NDArray[np.float64]] | None
    noise_seed: int
    flipped_vertically: NDArray[np.bool_]
    fill: Fill = "reflect"


def draw_augmentation(
    settings: AugmentationSettings, n_images: int, rng: np.random.Generator, *, square: bool
) -> AugmentationDraw:
    """Draw the parameters for `n_images`; quarter turns need square images."""
    turns = rng.integers(0, 4, n_images)
    flips = rng.random(n_images) < 0.5
    return AugmentationDraw(
        flipped=flips & settings.flip,
        quarter_turns=(turns if square else turns // 2 * 2) * settings.rot90,
        affine=None if settings.affine is None else _draw_affine(settings.affine, n_images, rng),
        intensity=(
            None
            if settings.intensity is None
            else _draw_intensity(settings.intensity, n_images, rng)
        ),
        noise_seed=int(rng.integers(2**62)),
        # Drawn last, so that draws of recipes without it stay what they were.
        flipped_vertically=(rng.random(n_images) < 0.5) & settings.flip_vertical,
        fill="reflect" if settings.affine is None else settings.affine.fill,
    )


def _draw_affine(
    limits: AffineSettings, n_images: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    return {
        "angle_deg": rng.uniform(-1, 1, n_images) * limits.rotation_deg,
        "scale": 1 + rng.uniform(-1, 1, n_images) * limits.scale,
        "shear_deg": rng.uniform(-1, 1, n_images) * limits.shear_deg,
        "shift": rng.uniform(-1, 1, (n_images, 2)) * limits.shift,
    }


def _draw_intensity(
    limits: IntensitySettings, n_images: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    return {
        "gain": 1 + rng.uniform(-1, 1, n_images) * limits.gain,
        "offset": rng.uniform(-1, 1, n_images) * limits.offset,
        "exponent": 4 ** (rng.uniform(-1, 1, n_images) * limits.gamma),
        "noise_sigma": rng.uniform(0, 1, n_images) * limits.noise,
    }


def apply_augmentation(
    draw: AugmentationDraw,
    image: Tensor,
    mask: Tensor,
    degrade: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return image (B, C, H, W) float32 in [0, 1] and mask (B, H, W) int64, changed alike.

    Parameters
    ----------
    degrade : applied to the images once they lie as they will, before intensity changes
    """
    image, mask = _apply_orientation(draw, image, mask)
    if draw.affine is not None:
        image, mask = _apply_affine(draw.affine, draw.fill, image, mask)
    if degrade is not None:
        image = degrade(image)
    if draw.intensity is not None:
        image = _apply_intensity(draw.intensity, image, draw.noise_seed)
    return image, mask


def _apply_orientation(
    draw: AugmentationDraw, image: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    images, masks = [], []
    for index, turns in enumerate(draw.quarter_turns.tolist()):
        pair = [image[index], mask[index][None]]
        pair = [torch.rot90(each, turns, (1, 2)) for each in pair]
        for flips, axis in ((draw.flipped, 2), (draw.flipped_vertically, 1)):
            if flips[index]:
                pair = [torch.flip(each, (axis,)) for each in pair]
        images.append(pair[0])
        masks.append(pair[1][0])
    return torch.stack(images), torch.stack(masks)


def _apply_affine(
    affine: dict[str, NDArray[np.float64]], fill: Fill, image: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    from kornia.geometry.transform import get_affine_matrix2d, warp_affine

    size = (image.shape[2], image.shape[3])
    sides = torch.tensor([size[1], size[0]], dtype=torch.float32)
    draws = {key: torch.from_numpy(value).float() for key, value in affine.items()}
    matrix = get_affine_matrix2d(
        translations=draws["shift"] * sides,
        center=((sides - 1) / 2).expand(image.shape[0], 2),
        scale=draws["scale"][:, None].expand(-1, 2),
        angle=draws["angle_deg"],
        sx=torch.deg2rad(draws["shear_deg"]),
    )[:, :2].to(image.device)
    image_padding = "zeros" if fill == "constant" else "reflection"
    mask_padding = "reflection" if fill == "reflect" else "zeros"
    moved = warp_affine(image, matrix, size, mode="bilinear", padding_mode=image_padding)
    labels = mask[:, None].to(image.dtype)
    if fill == "ignore":
        labels -= IGNORE  # not annotated is 0, which comes from outside
    moved_mask = warp_affine(labels, matrix, size, mode="nearest", padding_mode=mask_padding)
    if fill == "ignore":
        moved_mask += IGNORE
    return moved, moved_mask[:, 0].round().to(mask.dtype)


def _apply_intensity(
    intensity: dict[str, NDArray[np.float64]], image: Tensor, noise_seed: int
) -> Tensor:
    gain, offset, exponent, sigma = (
        torch.from_numpy(intensity[key]).to(image.device, image.dtype)[:, None, None, None]
        for key in ("gain", "offset", "exponent", "noise_sigma")
    )
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    changed = ((image - mean) * gain + mean + offset).clamp(0, 1) ** exponent
    generator = torch.Generator(image.device).manual_seed(noise_seed)
    noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
    return (changed + sigma * noise).clamp(0, 1)
