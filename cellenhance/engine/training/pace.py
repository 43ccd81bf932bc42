"""How long training takes, measured before it begins; and a recipe fitted to the time there is.

Measured are steps on random pixels of the shapes that training will see, so that no image has to
be read and the network that is going to be trained is not touched.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellenhance.data.dataset.samples import Sample, SampleStore
from cellenhance.engine import checkpoints
from cellenhance.engine.evaluation import evaluate
from cellenhance.engine.training.batches import TrainingImages
from cellenhance.engine.training.epochs import count_steps
from cellenhance.engine.training.records import TOTAL, FitPlan, TrainingData
from cellenhance.engine.training.settings import RecipeSettings
from cellenhance.engine.training.trainer import Trainer
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.runs.header import TrainingState

Clock = Callable[[], float]
"""Returns seconds from any zero, like `time.perf_counter`."""

_TIMED_STEPS = 3
_RESERVE = 0.1
"""Share of a time limit that is kept free: a machine is rarely as idle as while it is measured."""
_FORWARD_SHARE = 1 / 3
"""Of a training step: a backward pass computes about twice what the forward pass does."""

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ImageShapes:
    """Height and width in px of the training and of the validation images."""

    training: tuple[Shape, ...]
    validation: tuple[Shape, ...]

    def __len__(self) -> int:
        return len(self.training)

    @property
    def n_pixels(self) -> int:
        """Return the pixels of all training images."""
        return sum(height * width for height, width in self.training)

    @property
    def largest_px(self) -> int:
        """Return the pixels of the largest training image."""
        return max(height * width for height, width in self.training)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one step, and of what ends an epoch: validation on all images, and saving."""

    step_s: float
    epoch_end_s: float

    def seconds(self, n_epochs: int, n_steps: int) -> float:
        """Return what epochs of `n_steps` steps take, each with its end."""
        return n_epochs * (n_steps * self.step_s + self.epoch_end_s)


def measure_pace(
    network: SegmentationNetwork,
    plan: FitPlan,
    shapes: ImageShapes,
    short_s: float = 60.0,
    clock: Clock = time.perf_counter,
) -> Pace:
    """Return how fast a run would be; nothing is trained, and no file is left behind.

    Parameters
    ----------
    network : copied, not changed
    plan : of the run; the limits of its normalisation do not matter
    short_s : when already the first step, the slowest, promises a shorter run, its time is taken
        for all of them, so that small runs are not held up
    """
    trainer = _stand_in(network, plan, shapes)
    n_epochs, n_steps = plan.recipe.epochs, count_steps(shapes, plan.recipe)
    first = _time_step(trainer, 0, clock)
    upper = Pace(first, _validation_guess(trainer, first, shapes))
    if upper.seconds(n_epochs, n_steps) < short_s:
        return upper
    step_s = sum(_time_step(trainer, 1 + each, clock) for each in range(_TIMED_STEPS))
    if plan.recipe.averaging is not None and plan.recipe.averaging.name == "swa":
        step_s *= 1 + _FORWARD_SHARE  # its last epochs are passed through once more
    end_s = _time_validation(trainer, shapes, clock) + _time_saving(trainer, clock)
    return Pace(step_s / _TIMED_STEPS, end_s)


def fit_to_time(recipe: RecipeSettings, pace: Pace, n_steps: int, limit_s: float) -> RecipeSettings:
    """Return the recipe with as many epochs as `limit_s` allows, its schedule fitted to them.

    Where not even one epoch fits, one of fewer steps is left; at least one step is done.
    """
    budget = (1 - _RESERVE) * limit_s
    n_epochs = min(recipe.epochs, int(budget // pace.seconds(1, n_steps)))
    if n_epochs == recipe.epochs:
        return recipe
    changes: dict[str, object] = {"epochs": max(1, n_epochs)}
    if n_epochs == 0:
        fitting = int((budget - pace.epoch_end_s) // pace.step_s)
        changes["steps_per_epoch"] = min(n_steps, max(1, fitting))
    share = max(1, n_epochs) / recipe.epochs
    changes["schedule"] = tuple(each.scaled(share) for each in recipe.schedule)
    return recipe.model_copy(update=changes)


def _stand_in(network: SegmentationNetwork, plan: FitPlan, shapes: ImageShapes) -> Trainer:
    """Return a trainer of a copy of the network on a batch of random images."""
    rng = np.random.default_rng(0)
    samples = [_random_sample(shape, plan, rng) for shape in _typical(shapes.training, plan.recipe)]
    images = TrainingImages(samples, plan.header.normalization, SampleStore(0))
    trainer = Trainer(copy.deepcopy(network), TrainingData(images, []), plan)
    trainer.network.train()
    return trainer


def _typical(training: Sequence[Shape], recipe: RecipeSettings) -> list[Shape]:
    """Return shapes for a batch: evenly from the smallest to the largest, crops cut already."""
    ordered = sorted(training, key=lambda shape: shape[0] * shape[1])
    n_shapes = min(recipe.batch_size, len(ordered))
    places = [(2 * index + 1) * len(ordered) // (2 * n_shapes) for index in range(n_shapes)]
    side = recipe.crop_px or max(max(shape) for shape in ordered)
    return [(min(ordered[at][0], side), min(ordered[at][1], side)) for at in places]


def _random_sample(shape: Shape, plan: FitPlan, rng: np.random.Generator) -> Sample:
    header = plan.header
    image = rng.random((*shape, header.in_channels), np.float32)
    return Sample("", image, rng.integers(0, len(header.classes), shape, np.uint8))


def _time_step(trainer: Trainer, step: int, clock: Clock) -> float:
    started = clock()
    losses, _ = trainer.train_step(trainer.plan.recipe.epochs, step % trainer.n_steps)
    float(losses[TOTAL])  # waits for the device
    return clock() - started


def _validation_guess(trainer: Trainer, step_s: float, shapes: ImageShapes) -> float:
    recipe = trainer.plan.recipe
    pixels = recipe.batch_size * (recipe.crop_px**2 if recipe.crop_px else shapes.largest_px)
    return _FORWARD_SHARE * step_s * _pixels(shapes.validation) / pixels


def _time_validation(trainer: Trainer, shapes: ImageShapes, clock: Clock) -> float:
    """Time the middle one of the validation images, and take its speed for all."""
    if not shapes.validation:
        return 0.0
    ordered = sorted(shapes.validation, key=lambda shape: shape[0] * shape[1])
    middle = ordered[len(ordered) // 2]
    sample = _random_sample(middle, trainer.plan, np.random.default_rng(0))
    trainer.network.eval()
    started = clock()
    evaluate(trainer.predictor, [sample])
    return (clock() - started) * _pixels(shapes.validation) / _pixels([middle])


def _time_saving(trainer: Trainer, clock: Clock) -> float:
    """Time both checkpoints of an epoch, written to the folder of temporary files."""
    header, average = trainer.plan.header, trainer.average
    tensors = None if average is None else average.tensors
    with tempfile.TemporaryDirectory(prefix="cellenhance-") as folder:
        started = clock()
        best, last = Path(folder) / "best.safetensors", Path(folder) / "last.safetensors"
        checkpoints.save_model(best, trainer.network, header)
        checkpoints.save_training(
            last, trainer.network, header, trainer.optimizer, TrainingState(), tensors
        )
        return clock() - started


def _pixels(shapes: Sequence[Shape]) -> int:
    return sum(height * width for height, width in shapes)
