"""The optimiser of a recipe, and what is done to gradients before its step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import nn
from torch.optim import SGD, Adam, Optimizer

from cellenhance.settings import Settings


class OptimizerSettings(Settings):
    """Adam with betas (0.9, 0.999), or stochastic gradient descent."""

    name: Literal["adam", "sgd"] = "adam"
    momentum: float = Field(0, ge=0, lt=1, description="of sgd")
    nesterov: bool = Field(False, description="look ahead by the momentum; of sgd")
    weight_decay: float = Field(0, ge=0, description="L2: this times the weight, to the gradient")
    normalize_gradients: bool = Field(
        False, description="divide each gradient tensor by its L2 norm (micro-objects)"
    )
    clip_norm: float | None = Field(
        None, gt=0, description="largest L2 norm of all gradients together; null: no limit"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fitting(self) -> OptimizerSettings:
        if self.name == "adam" and (self.momentum or self.nesterov):
            raise ValueError("momentum and nesterov belong to sgd; leave them out with adam")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if self.normalize_gradients and self.clip_norm is not None:
            raise ValueError("normalize_gradients already sets every norm; leave out clip_norm")
        return self


def build_optimizer(
    parameters: Iterable[nn.Parameter], settings: OptimizerSettings, learning_rate: float
) -> Optimizer:
    """Return the optimiser of these parameters."""
    if settings.name == "adam":
        return Adam(parameters, lr=learning_rate, weight_decay=settings.weight_decay)
    return SGD(
        parameters,
        lr=learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )


def prepare_gradients(parameters: Iterable[nn.Parameter], settings: OptimizerSettings) -> None:
    """Normalise or clip the gradients in place, as the settings say; nothing by default.

    Notes
    -----
    A gradient of norm 0 stays 0. Normalised one by one, a tensor whose gradient is zero but for
    rounding (a bias before batch normalisation) moves as fast as all others.
    """
    if settings.normalize_gradients:
        for parameter in parameters:
            if parameter.grad is not None:
                norm = torch.linalg.vector_norm(parameter.grad)
                parameter.grad.div_(torch.where(norm > 0, norm, 1))
    if settings.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
