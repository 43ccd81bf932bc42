"""What a loss returns: the sum that is minimised and the parts it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class LossTerms:
    """`total` is differentiated; `parts` are its terms by the name of the output they belong to."""

    total: Tensor
    parts: dict[str, Tensor]
