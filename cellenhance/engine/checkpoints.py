"""Checkpoints: one safetensors file each, written whole or not at all, never a pickle.

`best` holds weights; its header carries model entry, classes, normalisation and preprocessing and
is enough to predict. `last` holds the weights as they are trained, their average where a recipe has
one, the optimizer and the counters: it is the commit point of training.

Batch normalisation of a network that is read to predict can be folded into the convolution before
it: the same function, fewer passes. That holds in eval mode only, where normalisation is a fixed
affine map of each channel.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.optim import Optimizer

from cellenhance.data.files.storage import replacing
from cellenhance.errors import CellEnhanceError, CheckpointError, ResourceError, SettingsError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import FileHeader, ModelHeader, TrainingState
from cellenhance.settings import validate_settings

_HEADER_KEY = "cellenhance"
_WEIGHTS = "model."
_OPTIMIZER = "optimizer."
_AVERAGE = "average."


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network with its weights, in eval mode, and what belongs to it."""

    network: SegmentationNetwork
    header: ModelHeader
    path: Path


def save_model(path: Path, network: nn.Module, header: ModelHeader) -> None:
    """Write the weights and the header."""
    _save(path, _prefixed(_WEIGHTS, network.state_dict()), FileHeader(model=header))


def save_training(
    path: Path,
    network: nn.Module,
    header: ModelHeader,
    optimizer: Optimizer,
    state: TrainingState,
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Write weights, average, optimizer and counters: training goes on exactly from this file."""
    tensors = _prefixed(_WEIGHTS, network.state_dict())
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= _prefixed(f"{_OPTIMIZER}{index}.", slots)
    tensors |= _prefixed(_AVERAGE, average or {})
    _save(path, tensors, FileHeader(model=header, state=state))


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _save(path: Path, tensors: dict[str, Tensor], header: FileHeader) -> None:
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    values = json.loads(header.model_dump_json(exclude={"sha256"}))
    text = json.dumps(values | {"sha256": _content_sha256(values, contiguous)})
    with replacing(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata={_HEADER_KEY: text})
        except SafetensorError as error:
            raise ResourceError(
                f"{path}: cannot be written ({error}); free some space, the checkpoint before it "
                "is kept"
            ) from error


def _content_sha256(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return the hash of a header without its own hash, and of all tensors."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_intact(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Refuse a file that has changed since it was written, or whose tensors are not all numbers.

    Parameters
    ----------
    metadata : of the file, which may be one of others; ours have a hash since 0.1.0

    Raises
    ------
    CheckpointError
        A single bit of the file differs, or a tensor holds NaN or infinity.
    """
    header = _header_values(metadata, path) if _HEADER_KEY in metadata else {}
    stated = header.pop("sha256", None)
    if stated is not None and stated != _content_sha256(header, tensors):
        raise CheckpointError(
            f"{path}: has changed since it was written (its weights do not have the hash of its "
            "header); use another copy, or train again"
        )
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{path}: '{name}' holds NaN or infinity, as after a training that diverged; use "
                "an earlier checkpoint, or train again with a lower recipe.learning_rate"
            )


def checkpoint_sha256(path: Path) -> str:
    """Return the hash of a checkpoint file, by which what was made from it is known again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_model(path: Path) -> LoadedModel:
    """Return the network of a checkpoint file, on the CPU and in eval mode.

    Raises
    ------
    CheckpointError
        The file is missing, truncated, changed or not ours, or its weights are not numbers or do
        not fit its model entry.
    """
    header, tensors = _load(path)
    try:
        network = build_network(
            header.model.entry, header.model.in_channels, len(header.model.classes)
        )
    except CellEnhanceError as error:
        raise CheckpointError(f"{path}: {error}") from error
    _load_weights(network, tensors, path)
    return LoadedModel(network.eval(), header.model, path)


def fold_batch_norm(network: SegmentationNetwork) -> SegmentationNetwork:
    """Return a copy of a network in eval mode without the batch normalisations that can be folded.

    Folded is each one that directly follows a convolution in an `nn.Sequential`; network 2 of AEP
    becomes one folded network per translation where their statistics differ. Outputs agree with the
    original up to float32 rounding.

    Raises
    ------
    ValueError
        The network is in training mode.
    """
    if network.training:
        raise ValueError("only a network in eval mode can be folded")
    folded = copy.deepcopy(network)
    folded.prepare_folding()
    for block in folded.modules():
        if isinstance(block, nn.Sequential):
            for index in range(len(block) - 1):
                _fold_pair(block, index)
    return folded


def _fold_pair(block: nn.Sequential, index: int) -> None:
    convolution, norm = block[index], block[index + 1]
    if not isinstance(norm, nn.BatchNorm2d):
        return
    if isinstance(convolution, nn.ConvTranspose2d):
        block[index] = fuse_conv_bn_eval(convolution, norm, transpose=True)
    elif isinstance(convolution, nn.Conv2d):
        block[index] = fuse_conv_bn_eval(convolution, norm)
    else:
        return
    block[index + 1] = nn.Identity()


def load_training(path: Path, network: nn.Module, optimizer: Optimizer) -> TrainingState:
    """Load weights and optimizer into the given objects and return the counters."""
    state = load_state(path)
    _, tensors = _load(path)
    _load_weights(network, tensors, path)
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(_OPTIMIZER):
            index, _, slot = name.removeprefix(_OPTIMIZER).partition(".")
            slots.setdefault(int(index), {})[slot] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    return state


def load_header(path: Path) -> ModelHeader:
    """Return the header of a checkpoint file, its weights unread; errors as `load_model`."""
    with _opened(path) as file:
        return _read_header(file.metadata() or {}, path).model


def load_state(path: Path) -> TrainingState:
    """Return the counters of a last checkpoint without reading its weights.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, not ours or holds weights only.
    """
    with _opened(path) as file:
        state = _read_header(file.metadata() or {}, path).state
    if state is None:
        raise CheckpointError(f"{path}: holds weights only; training cannot go on from it")
    return state


def load_average(path: Path) -> dict[str, Tensor]:
    """Return the averaged weights of a last checkpoint by name; empty where there are none."""
    return _below(_AVERAGE, _load(path)[1])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _load_weights(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(_below(_WEIGHTS, tensors))
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: the weights do not fit the model of its header; the file is damaged or was "
            "written by another version"
        ) from error


def _load(path: Path) -> tuple[FileHeader, dict[str, Tensor]]:
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    header = _read_header(metadata, path)
    check_intact(path, metadata, tensors)
    return header, tensors


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yield the open file; what fails while it is read is one error."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected a checkpoint (.safetensors)")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: is damaged or is not a safetensors file; use the last complete checkpoint"
        ) from error


def _read_header(metadata: Mapping[str, str], path: Path) -> FileHeader:
    if _HEADER_KEY not in metadata:
        raise CheckpointError(f"{path}: is a safetensors file, but not one that cellenhance wrote")
    try:
        return validate_settings(FileHeader, _header_values(metadata, path), where="its header")
    except SettingsError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _header_values(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    try:
        values = json.loads(metadata[_HEADER_KEY])
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its header is not JSON; use another copy") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: its header is not a mapping; use another copy")
    return values
