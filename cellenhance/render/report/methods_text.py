"""What a paper says about a run: one paragraph made from what was recorded, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellenhance.texts import counted


@dataclass(frozen=True, slots=True)
class MethodsFacts:
    """What the paragraph needs.

    Attributes
    ----------
    recipe : the recipe as `run.yaml` holds it
    result : the sentence about the scores, already worded
    """

    version: str
    torch_version: str
    model: str
    paper: str
    n_parameters: int
    initialised_from: str | None
    dataset: str
    n_train: int
    n_val: int
    classes: Sequence[str]
    recipe: Mapping[str, Any]
    normalization: str
    seed: int
    epoch: int
    n_epochs: int
    result: str


def describe_methods(facts: MethodsFacts) -> str:
    """Return the paragraph in the past tense, ready to paste."""
    recipe = facts.recipe
    crop = recipe.get("crop_px")
    source = "" if facts.paper.startswith("none") else f" ({facts.paper})"
    start = (
        "from random initial weights"
        if facts.initialised_from is None
        else f"from the weights of {facts.initialised_from}"
    )
    chosen = (
        f"The weights of epoch {facts.epoch}, with the best mean IoU on the validation images, "
        "were used."
        if facts.n_val
        else "The weights of the last epoch were used, as there were no validation images."
    )
    batch = counted(recipe["batch_size"], "random crop" if crop else "whole image")
    return " ".join(
        [
            f"Images were segmented into {_list(facts.classes)} with cellenhance {facts.version} "
            f"(PyTorch {facts.torch_version}), model {facts.model}{source}, "
            f"{facts.n_parameters:,} parameters.",
            f"It was trained {start} on {counted(facts.n_train, 'annotated image')} of "
            f"{facts.dataset} ({facts.n_val} more for validation) for "
            f"{counted(facts.n_epochs, 'epoch')} with {_optimizer(recipe)} and "
            f"{_losses(recipe)}, in batches of {batch}"
            + (f" of {crop} x {crop} pixels." if crop else "."),
            f"Pixel values were normalised by {_NORMALIZATIONS[facts.normalization]}"
            + (f"; {_augmentation(recipe)}." if _augmentation(recipe) else "."),
            f"The seed was {facts.seed}.",
            chosen,
            facts.result,
        ]
    )


_NORMALIZATIONS = {
    "unit": "dividing them by the largest value of their type",
    "dataset": "the 0.1 and 99.8 percentiles of the training images, the same for every image",
    "per-image": "the percentiles of each image",
}


def _optimizer(recipe: Mapping[str, Any]) -> str:
    optimizer = recipe.get("optimizer") or {"name": "adam"}
    rate = recipe["learning_rate"]
    return f"{str(optimizer.get('name', 'adam')).capitalize()} (learning rate {rate:g})"


def _losses(recipe: Mapping[str, Any]) -> str:
    losses = recipe.get("loss") or {"cross_entropy": {}}
    names = [name.replace("_", " ") for name, value in losses.items() if value is not None]
    return f"the loss {' + '.join(names)}"


def _augmentation(recipe: Mapping[str, Any]) -> str:
    augmentation = recipe.get("augmentation") or {}
    names = [name.replace("_", " ") for name, value in augmentation.items() if value]
    return f"images were augmented by {_list(names)}" if names else ""


def _list(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
