"""What the training loop is given and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellenhance.data.dataset.samples import Sample
from cellenhance.engine.device import Compute
from cellenhance.engine.training.batches import TrainingImages
from cellenhance.engine.training.settings import RecipeSettings
from cellenhance.metrics.scores import Scores
from cellenhance.runs.header import ModelHeader

TOTAL = "total"
"""Name of the summed loss among the parts."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Training images in memory and validation samples (possibly none)."""

    images: TrainingImages
    validation: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class StepReport:
    """Progress within an epoch; `loss` is the latest known mean, or None."""

    epoch: int
    n_epochs: int
    step: int
    n_steps: int
    loss: float | None


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch: mean training losses by name, validation scores, what was measured."""

    epoch: int
    n_epochs: int
    learning_rate: float
    losses: dict[str, float]
    scores: Scores | None
    is_best: bool
    train_seconds: float
    validation_seconds: float
    n_images: int


Report = Callable[[StepReport | EpochReport], None]
StopSignal = Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class FitPlan:
    """Everything that `fit` needs besides network and data.

    Attributes
    ----------
    class_pixels : annotated training pixels of each class
    first_epoch : from which the recipe's schedule runs to its last epoch; 1, or later where a
        finished run is continued
    """

    recipe: RecipeSettings
    seed: int
    compute: Compute
    header: ModelHeader
    best_path: Path
    last_path: Path
    class_pixels: tuple[int, ...]
    first_epoch: int = 1
