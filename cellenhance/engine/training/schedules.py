"""The step size over a run: factors on a recipe's learning rate; several are multiplied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from cellenhance.settings import Settings

_OPTIONS: dict[str, tuple[str, ...]] = {
    "constant": (),
    "cosine": (),
    "poly": ("power",),
    "step": ("factor", "every_epochs", "at_epochs"),
    "exponential": ("rate", "after_epochs"),
}
"""The settings that belong to each schedule."""


class ScheduleSettings(Settings):
    """One factor on the learning rate; settings of another schedule are refused.

    Attributes
    ----------
    name : constant (1); cosine and poly fall from 1 to 0 over all steps; step and exponential
        change from epoch to epoch
    """

    name: Literal["constant", "cosine", "poly", "step", "exponential"]
    power: float | None = Field(None, gt=0, description="of poly: (1 - done)^power; default 0.9")
    factor: float | None = Field(None, gt=0, le=1, description="of step")
    every_epochs: int | None = Field(None, ge=1, description="of step: every so many epochs")
    at_epochs: tuple[int, ...] = Field(
        (), description="of step instead: after these epochs, for example [90, 120]"
    )
    rate: float | None = Field(None, gt=0, description="of exponential: e^-rate per epoch")
    after_epochs: int | None = Field(
        None, ge=0, description="of exponential: number of first epochs with factor 1; default 0"
    )

    @model_validator(mode="after")
    def _fitting(self) -> ScheduleSettings:
        for owner, options in _OPTIONS.items():
            for option in options:
                if owner != self.name and getattr(self, option) not in (None, ()):
                    raise ValueError(f"{option} belongs to {owner}, the schedule is {self.name}")
        if self.name == "step" and (
            self.factor is None or (self.every_epochs is None) == (not self.at_epochs)
        ):
            raise ValueError("step needs factor and either every_epochs or at_epochs")
        if self.name == "exponential" and self.rate is None:
            raise ValueError("exponential needs rate")
        return self

    def factor_at(self, done: float, epoch: int) -> float:
        """Return the factor after a share `done` of all steps, `epoch` epochs finished."""
        if self.name == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        if self.name == "poly":
            return math.pow(1 - done, 0.9 if self.power is None else self.power)
        if self.name == "step":
            assert self.factor is not None
            n_drops = sum(epoch >= each for each in self.at_epochs)
            if self.every_epochs is not None:
                n_drops = epoch // self.every_epochs
            return math.pow(self.factor, n_drops)
        if self.name == "exponential":
            assert self.rate is not None
            return math.exp(-self.rate * max(0, epoch + 1 - (self.after_epochs or 0)))
        return 1.0

    def scaled(self, share: float) -> ScheduleSettings:
        """Return the schedule for `share` of the epochs that it was made for."""
        changes: dict[str, Any] = {}
        if self.every_epochs is not None:
            changes["every_epochs"] = max(1, round(share * self.every_epochs))
        if self.at_epochs:
            changes["at_epochs"] = tuple(max(1, round(share * each)) for each in self.at_epochs)
        if self.rate is not None:
            changes["rate"] = self.rate / share
        if self.after_epochs is not None:
            changes["after_epochs"] = round(share * self.after_epochs)
        return self.model_copy(update=changes)


def _as_list(value: Any) -> Any:
    """Let ``cosine`` and ``{name: step, ...}`` stand for lists of one."""
    values = value if isinstance(value, list | tuple) else [value]
    return [{"name": each} if isinstance(each, str) else each for each in values]


Schedules = Annotated[tuple[ScheduleSettings, ...], BeforeValidator(_as_list), Field(min_length=1)]
"""A name, one schedule, or a list of schedules that are multiplied."""


def compute_factor(
    schedules: Sequence[ScheduleSettings], epoch: int, step: int, n_steps: int, n_epochs: int
) -> float:
    """Return the factor on the learning rate of a step (epochs count from 1, steps from 0)."""
    done = ((epoch - 1) * n_steps + step) / (n_epochs * n_steps)
    return math.prod(each.factor_at(done, epoch - 1) for each in schedules)
