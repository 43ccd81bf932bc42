"""Weights from a file into a network, with a report of what happened to every tensor.

A file is a safetensors checkpoint of cellenhance, or a plain safetensors file of an encoder with
torchvision's names (ResNet-34/50/101, VGG16-BN). Start weights for some architectures are shipped
with the package; nothing is downloaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from cellenhance.catalog import Component, ModelEntry
from cellenhance.engine.checkpoints import check_intact, load_header
from cellenhance.errors import CheckpointError, SettingsError
from cellenhance.networks.blocks import InputConv2d
from cellenhance.networks.translation_norm import TranslationNorm
from cellenhance.runs.folder import checkpoints_of
from cellenhance.texts import counted

WEIGHTS_FOLDER = Path(__file__).resolve().parents[2] / "weights"
START_WEIGHTS: Mapping[str, str] = {"fine_unet": "start-fine-unet.safetensors"}
"""Shipped start weights by architecture; docs/reference/start-weights.md says what made them."""

_OURS = "model."
_HEAD = "classifier."
_FOREIGN_PARTS = ("fc.", "classifier.")
"""Heads for photographs in torchvision's files; never looked for in a segmentation network."""


@dataclass(frozen=True, slots=True)
class InitialisationReport:
    """What `initialise_from` did, by tensor name.

    Attributes
    ----------
    matched : tensors of the network that were set from the file
    reinitialised : tensors of the network that kept their random start
    misfits : those of them that the file has in another shape
    left_over : tensors of the file that no tensor of the network took
    """

    matched: tuple[str, ...]
    reinitialised: tuple[str, ...]
    misfits: tuple[str, ...]
    left_over: tuple[str, ...]

    def summary(self) -> str:
        """Return one line."""
        misfits = f", {len(self.misfits)} of them of another shape" if self.misfits else ""
        return (
            f"{counted(len(self.matched), 'tensor')} reused, {len(self.reinitialised)} start at "
            f"random{misfits}, {len(self.left_over)} of the file left over"
        )


def find_start(asked: str | None, entry: ModelEntry) -> Path | None:
    """Return the file that a network starts from, or None for random weights.

    Parameters
    ----------
    asked : "start" (the shipped weights), "none", a file, or a run; None takes the shipped weights
        where the model has some
    entry : resolved

    Raises
    ------
    SettingsError
        There are no start weights for the model, and they were asked for; or a run has folds.
    CheckpointError
        `asked` is a folder, but not that of a run.
    """
    if asked == "none":
        return None
    if asked is None or asked == "start":
        path = _shipped_for(entry)
        if path is None and asked is not None:
            known = ", ".join(sorted(START_WEIGHTS))
            raise SettingsError(
                f"--init start: there are no start weights for '{entry.name}'; they are for the "
                f"architectures {known} with the settings of the catalogue. Use --init none"
            )
        return path
    path = Path(asked)
    if not path.is_dir():
        return path
    found = checkpoints_of(path)
    if len(found) > 1:
        raise SettingsError(f"--init {asked}: has {len(found)} folds; name the folder of one")
    return found[0]


def _shipped_for(entry: ModelEntry) -> Path | None:
    """Return the shipped weights that every network of the model fits, or None."""
    parts = [part for part in entry.components.values() if isinstance(part, Component)]
    parts = parts or [Component(architecture=entry.architecture, settings=entry.settings)]
    names = {part.architecture for part in parts}
    if len(names) > 1 or not names <= set(START_WEIGHTS):
        return None
    # Another width leaves nothing that could be taken over.
    if any("width" in part.settings for part in parts):
        return None
    return WEIGHTS_FOLDER / START_WEIGHTS[names.pop()]


def initialise_from(
    network: nn.Module, path: Path, classes: Sequence[str] | None = None
) -> InitialisationReport:
    """Set the tensors of `network` that the file `path` has under the same name.

    Files of cellenhance serve networks of other channels, and of statistics per translation, too
    (`_adapt`).

    Names are compared as they are, and below every part of the network under which the most names
    of the file are found (an encoder, also of both networks of AEP).

    Parameters
    ----------
    classes : names of the network's classes; where the file is for others its heads are left over,
        since a head for other classes is a worse start than none. None: heads are taken too

    Raises
    ------
    CheckpointError
        The file is missing, no safetensors file, or fits no tensor of the network.
    """
    source, is_ours = _read(path)
    if is_ours and classes is not None and load_header(path).class_names != tuple(classes):
        source = {name: tensor for name, tensor in source.items() if _HEAD not in name}
    target = network.state_dict()
    prefixes = _best_prefixes(set(source), target)
    matched: dict[str, Tensor] = {}
    misfits: list[str] = []
    used: set[str] = set()
    for prefix in prefixes:
        for name, tensor in source.items():
            full = prefix + name
            if full not in target:
                continue
            used.add(name)
            fitting: Tensor | None = tensor
            if tensor.shape != target[full].shape:
                owner = network.get_submodule(full.rpartition(".")[0])
                fitting = _adapt(tensor, target[full], owner) if is_ours else None
            if fitting is None:
                misfits.append(full)
            else:
                matched[full] = fitting
    if not matched:
        raise CheckpointError(
            f"{path}: fits no tensor of this model; expected a checkpoint of the same architecture "
            "or an encoder with torchvision's names"
        )
    with torch.no_grad():
        network.load_state_dict({**target, **matched})
    return InitialisationReport(
        matched=tuple(matched),
        reinitialised=tuple(name for name in target if name not in matched),
        misfits=tuple(misfits),
        left_over=tuple(name for name in source if name not in used),
    )


def _adapt(tensor: Tensor, like: Tensor, owner: nn.Module) -> Tensor | None:
    """Return a tensor of a cellenhance file in another shape, or None where no way is right.

    Statistics of a normalisation serve every translation of `TranslationNorm`. The first
    convolution may see other channels: its weights are shared among them, or summed into one, so
    that a grey image, alone or in every channel, gives the same maps as before.
    """
    if isinstance(owner, TranslationNorm) and tensor.shape == like.shape[1:]:
        return tensor.expand(like.shape).clone()
    is_first = isinstance(owner, InputConv2d) and tensor.ndim == 4
    if is_first and (tensor.shape[0], tensor.shape[2:]) == (like.shape[0], like.shape[2:]):
        n_channels = like.shape[1]
        return tensor.sum(dim=1, keepdim=True).repeat(1, n_channels, 1, 1) / n_channels
    return None


def _read(path: Path) -> tuple[dict[str, Tensor], bool]:
    """Return the tensors by name, and whether cellenhance wrote the file."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected weights (.safetensors)")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: is not a safetensors file; pickles are never read, convert it first"
        ) from error
    check_intact(path, metadata, tensors)
    ours = {
        name.removeprefix(_OURS): tensor
        for name, tensor in tensors.items()
        if name.startswith(_OURS)
    }
    if ours:
        return ours, True
    foreign = {name: x for name, x in tensors.items() if not name.startswith(_FOREIGN_PARTS)}
    return foreign, False


def _best_prefixes(names: set[str], target: dict[str, Tensor]) -> list[str]:
    """Return the places in the network under which the most of `names` are found."""
    counts: Counter[str] = Counter()
    for full in target:
        parts = full.split(".")
        for depth in range(len(parts)):
            if ".".join(parts[depth:]) in names:
                counts["".join(f"{part}." for part in parts[:depth])] += 1
    most = max(counts.values(), default=0)
    return [prefix for prefix, count in counts.items() if count == most]
