"""What an epoch consists of: its number of steps and the order of whole images."""

from __future__ import annotations

from typing import Protocol

from cellenhance.engine import seeding
from cellenhance.engine.training.batches import N_ORIENTATIONS
from cellenhance.engine.training.settings import RecipeSettings


class ImageSet(Protocol):
    """What the number of steps depends on: images in memory, or their sizes alone."""

    @property
    def n_pixels(self) -> int:
        """Pixels of all images."""

    def __len__(self) -> int: ...


def count_steps(images: ImageSet, recipe: RecipeSettings) -> int:
    """Return the steps of an epoch.

    Those of the recipe; else ceil(pixels / (batch x crop^2)) with crops, or ceil(images / batch),
    where an image in 8 orientations counts as 8.
    """
    if recipe.steps_per_epoch is not None:
        return recipe.steps_per_epoch
    if recipe.crop_px is not None:
        return -(-images.n_pixels // (recipe.batch_size * recipe.crop_px**2))
    return -(-_n_places(len(images), recipe) // recipe.batch_size)


def draw_places(
    n_images: int, recipe: RecipeSettings, seed: int, epoch: int, step: int
) -> list[tuple[int, int]]:
    """Return (index, orientation) of the whole images of a step.

    Each comes once before any comes again, in an order of its own every time. Without
    `steps_per_epoch` the last step takes what is left.
    """
    n_places = _n_places(n_images, recipe)
    first, last = step * recipe.batch_size, (step + 1) * recipe.batch_size
    if recipe.steps_per_epoch is None:
        last = min(last, n_places)
    chosen: list[int] = []
    for round_ in range(first // n_places, (last - 1) // n_places + 1):
        key = ("order",) if round_ == 0 else ("order", round_)
        order = seeding.numpy_generator(seed, epoch, *key).permutation(n_places)
        start = round_ * n_places
        chosen += order[max(0, first - start) : last - start].tolist()
    return [(each % n_images, each // n_images) for each in chosen]


def _n_places(n_images: int, recipe: RecipeSettings) -> int:
    return n_images * (N_ORIENTATIONS if recipe.augmentation.eight_fold else 1)
