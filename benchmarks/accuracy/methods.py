"""The rivals: networks of the catalogue with their recipes, and a forest over a filter bank.

All networks see crops of 128 px in batches of 4, the published recipe too (it asks for batches of 8
whole images of 256 px, of which the budget would allow a few dozen steps).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to train: model and recipe of the catalogue, changes, `--init` of train.

    `first` is a model that is trained for half of the time, and from whose run this one starts.
    """

    model: str
    recipe: str | None = None
    changes: tuple[str, ...] = ()
    init: str = "none"
    first: str | None = None
    is_forest: bool = False


COMMON = ("recipe.crop_px=128", "recipe.batch_size=4")

AFFINE = ("recipe.augmentation.affine={rotation_deg: 20, scale: 0.15, shear_deg: 5, shift: 0.05}",)
"""The affine changes of the recipe `cellenhance`."""

METHODS = {
    "published": Method("aep-code"),
    "light-unet": Method("light-unet"),
    "light-unet, few-images": Method("light-unet", "few-images"),
    "aep": Method("aep"),
    "fine-unet": Method("fine-unet"),
    "fine-unet, affine": Method("fine-unet", changes=AFFINE),
    "fine-unet, start": Method("fine-unet", init="start"),
    "fine-unet-wide": Method("fine-unet-wide"),
    "aep-fine": Method("aep-fine"),
    "aep-fine, start": Method("aep-fine", init="start"),
    "aep-fine, grown": Method("aep-fine", init="start", first="fine-unet"),
    "aep-fine of 1 filter, grown": Method(
        "aep-fine", changes=("settings.n_filters=1",), init="start", first="fine-unet"
    ),
    "aep-fine-muted, start": Method("aep-fine-muted", init="start"),
    "fine-unet-pair, start": Method("fine-unet-pair", init="start"),
    "forest": Method("", is_forest=True),
}
"""What the comparison is about."""

SCREENED = {
    "start, no intensity": Method(
        "fine-unet", changes=("recipe.augmentation.intensity=null",), init="start"
    ),
    "start, affine": Method("fine-unet", changes=AFFINE, init="start"),
    "start, rate 0.002": Method("fine-unet", changes=("recipe.learning_rate=0.002",), init="start"),
    "start, cross-entropy": Method(
        "fine-unet", changes=("recipe.loss.lovasz_softmax=0",), init="start"
    ),
    "start, 1 filter": Method("aep-fine", changes=("settings.n_filters=1",), init="start"),
}
"""Variants that only screening looks at, on images that do not test."""
