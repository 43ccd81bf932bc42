"""All settings of a training run, composed from the catalogue entry, its recipe and the options."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cellenhance.catalog import Catalog, ModelEntry
from cellenhance.data.preprocess import Preprocessing, is_z_scored
from cellenhance.engine.training.augmentation import AugmentationSettings
from cellenhance.engine.training.averaging import AveragingSettings
from cellenhance.engine.training.optimizers import OptimizerSettings
from cellenhance.engine.training.schedules import Schedules
from cellenhance.errors import CheckpointError, SettingsError
from cellenhance.losses.cross_entropy import CrossEntropySettings
from cellenhance.losses.registry import LossSettings
from cellenhance.runs.folder import RecordedSettings, RunRecord
from cellenhance.settings import Settings, merge_layers, suggest, validate_settings


class RecipeSettings(Settings):
    """How a network is trained."""

    learning_rate: float = Field(gt=0, description="step size (at the start)")
    schedule: Schedules = Field(description="constant, cosine, poly, step, exponential, or several")
    optimizer: OptimizerSettings = Field(OptimizerSettings(), description="adam or sgd")
    averaging: AveragingSettings | None = Field(
        None, description="ema or swa: the averaged weights are validated and kept as best"
    )
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1, description="images per step")
    steps_per_epoch: int | None = Field(
        None, ge=1, description="null: as many as it takes to show the set once"
    )
    crop_px: int | None = Field(
        ge=16, description="side of random square crops, px; null: whole images"
    )
    normalization: Literal["unit", "dataset", "per-image"]
    preprocessing: Preprocessing = Field(
        (), description="filters on the normalised image, in order; none: nothing"
    )
    augmentation: AugmentationSettings
    loss: LossSettings = Field(
        LossSettings(cross_entropy=CrossEntropySettings()),
        description="losses of an output by name with their weights, {cross_entropy: 1, dice: 0.5}",
    )
    output_weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="weights of the outputs by name (network 1, branch 1, head 1, final), 1 where "
        "not named",
    )
    patience: int | None = Field(
        None, ge=1, description="epochs without a better validation mIoU before stopping"
    )

    @model_validator(mode="after")
    def _fitting(self) -> RecipeSettings:
        if self.patience is not None and self.averaging and self.averaging.name == "swa":
            raise ValueError("swa averages the last epochs of all: leave out patience")
        if self.augmentation.intensity is not None and is_z_scored(self.preprocessing):
            raise ValueError(
                "z_score leaves [0, 1], where intensity changes work: set "
                "augmentation.intensity=null"
            )
        if self.augmentation.degradation is not None:
            self._check_degradable()
        if self.augmentation.eight_fold and self.crop_px is not None:
            raise ValueError(
                "eight_fold goes with whole images (crop_px: null); with random crops flip and "
                "rot90 draw the same orientations"
            )
        return self

    def _check_degradable(self) -> None:
        if self.preprocessing:
            raise ValueError(
                "augmentation.degradation works on counts, preprocessing has filtered them: leave "
                "out one of them"
            )
        if self.normalization == "per-image":
            raise ValueError(
                "augmentation.degradation: per-image limits would come from the image before it; "
                "set normalization to dataset or unit"
            )


class RunSettings(Settings):
    """Everything that decides what a run computes; two equal ones give equal weights."""

    model: ModelEntry
    recipe_name: str
    recipe: RecipeSettings
    split: str
    fold: int
    seed: int
    device: str
    precision: str
    n_threads: int

    def as_recorded(self) -> RecordedSettings:
        """Return the settings as `run.yaml` keeps them."""
        return RecordedSettings(**self.model_dump(mode="json"))


def recorded_settings(record: RunRecord) -> RunSettings:
    """Return the settings of a run with its recipe checked; CheckpointError where it fails."""
    try:
        return validate_settings(RunSettings, record.settings.model_dump(), where="run.yaml")
    except SettingsError as error:
        raise CheckpointError(f"{error}; the run was made by another version") from error


def resolve_recipe(catalog: Catalog, name: str, overrides: dict[str, Any]) -> RecipeSettings:
    """Return the recipe `name` of the catalogue with `overrides` merged in and checked.

    A recipe that names no loss has cross-entropy, to which ``--set recipe.loss.dice=1`` adds.
    """
    written = {"loss": {"cross_entropy": 1}} | dict(catalog.recipe(name))
    values = merge_layers(written, overrides)
    return validate_settings(RecipeSettings, values, where=f"recipe '{name}'")


def split_overrides(assignments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parts of ``--set`` that change the model and those that change the recipe.

    Raises
    ------
    SettingsError
        A key begins with neither ``settings.``, ``components.`` nor ``recipe.``.
    """
    known = ("settings", "components", "recipe")
    for key, value in assignments.items():
        if key in RecipeSettings.model_fields:
            raise SettingsError(f"--set {key}: unknown key '{key}'; did you mean 'recipe.{key}'?")
        if key not in known:
            raise SettingsError(f"--set {key}: unknown key '{key}'{suggest(key, known)}")
        if not isinstance(value, dict):
            raise SettingsError(f"--set {key}={value}: expected {key}.NAME=VALUE")
    model = {key: assignments[key] for key in known[:2] if key in assignments}
    return model, assignments.get("recipe", {})


def first_difference(old: RunSettings, new: RunSettings) -> str | None:
    """Return ``"key: old value, now new value"`` of the first setting that differs, or None."""
    return _first_difference(old.model_dump(mode="json"), new.model_dump(mode="json"), "")


def _first_difference(old: Any, new: Any, path: str) -> str | None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            found = _first_difference(old.get(key), new.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    return None if old == new else f"{path}: {old}, now {new}"


def check_crop(crop_px: int | None, stride: int, name: str) -> None:
    """Raise `SettingsError`, with a size that works, unless the crop fits the network."""
    if crop_px is not None and crop_px % stride:
        better = -(-crop_px // stride) * stride
        raise SettingsError(
            f"recipe.crop_px is {crop_px}, but '{name}' takes multiples of {stride}; "
            f"use --set recipe.crop_px={better}"
        )


def check_preprocessing(recipe: RecipeSettings, entry: ModelEntry) -> None:
    """Raise `SettingsError` where a model that adds filters to images in [0, 1] gets others."""
    if entry.components and is_z_scored(recipe.preprocessing):
        raise SettingsError(
            f"recipe.preprocessing: z_score leaves [0, 1], where '{entry.name}' adds its filters; "
            "leave it out or use a model that is not composed"
        )
