"""AEP: additive filters from penultimate maps, enhanced images, a learned weighted ensemble.

Source: Kato & Hotta, arXiv 2108.13118 (SMC 2021), and its official code. Where paper and code
differ, the entry of the catalogue states which one it follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from cellenhance.networks.blocks import Mixing, SegmentationNetwork, full_precision
from cellenhance.networks.outputs import SegmentationOutput
from cellenhance.networks.translation_norm import (
    at_translation,
    has_statistics_per_translation,
    keep_statistics_per_translation,
    select_translation,
)
from cellenhance.settings import Settings
from cellenhance.texts import counted


class AEPSettings(Settings):
    """Settings of `AEP`."""

    filter_source: Literal["first_k", "exact"] = Field(
        "first_k",
        description="first_k: the first K penultimate maps; exact: the translator has exactly K",
    )
    n_filters: int | None = Field(
        None, ge=1, description="number K of filters; null: as many as classes"
    )
    translation: Literal["learned", "muted", "none"] = Field(
        "learned",
        description="learned: sigma(x + f_k); controls: muted, sigma(x); none, x itself",
    )
    ensemble: Literal["learned", "fixed", "none"] = Field(
        "learned",
        description="learned: weights and bias are trained; fixed: sum of all logits; none: the "
        "result is one branch and no ensemble loss is added",
    )
    ensemble_init: Literal["uniform", "average"] = Field(
        "uniform",
        description="uniform: weights and bias drawn from +-1/sqrt(S), as published; average: "
        "weights 1/S and bias 0, so that training starts from the mean of all outputs",
    )
    statistics: Literal["shared", "per_translation"] = Field(
        "shared",
        description="running statistics of network 2's batch normalisation: shared by all "
        "translations, as published; per_translation: one set for each",
    )
    final_branch: int | None = Field(
        None, ge=1, description="with ensemble none: the branch (1..K) that is the result"
    )

    @model_validator(mode="after")
    def _final_branch_belongs_to_none(self) -> AEPSettings:
        if (self.ensemble == "none") != (self.final_branch is not None):
            raise ValueError("set final_branch if, and only if, ensemble is none")
        return self


_MIXING: Mapping[str, Mixing] = {"learned": "learned", "fixed": "sum", "none": "chosen"}


class WeightedEnsemble(nn.Module):
    """E = b + sum_i w_i o_i over S outputs: one scalar each, shared by classes and pixels.

    The same as the published Conv3d(S -> 1, kernel 1); weights are not normalised. The bias shifts
    all classes alike and changes no argmax.
    """

    def __init__(self, n_outputs: int, initialisation: Literal["uniform", "average"]) -> None:
        super().__init__()
        if initialisation == "average":
            weight, bias = torch.full((n_outputs,), 1 / n_outputs), torch.zeros(1)
        else:
            bound = 1 / math.sqrt(n_outputs)
            weight = torch.empty(n_outputs).uniform_(-bound, bound)
            bias = torch.empty(1).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """Mix S logits of shape (B, K, H, W) in float32."""
        mixed = self.bias.view(1, 1, 1, 1)
        for weight, output in zip(self.weight, outputs, strict=True):
            mixed = mixed + weight * output.float()
        return mixed


class AEP(SegmentationNetwork):
    """Network 1 (translator) makes filters, network 2 (segmenter) segments each enhanced image.

    Parameters
    ----------
    translator : network 1; its penultimate maps become filters by `adapt_features`
    segmenter : network 2, one set of weights for all translations
    """

    Settings = AEPSettings
    roles = ("translator", "segmenter")

    def __init__(
        self, translator: SegmentationNetwork, segmenter: SegmentationNetwork, settings: AEPSettings
    ) -> None:
        super().__init__(translator.in_channels, translator.n_classes, translator.feature_channels)
        self.n_filters = settings.n_filters or translator.n_classes
        if self.n_filters > translator.feature_channels:
            raise ValueError(
                f"n_filters is {self.n_filters}, but the translator has only "
                f"{counted(translator.feature_channels, 'penultimate map')}"
            )
        if settings.final_branch is not None and settings.final_branch > self.n_filters:
            raise ValueError(
                f"final_branch is {settings.final_branch}; expected at most {self.n_filters}, the "
                "number of filters"
            )
        self.translation = settings.translation
        self.translator = translator
        self.segmenter = segmenter
        self.folded_segmenters: nn.ModuleList | None = None
        if settings.statistics == "per_translation":
            keep_statistics_per_translation(segmenter, self.n_filters)
        self.final_branch = settings.final_branch
        self.ensemble = (
            WeightedEnsemble(self.n_filters + 1, settings.ensemble_init)
            if settings.ensemble == "learned"
            else None
        )
        self.mixing = _MIXING[settings.ensemble]
        self.stride = math.lcm(translator.stride, segmenter.stride)
        self.min_size = max(translator.min_size, segmenter.min_size)
        fields = (translator.receptive_field_px, segmenter.receptive_field_px)
        self.receptive_field_px = (
            None if fields[0] is None or fields[1] is None else fields[0] + fields[1] - 1
        )
        self.branch_names = (
            "network 1",
            *(f"branch {k}" for k in range(1, self.n_filters + 1)),
        )

    @staticmethod
    def component_settings(role: str, settings: AEPSettings, n_classes: int) -> dict[str, Any]:
        """Return the settings that a component must have: exact filters fix the last width."""
        if role == "translator" and settings.filter_source == "exact":
            return {"n_features": settings.n_filters or n_classes}
        return {}

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment `image`, (B, C, H, W) in [0, 1].

        x_k = sigma(x + f_k); since x and f_k are >= 0 every translation lies in [0.5, 1). The
        segmenter runs once per translation, so that in training its batch normalisation sees each
        translation on its own; the running statistics are updated K times, as published, or those
        of each translation once.
        """
        self.check_input(image)
        first = self.translator(image)
        filters = adapt_features(first.features[:, : self.n_filters], image)  # B,N,H,W
        if self.translation != "learned":
            filters = torch.zeros_like(filters)
        translations = self.translate(image, filters)  # B,N,C,H,W
        branches = [first.logits]
        branches += [self.segment(translations[:, k], k) for k in range(self.n_filters)]
        return SegmentationOutput(
            logits=self.mix(branches),
            features=first.features,
            branch_logits=tuple(branches),
            filters=filters,
            translations=translations,
        )

    @property
    def distinguishes_translations(self) -> bool:
        """Tell whether network 2 treats equal translations differently (statistics for each)."""
        return self.folded_segmenters is not None or has_statistics_per_translation(self.segmenter)

    def segment(self, image: Tensor, k: int) -> Tensor:
        """Return network 2's logits of translation `k` (from 0), (B, C, H, W)."""
        if self.folded_segmenters is not None:
            output: SegmentationOutput = self.folded_segmenters[k](image)
            return output.logits
        select_translation(self.segmenter, k)
        logits: Tensor = self.segmenter(image).logits
        return logits

    def prepare_folding(self) -> None:
        """Make one network 2 per translation where their statistics differ; eval mode only."""
        if has_statistics_per_translation(self.segmenter):
            self.folded_segmenters = nn.ModuleList(
                at_translation(self.segmenter, k) for k in range(self.n_filters)
            )
            del self.segmenter

    def translate(self, image: Tensor, filters: Tensor) -> Tensor:
        """Return what network 2 sees for each filter, (B, N, C, H, W), by this model's rule."""
        if self.translation == "none":
            return image.float().unsqueeze(1).expand(-1, filters.shape[1], -1, -1, -1)
        return translate(image, filters)

    def mix(self, branches: Sequence[Tensor]) -> Tensor:
        """Return the final logits from those of network 1 and of each branch, in this order."""
        if self.final_branch is not None:
            return branches[self.final_branch]
        if self.ensemble is None:
            return torch.stack([logits.float() for logits in branches]).sum(0)
        mixed: Tensor = self.ensemble(branches)
        return mixed


def adapt_features(features: Tensor, image: Tensor) -> Tensor:
    """Return penultimate maps as additive filters: of the size of the image, and >= 0.

    Maps of lower resolution are resized bilinearly, and ReLU is applied, since some networks end in
    batch normalisation or LeakyReLU. For the light U-Net and the U-Net this changes nothing.
    """
    if features.shape[-2:] != image.shape[-2:]:
        size = (image.shape[-2], image.shape[-1])
        features = functional.interpolate(features, size, mode="bilinear", align_corners=False)
    return torch.relu(features)


def translate(image: Tensor, filters: Tensor) -> Tensor:
    """Return sigma(x + f_k) in float32, (B, N, C, H, W), for x (B, C, H, W), f (B, N, H, W)."""
    with full_precision(image.device):
        return torch.sigmoid(image.float().unsqueeze(1) + filters.float().unsqueeze(2))
