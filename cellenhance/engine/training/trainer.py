"""fit(): the training loop. Steps, validation after each epoch, checkpoints, exact resuming.

Every draw is keyed by (seed, epoch, step, purpose) and every sum is kept in the checkpoint, so that
a run that was stopped anywhere ends with bitwise the same weights on the same CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from cellenhance.engine import checkpoints, seeding
from cellenhance.engine.checkpoints import LoadedModel
from cellenhance.engine.evaluation import evaluate, miou_of
from cellenhance.engine.inference import Predictor
from cellenhance.engine.training import batches
from cellenhance.engine.training.augmentation import apply_augmentation, draw_augmentation
from cellenhance.engine.training.averaging import WeightAverage, collecting_statistics
from cellenhance.engine.training.degradation import TrainingDegrader
from cellenhance.engine.training.epochs import count_steps, draw_places
from cellenhance.engine.training.optimizers import build_optimizer, prepare_gradients
from cellenhance.engine.training.records import (
    TOTAL,
    EpochReport,
    FitPlan,
    Report,
    StepReport,
    StopSignal,
    TrainingData,
)
from cellenhance.engine.training.schedules import compute_factor
from cellenhance.errors import CellEnhanceError
from cellenhance.losses.objective import FINAL, check_output_weights, compute_objective
from cellenhance.losses.registry import build_loss
from cellenhance.metrics.scores import Scores
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.header import TrainingState
from cellenhance.texts import counted

_LOSS_SHOWN_EVERY = 10
_SAVED_EVERY_S = 300.0


class Trainer:
    """One network, its optimizer and its data; `fit` runs it to the end or to a stop."""

    def __init__(self, network: SegmentationNetwork, data: TrainingData, plan: FitPlan) -> None:
        self.network = network.to(plan.compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.data = data
        self.plan = plan
        self.optimizer = build_optimizer(
            self.network.parameters(), plan.recipe.optimizer, plan.recipe.learning_rate
        )
        averaging = plan.recipe.averaging
        self.average = (
            WeightAverage(averaging, plan.recipe.epochs, plan.first_epoch) if averaging else None
        )
        has_final = self.network.trains_result or not self.network.branch_names
        names = (*self.network.branch_names, *([FINAL] if has_final else ()))
        check_output_weights(plan.recipe.output_weights, names)
        self.loss = build_loss(plan.recipe.loss, plan.class_pixels)
        self.n_steps = count_steps(data.images, plan.recipe)
        losing = plan.recipe.augmentation.degradation
        normalization = plan.header.normalization
        self.degrader = TrainingDegrader(losing, data.images, normalization) if losing else None
        self.predictor = Predictor(
            [LoadedModel(self.network, plan.header, plan.best_path)], plan.compute
        )

    def resume(self) -> TrainingState:
        """Load the last checkpoint into network, optimizer, average and return its counters."""
        path = self.plan.last_path
        state = checkpoints.load_training(path, self.network, self.optimizer)
        if self.average is not None:
            self.average.load(checkpoints.load_average(path), self.network, state.epoch - 1)
        return state

    def fit(self, state: TrainingState, report: Report, stop_signal: StopSignal) -> TrainingState:
        """Train from `state` until the recipe's end or the patience's.

        Returns
        -------
        The final counters. `finished` is False and `stopped_because` None when `stop_signal` ended
        it; the state is saved.
        """
        state = state.model_copy(update={"finished": False, "stopped_because": None})
        while state.stopped_because is None:
            started = time.perf_counter()
            state, n_images, stopped = self._run_epoch(state, report, stop_signal)
            if stopped:
                return state
            state = self._close_epoch(state, report, time.perf_counter() - started, n_images)
        return state

    def _run_epoch(
        self, state: TrainingState, report: Report, stop_signal: StopSignal
    ) -> tuple[TrainingState, int, bool]:
        """Do the remaining steps of the epoch; return the state, images seen, whether stopped."""
        self.network.train()
        device = self.plan.compute.device
        totals = {name: torch.tensor(x, device=device) for name, x in state.loss_sums.items()}
        n_images = 0
        saved_at = clock = time.perf_counter()
        for step in range(state.step, self.n_steps):
            parts, n_in_batch = self.train_step(state.epoch, step)
            n_images += n_in_batch
            totals = {name: totals[name] + x if totals else x for name, x in parts.items()}
            now = time.perf_counter()
            state = state.model_copy(
                update={"step": step + 1, "seconds": state.seconds + now - clock}
            )
            clock = now
            report(self._step_report(state, totals))
            signal_number = stop_signal()
            if signal_number is not None or now - saved_at > _SAVED_EVERY_S:
                saved_at = now
                self.save_last(_with_sums(state, totals))
            if signal_number is not None:
                return state, n_images, True
        return _with_sums(state, totals), n_images, False

    def train_step(self, epoch: int, step: int) -> tuple[dict[str, Tensor], int]:
        """Do one optimizer step; return the detached losses by name and the images in it."""
        image, mask = self._batch(epoch, step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(epoch, step)
        terms = compute_objective(
            self._forward(image, epoch, step),
            mask,
            self.network.branch_names,
            trains_result=self.network.trains_result,
            loss=self.loss,
            weights=self.plan.recipe.output_weights,
        )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(terms.total)
        prepare_gradients(list(self.network.parameters()), self.plan.recipe.optimizer)
        self.optimizer.step()
        if self.average is not None:
            self.average.take_step(self.network, (epoch - 1) * self.n_steps + step + 1)
        losses = {TOTAL: terms.total, **(terms.parts if len(terms.parts) > 1 else {})}
        return {name: loss.detach() for name, loss in losses.items()}, len(image)

    def _batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Return the augmented images and masks of a step."""
        plan, crops = self.plan, self._draw(epoch, step)
        batch = batches.cut_batch(self.data.images, crops, plan.compute.device)
        draw = draw_augmentation(
            plan.recipe.augmentation,
            len(batch.image),
            seeding.numpy_generator(plan.seed, epoch, step, "augmentation"),
            square=batch.image.shape[2] == batch.image.shape[3],
        )
        degrade = self.degrader.at(crops, plan.seed, epoch, step) if self.degrader else None
        return apply_augmentation(draw, batch.image, batch.mask, degrade)

    def _forward(self, image: Tensor, epoch: int, step: int) -> SegmentationOutput:
        with seeding.seeded(self.plan.seed, epoch, step, "dropout"), self.plan.compute.autocast():
            output: SegmentationOutput = self.network(
                image.contiguous(memory_format=torch.channels_last)
            )
        return output

    def _draw(self, epoch: int, step: int) -> list[batches.Crop]:
        recipe, images = self.plan.recipe, self.data.images
        if recipe.crop_px is not None:
            rng = seeding.numpy_generator(self.plan.seed, epoch, step, "crops")
            return batches.draw_random_crops(images, recipe.batch_size, recipe.crop_px, rng)
        places = draw_places(len(images), recipe, self.plan.seed, epoch, step)
        return batches.whole_images(images, places, self.network.stride)

    def learning_rate(self, epoch: int, step: int) -> float:
        """Return the step size of a step (epochs count from 1, steps from 0)."""
        recipe, n_before = self.plan.recipe, self.plan.first_epoch - 1
        factor = compute_factor(
            recipe.schedule, epoch - n_before, step, self.n_steps, recipe.epochs - n_before
        )
        return recipe.learning_rate * factor

    def _close_epoch(
        self, state: TrainingState, report: Report, train_seconds: float, n_images: int
    ) -> TrainingState:
        """Validate, keep the best weights, save the last, report."""
        started = time.perf_counter()
        losses = {name: value / state.step for name, value in state.loss_sums.items()}
        self._check_finite(losses, state)
        learning_rate = self.learning_rate(state.epoch, state.step - 1)
        if self.average is not None:
            self.average.take_epoch(self.network, state.epoch)
        with self._kept_weights(state.epoch):
            scores = self._validate()
            miou = None if scores is None else miou_of(scores)
            is_best = (
                not self.data.validation
                or state.best_miou is None
                or (miou is not None and miou >= state.best_miou)
            )
            if is_best:
                checkpoints.save_model(self.plan.best_path, self.network, self.plan.header)
        seconds = time.perf_counter() - started
        state = self._next_epoch(state, miou, is_best=is_best, seconds=seconds)
        report(
            EpochReport(
                epoch=state.epoch - 1,
                n_epochs=self.plan.recipe.epochs,
                learning_rate=learning_rate,
                losses=losses,
                scores=scores,
                is_best=is_best,
                train_seconds=train_seconds,
                validation_seconds=seconds,
                n_images=n_images,
            )
        )
        self.save_last(state)
        return state

    @contextmanager
    def _kept_weights(self, epoch: int) -> Iterator[None]:
        """Put the weights that are validated and kept into the network: the average, if any."""
        if self.average is None:
            yield
            return
        with self.average.shown_in(self.network):
            if self.average.needs_statistics:
                with collecting_statistics(self.network):
                    for step in range(self.n_steps):
                        self._forward(self._batch(epoch, step)[0], epoch, step)
            yield

    def _next_epoch(
        self, state: TrainingState, miou: float | None, *, is_best: bool, seconds: float
    ) -> TrainingState:
        """Return the counters at the start of the next epoch, or finished ones."""
        recipe = self.plan.recipe
        best_epoch = state.epoch if is_best else state.best_epoch
        assert best_epoch is not None
        waited = state.epoch - max(best_epoch, self.plan.first_epoch - 1)
        reason = None
        if state.epoch >= recipe.epochs:
            reason = f"all {recipe.epochs} epochs done" if recipe.epochs > 1 else "all done"
        elif recipe.patience is not None and waited >= recipe.patience:
            reason = f"no better validation mIoU for {counted(recipe.patience, 'epoch')}"
        return state.model_copy(
            update={
                "epoch": state.epoch + 1,
                "step": 0,
                "loss_sums": {},
                "best_epoch": best_epoch,
                "best_miou": miou if is_best else state.best_miou,
                "finished": reason is not None,
                "stopped_because": reason,
                "seconds": state.seconds + seconds,
            }
        )

    def _validate(self) -> Scores | None:
        if not self.data.validation:
            return None
        self.network.eval()
        return evaluate(self.predictor, self.data.validation)

    def _step_report(self, state: TrainingState, totals: dict[str, Tensor]) -> StepReport:
        """Read the loss from the device only now and then: reading waits for the device."""
        shown = self.plan.compute.device.type == "cpu" or state.step % _LOSS_SHOWN_EVERY == 0
        loss = float(totals[TOTAL]) / state.step if shown else None
        return StepReport(state.epoch, self.plan.recipe.epochs, state.step, self.n_steps, loss)

    def _check_finite(self, losses: dict[str, float], state: TrainingState) -> None:
        if not math.isfinite(losses[TOTAL]):
            raise CellEnhanceError(
                f"the training loss became {losses[TOTAL]} in epoch {state.epoch}; the last "
                f"checkpoint is kept. Lower recipe.learning_rate (now "
                f"{self.plan.recipe.learning_rate}) or use --precision fp32"
            )

    def save_last(self, state: TrainingState) -> None:
        """Write the checkpoint from which training goes on."""
        plan, average = self.plan, None if self.average is None else self.average.tensors
        checkpoints.save_training(
            plan.last_path, self.network, plan.header, self.optimizer, state, average
        )


def _with_sums(state: TrainingState, totals: dict[str, Tensor]) -> TrainingState:
    """Return the counters with the loss sums of the epoch so far, float32 as on the device."""
    return state.model_copy(update={"loss_sums": {k: float(x) for k, x in totals.items()}})
