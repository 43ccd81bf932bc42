"""The loop that makes start weights: steps, averaged weights, a state from which it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.arrays import IGNORE
from cellenhance.engine import checkpoints, seeding
from cellenhance.engine.device import Compute
from cellenhance.engine.pretraining.examples import N_DETAILS, Example, draw_example
from cellenhance.engine.pretraining.pictures import PictureSource, deal_slots
from cellenhance.engine.pretraining.settings import PretrainSettings
from cellenhance.engine.training.averaging import AveragingSettings, WeightAverage
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.runs.header import ModelHeader, TrainingState

_SAVED_EVERY_S = 60.0
_SHOWN_SHARE = 0.02
"""How fast the reported losses follow those of the steps."""


@dataclass(frozen=True, slots=True)
class PretrainReport:
    """Where a run is: steps done, and the running means of both losses."""

    step: int
    n_steps: int
    segmentation: float
    denoising: float


Report = Callable[[PretrainReport], None]


class Pretrainer:
    """A network, a linear read-out of its penultimate maps, and the sources of pictures.

    Parameters
    ----------
    network : of one channel and the three classes background, interior, boundary
    sources : at most as many as there are crops in a batch
    shares : how much of every batch each source fills
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        sources: Sequence[PictureSource],
        shares: Sequence[float],
        settings: PretrainSettings,
        seed: int,
        compute: Compute,
    ) -> None:
        self.settings, self.seed, self.compute = settings, seed, compute
        with seeding.seeded(seed, "read-out"):
            readout = nn.Conv2d(network.feature_channels, N_DETAILS, 1)
        self.network = network
        self.parts = nn.ModuleDict({"network": network, "readout": readout}).to(
            compute.device, memory_format=torch.channels_last
        )  # type: ignore[call-overload]
        self._sources = [sources[i] for i in deal_slots(shares, settings.batch_size)]
        self.optimizer = torch.optim.Adam(self.parts.parameters(), settings.learning_rate)
        decay = AveragingSettings(name="ema", decay=settings.average_decay)
        self.average = WeightAverage(decay, 1)

    def fit(
        self,
        state: TrainingState,
        path: Path,
        header: ModelHeader,
        report: Report,
        is_stopped: Callable[[], bool],
    ) -> TrainingState:
        """Do the remaining steps; return the counters, `finished` unless it was stopped.

        Their `seconds` are those of the processor, so that a busy machine counts for nothing.

        Parameters
        ----------
        path : where the state is kept, every minute and when it is stopped
        """
        saved_at, clock = time.monotonic(), time.process_time()
        shown = dict(state.loss_sums)
        for step in range(state.step, self.settings.steps):
            losses = self.train_step(step)
            shown = {
                k: (1 - _SHOWN_SHARE) * shown.get(k, x) + _SHOWN_SHARE * x
                for k, x in losses.items()
            }
            used, clock = time.process_time() - clock, time.process_time()
            state = state.model_copy(
                update={"step": step + 1, "loss_sums": shown, "seconds": state.seconds + used}
            )
            report(PretrainReport(step + 1, self.settings.steps, **shown))
            is_over = is_stopped()
            if is_over or time.monotonic() - saved_at > _SAVED_EVERY_S:
                saved_at = time.monotonic()
                self.save(path, header, state)
            if is_over:
                return state
        return state.model_copy(update={"finished": True})

    def train_step(self, step: int) -> dict[str, float]:
        """Do one optimizer step; return both losses, unweighted."""
        self.parts.train()
        image, details, regions = self._batch(step)
        for group in self.optimizer.param_groups:
            done = step / self.settings.steps
            group["lr"] = self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
        with self.compute.autocast():
            output: SegmentationOutput = self.network(image)
            guess: Tensor = self.parts["readout"](output.features)
        parts = {
            "segmentation": _segmentation_loss(output.logits.float(), regions),
            "denoising": functional.mse_loss(guess.float(), details),
        }
        weighted = [getattr(self.settings, name) * loss for name, loss in parts.items()]
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(weighted).sum())
        self.optimizer.step()
        self.average.take_step(self.parts, step + 1)
        return {name: float(loss.detach()) for name, loss in parts.items()}

    def _batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        examples = [self._example(step, slot) for slot in range(self.settings.batch_size)]
        image = np.stack([each.image for each in examples])[:, None]
        details = np.stack([each.details for each in examples])
        regions = np.stack([each.regions for each in examples])
        device = self.compute.device
        return (
            torch.from_numpy(image).to(device).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(details).to(device),
            torch.from_numpy(regions).to(device, torch.int64),
        )

    def _example(self, step: int, slot: int) -> Example:
        picture = self._sources[slot].at(self.seed, step, slot)
        rng = seeding.numpy_generator(self.seed, step, slot, "example")
        return draw_example(picture, self.settings, rng)

    def save(self, path: Path, header: ModelHeader, state: TrainingState) -> None:
        """Write what `load` goes on from."""
        checkpoints.save_training(
            path, self.parts, header, self.optimizer, state, self.average.tensors
        )

    def load(self, path: Path) -> TrainingState:
        """Go back to a saved state."""
        state = checkpoints.load_training(path, self.parts, self.optimizer)
        self.average.load(checkpoints.load_average(path), self.parts, state.epoch - 1)
        return state

    def save_start(self, path: Path, header: ModelHeader) -> None:
        """Write the averaged weights of the network alone, without the read-out."""
        with self.average.shown_in(self.parts):
            checkpoints.save_model(path, self.network, header)


def _segmentation_loss(logits: Tensor, regions: Tensor) -> Tensor:
    """Return the mean cross-entropy where regions are known; 0 where none is."""
    total = functional.cross_entropy(logits, regions, ignore_index=IGNORE, reduction="sum")
    return total / (regions != IGNORE).sum().clamp(min=1)
