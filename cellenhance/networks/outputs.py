"""The one record every network returns; train, evaluate, predict and translate share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class SegmentationOutput:
    """The result of a forward pass.

    Attributes
    ----------
    logits : (B, K, H, W); softmax over K gives the probabilities, argmax the mask
    features : (B, F, H, W) penultimate feature maps, directly before the classifier
    branch_logits : one (B, K, H, W) for each further output that is trained and evaluated on its
        own; empty for a plain network
    filters : (B, N, H, W) >= 0, the additive filters f_k, or None
    translations : (B, N, C, H, W), the enhanced images, or None
    """

    logits: Tensor
    features: Tensor
    branch_logits: tuple[Tensor, ...] = ()
    filters: Tensor | None = None
    translations: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """Return all tensors that are there, in a fixed order."""
        kept: list[Tensor] = []
        self.map(lambda tensor: kept.append(tensor) or tensor)  # type: ignore[func-returns-value]
        return kept

    def with_tensors(self, tensors: Sequence[Tensor]) -> SegmentationOutput:
        """Return the output with its tensors replaced, in the order of `tensors()`."""
        following = iter(tensors)
        return self.map(lambda _: next(following))

    def map(self, change: Callable[[Tensor], Tensor]) -> SegmentationOutput:
        """Return the output with `change` applied to every tensor."""
        return SegmentationOutput(
            logits=change(self.logits),
            features=change(self.features),
            branch_logits=tuple(change(logits) for logits in self.branch_logits),
            filters=None if self.filters is None else change(self.filters),
            translations=None if self.translations is None else change(self.translations),
        )
