"""How much memory training takes, and the batch size that fits."""

from __future__ import annotations

import logging

import torch

from cellenhance.engine.device import free_memory_bytes
from cellenhance.engine.training.settings import RecipeSettings, RunSettings
from cellenhance.errors import ResourceError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.complexity import activation_bytes_per_pixel, count_parameters

logger = logging.getLogger(__name__)

_MEMORY_SHARE = 0.8
"""Share of the free memory that a training step may take."""


def fit_batch(settings: RunSettings, network: SegmentationNetwork, largest_px: int) -> RunSettings:
    """Return the settings with the batch size cut to what the free memory holds, and say so.

    On the CPU running out of memory is a kill, not an error, so this comes before the first step.

    Raises
    ------
    ResourceError
        Not even one image fits.
    """
    recipe = settings.recipe
    free = int(free_memory_bytes(torch.device(settings.device)) * _MEMORY_SHARE)
    needed = estimate_bytes(network, recipe, largest_px)
    if needed <= free:
        return settings
    per_image = _bytes_per_image(network, recipe, largest_px)
    fitting = (free - (needed - recipe.batch_size * per_image)) // per_image
    if fitting < 1:
        raise ResourceError(
            f"training needs about {(needed - (recipe.batch_size - 1) * per_image) / 2**30:.1f} "
            f"GiB even at batch size 1, {free / 2**30:.1f} GiB are to spare; use smaller crops "
            "(--set recipe.crop_px=128) or a smaller model"
        )
    logger.warning(
        "batch size %d needs about %.1f GiB, %.1f GiB are to spare: training with batch size %d",
        recipe.batch_size,
        needed / 2**30,
        free / 2**30,
        fitting,
    )
    smaller = recipe.model_copy(update={"batch_size": int(fitting)})
    return settings.model_copy(update={"recipe": smaller})


def _bytes_per_image(network: SegmentationNetwork, recipe: RecipeSettings, largest_px: int) -> int:
    pixels = largest_px if recipe.crop_px is None else recipe.crop_px**2
    return pixels * activation_bytes_per_pixel(network)


def estimate_bytes(network: SegmentationNetwork, recipe: RecipeSettings, largest_px: int) -> int:
    """Return what training takes at most: copies of the weights, all layers' outputs.

    Weights, gradients and Adam's two moments, each float32; with averaging the average and the
    weights that it stands in for during validation; `largest_px` is the pixels of the
    largest image, which counts when whole images are trained on.
    """
    n_copies = 4 if recipe.averaging is None else 6
    weights = n_copies * 4 * count_parameters(network)
    return weights + recipe.batch_size * _bytes_per_image(network, recipe, largest_px)
