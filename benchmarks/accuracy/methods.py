"""The rivals: networks of the catalogue with their recipes, and a forest over a filter bank.

All networks see crops of 128 px in batches of 4, the published recipe too (it asks for batches of 8
whole images of 256 px, of which the budget would allow a few dozen steps).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to train: model and recipe of the catalogue, changes, where the weights start."""

    model: str
    recipe: str | None = None
    changes: tuple[str, ...] = ()
    init: str = "none"
    is_forest: bool = False

    def words(self) -> list[str]:
        """Return the options of ``cellenhance train`` that make it."""
        recipe = ["--recipe", self.recipe] if self.recipe else []
        changes = [word for change in (*COMMON, *self.changes) for word in ("--set", change)]
        return ["-m", self.model, *recipe, *changes]


COMMON = ("recipe.crop_px=128", "recipe.batch_size=4")

METHODS = {
    "published": Method("aep-code"),
    "light-unet": Method("light-unet"),
    "aep": Method("aep"),
    "light-unet, few-images": Method("light-unet", "few-images"),
    "fine-unet": Method("fine-unet"),
    "fine-unet-wide": Method("fine-unet-wide"),
    "fine-unet-pair": Method("fine-unet-pair"),
    "aep-fine": Method("aep-fine"),
    "aep-fine-muted": Method("aep-fine-muted"),
    "fine-unet, start": Method("fine-unet", init="start"),
    "aep-fine, start": Method("aep-fine", init="start"),
    "forest": Method("", is_forest=True),
}
