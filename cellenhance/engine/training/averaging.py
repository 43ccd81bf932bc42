"""Averaged weights: their exponential moving mean (EMA) or the mean of the last epochs (SWA).

The average is kept beside the weights that are trained and goes into the last checkpoint. At the
end of an epoch it takes their place for validation and for the best checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cellenhance.settings import Settings


class AveragingSettings(Settings):
    """Which average; `decay` belongs to ema, `last_epochs` to swa.

    Notes
    -----
    ema: after every step t = 1, 2, ... a <- d a + (1 - d) w, d = min(decay, (1 + t) / (10 + t)),
    over weights and batch-normalisation statistics alike. swa: the mean of the weights at the ends
    of the last epochs (all, if there are fewer); the statistics are computed anew from the epoch's
    training batches (Izmailov et al. 2018, arXiv 1803.05407).
    """

    name: Literal["ema", "swa"]
    decay: float | None = Field(None, gt=0, lt=1, description="of ema; default 0.999")
    last_epochs: int | None = Field(None, ge=1, description="of swa, in epochs")

    @model_validator(mode="after")
    def _fitting(self) -> AveragingSettings:
        if self.name == "ema" and self.last_epochs is not None:
            raise ValueError("last_epochs belongs to swa; ema takes decay")
        if self.name == "swa" and (self.last_epochs is None or self.decay is not None):
            raise ValueError("swa needs last_epochs and takes no decay")
        return self


class WeightAverage:
    """The average of a network's weights; empty until the first of them is taken in.

    Of a finished run that is continued from `first_epoch`, swa averages later epochs alone.
    """

    def __init__(self, settings: AveragingSettings, n_epochs: int, first_epoch: int = 1) -> None:
        self.settings = settings
        self.n_epochs = n_epochs
        self.first_epoch = first_epoch
        self.tensors: dict[str, Tensor] = {}

    def take_step(self, network: nn.Module, n_done: int) -> None:
        """Take in the weights after the `n_done`-th step of the run, if it is the ema."""
        if self.settings.name == "ema":
            decay = 0.999 if self.settings.decay is None else self.settings.decay
            self._blend(network, 1 - min(decay, (1 + n_done) / (10 + n_done)))

    def take_epoch(self, network: nn.Module, epoch: int) -> None:
        """Take in the weights at the end of an epoch (from 1), if it is the swa and its time."""
        if epoch > self._n_before:
            self._blend(network, 1 / (epoch - self._n_before))

    @property
    def _n_before(self) -> float:
        """Epochs before the first that swa averages; never reached by the ema."""
        if self.settings.last_epochs is None:
            return math.inf
        return max(self.first_epoch - 1, self.n_epochs - self.settings.last_epochs)

    @torch.no_grad()
    def _blend(self, network: nn.Module, share: float) -> None:
        """Move the average towards the network's weights by this share of the way."""
        for name, tensor in _floats(network).items():
            if name in self.tensors:
                self.tensors[name].lerp_(tensor, share)
            else:
                self.tensors[name] = tensor.detach().clone()

    def load(self, tensors: dict[str, Tensor], network: nn.Module, n_done: int) -> None:
        """Take over the average that was stored after `n_done` epochs, on the network's device.

        That of the epochs before a continuation is none of the swa's.
        """
        if self.settings.name == "swa" and n_done <= self._n_before:
            return
        device = next(network.parameters()).device
        self.tensors = {name: tensor.to(device) for name, tensor in tensors.items()}

    @property
    def needs_statistics(self) -> bool:
        """Tell whether batch-normalisation statistics are to be computed for the average."""
        return self.settings.name == "swa" and bool(self.tensors)

    @contextmanager
    def shown_in(self, network: nn.Module) -> Iterator[None]:
        """Put the average into the network for the block, if there is one."""
        if not self.tensors:
            yield
            return
        kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network.load_state_dict(self.tensors, strict=False)
        try:
            yield
        finally:
            network.load_state_dict(kept)


def _floats(network: nn.Module) -> dict[str, Tensor]:
    state = network.state_dict()
    return {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}


@contextmanager
def collecting_statistics(network: nn.Module) -> Iterator[None]:
    """Compute batch-normalisation statistics anew from the batches that pass in the block.

    They become the plain mean over these batches; the network is in training mode within.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    was_training = network.training
    network.train()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(was_training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
