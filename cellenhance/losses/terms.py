"""What a loss returns, and what the settings of one loss have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator
from torch import Tensor

from cellenhance.settings import Settings


@dataclass(frozen=True, slots=True)
class LossTerms:
    """`total` is differentiated; `parts` are its terms, by the name of their output."""

    total: Tensor
    parts: dict[str, Tensor]


class TermSettings(Settings):
    """One loss in a weighted sum; ``dice: 0.5`` is short for ``dice: {weight: 0.5}``."""

    weight: float = Field(1, ge=0, description="factor in the sum; 0 switches the loss off")

    @model_validator(mode="before")
    @classmethod
    def _from_weight(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return {"weight": value} if is_number else value
