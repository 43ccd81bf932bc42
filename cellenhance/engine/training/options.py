"""Options of everything that trains: the recipe, and what is changed in it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from cellenhance.options import Options, option

DEFAULT_RECIPE = "cellenhance"


class RecipeOptions(Options):
    """Which recipe of the catalogue, and what is changed in it."""

    title: ClassVar[str] = "Recipe"

    recipe: str | None = option(
        None, "A recipe of the catalogue.", metavar="NAME", unset="the model's own"
    )
    set: tuple[str, ...] = option(
        (), "Change one setting, such as recipe.epochs=50; repeat it for more.", metavar="KEY=VALUE"
    )
    models: Path | None = option(
        None, "A models.yaml of your own, added to the catalogue.", metavar="FILE"
    )


class TrainingOptions(RecipeOptions):
    """A recipe, and the numbers of it that are changed most often."""

    epochs: int | None = option(
        None, "Times that all training images are seen.", limits={"ge": 1}, unset="the recipe's"
    )
    batch_size: int | None = option(
        None, "Images in a training step.", limits={"ge": 1}, unset="the recipe's"
    )
    patience: int | None = option(
        None,
        "Stop after this many epochs without a better validation mIoU.",
        limits={"ge": 1},
        unset="the recipe's",
    )

    @property
    def overrides(self) -> dict[str, int]:
        """Return the numbers of the recipe that are changed, by their names in it."""
        asked = {"epochs": self.epochs, "batch_size": self.batch_size, "patience": self.patience}
        return {name: value for name, value in asked.items() if value is not None}
