"""The catalogue with the numbers of each model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from cellenhance.catalog import ModelEntry, load_catalog
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.complexity import (
    LayerSummary,
    count_flops,
    count_parameters,
    summarise_layers,
)
from cellenhance.networks.registry import build_network

CHANNELS, CLASSES, SIDE_PX = 1, 2, 256
"""What the numbers are for."""


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One line of the catalogue; GFLOPs are 2 x multiply-adds for one image of 256 x 256."""

    name: str
    architecture: str
    n_parameters: int
    gflops: float
    stride: int
    summary: str

    def to_json(self) -> dict[str, Any]:
        """Return the keys that ``models --json`` prints."""
        values = asdict(self)
        del values["summary"]
        return values


def list_models(models_file: Path | None = None) -> list[ModelSummary]:
    """Return a summary of every model of the catalogue, in its order."""
    catalog = load_catalog(models_file)
    return [_summarise(catalog.resolve(name)) for name in catalog.entries]


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """One entry with its components spelled out, its numbers and its layers."""

    entry: ModelEntry
    summary: ModelSummary
    layers: tuple[LayerSummary, ...]


def show_model(name: str, models_file: Path | None = None) -> ModelDetails:
    """Return one entry in full."""
    entry = load_catalog(models_file).resolve(name)
    network = _build(entry)
    layers = summarise_layers(network, SIDE_PX)
    return ModelDetails(entry, _summarise(entry), tuple(layers))


def _build(entry: ModelEntry) -> SegmentationNetwork:
    with torch.device("meta"):  # shapes suffice; nothing is drawn or computed
        return build_network(entry, CHANNELS, CLASSES)


def _summarise(entry: ModelEntry) -> ModelSummary:
    network = _build(entry)
    return ModelSummary(
        name=entry.name,
        architecture=entry.architecture,
        n_parameters=count_parameters(network),
        gflops=count_flops(network, SIDE_PX) / 1e9,
        stride=network.stride,
        summary=entry.summary,
    )
