"""Batch normalisation that keeps running statistics for each of K translations.

Network 2 of AEP segments K enhanced images with one set of weights. In training each is normalised
by its own batch; one set of running statistics for all of them fits none in prediction where the
translations differ. Weights and biases stay shared.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import SegmentationNetwork


class TranslationNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose running mean and variance are (K, C), one row per translation.

    `translation` (from 0) says which row the next forward pass reads, and updates in training.
    """

    def __init__(self, norm: nn.BatchNorm2d, n_translations: int) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            rows = getattr(self, name)[None].repeat(n_translations, *[1] * getattr(self, name).ndim)
            setattr(self, name, rows)
        self.translation = 0

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) by its batch, or in eval mode by its translation's statistics."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        k, share = self.translation, self.momentum
        if self.training:
            self.num_batches_tracked[k] += 1
            if share is None:  # the plain mean over all batches
                share = 1 / float(self.num_batches_tracked[k])
        return functional.batch_norm(
            x,
            self.running_mean[k],
            self.running_var[k],
            self.weight,
            self.bias,
            self.training,
            share or 0.0,
            self.eps,
        )

    def at(self, translation: int) -> nn.BatchNorm2d:
        """Return the plain batch normalisation of one translation, in this module's mode."""
        plain = nn.BatchNorm2d(self.num_features, self.eps, self.momentum)
        state = self.state_dict()
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            state[name] = state[name][translation]
        plain.load_state_dict(state)
        return plain.to(self.weight.device).train(self.training)


def keep_statistics_per_translation(network: nn.Module, n_translations: int) -> None:
    """Replace every `nn.BatchNorm2d` of `network` by a `TranslationNorm`, in place."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, TranslationNorm(child, n_translations))


def select_translation(network: nn.Module, translation: int) -> None:
    """Let the next forward pass of `network` use the statistics of this translation (from 0)."""
    for module in network.modules():
        if isinstance(module, TranslationNorm):
            module.translation = translation


def has_statistics_per_translation(network: nn.Module) -> bool:
    """Tell whether any normalisation of `network` keeps statistics per translation."""
    return any(isinstance(module, TranslationNorm) for module in network.modules())


def at_translation(network: SegmentationNetwork, translation: int) -> SegmentationNetwork:
    """Return a copy whose plain batch normalisations hold the statistics of one translation."""
    plain = copy.deepcopy(network)
    for parent in list(plain.modules()):
        for name, child in parent.named_children():
            if isinstance(child, TranslationNorm):
                setattr(parent, name, child.at(translation))
    return plain
