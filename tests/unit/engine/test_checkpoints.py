"""Checkpoints: exact round trips, and one line for every file that is not one of ours."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cellenhance.catalog import load_catalog
from cellenhance.data.dataset.manifest import SegmentationClass
from cellenhance.data.normalize import Normalization
from cellenhance.engine import checkpoints
from cellenhance.errors import CheckpointError, ResourceError
from cellenhance.networks.blocks import SegmentationNetwork
from cellenhance.networks.registry import build_network
from cellenhance.runs.header import FileHeader, ModelHeader, TrainingState

ENTRY = load_catalog().resolve("aep")
HEADER = ModelHeader(
    entry=ENTRY,
    in_channels=1,
    channel_names=("DAPI",),
    classes=tuple(SegmentationClass(index=i, name=f"é {i}", color="#123456") for i in range(2)),
    normalization=Normalization(method="dataset", low=(101.5,), high=(0.1 + 0.2,)),
)
STATE = TrainingState(
    epoch=3, step=2, loss_sums={"total": 1 / 3}, best_epoch=2, best_miou=0.1 + 0.2
)


def make_network() -> SegmentationNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_network(ENTRY, 1, 2)


def step(network: SegmentationNetwork, optimizer: torch.optim.Optimizer) -> None:
    image = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(4))
    optimizer.zero_grad()
    torch.autograd.backward(network.train()(image).logits.square().mean())
    optimizer.step()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The path of a training checkpoint after one step."""
    network = make_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    step(network, optimizer)
    path = tmp_path / "last.safetensors"
    checkpoints.save_training(path, network, HEADER, optimizer, STATE)
    return path


def test_training_goes_on_bitwise_from_a_checkpoint(tmp_path: Path) -> None:
    straight = make_network()
    optimizer = torch.optim.Adam(straight.parameters(), lr=1e-3)
    step(straight, optimizer)
    path = tmp_path / "last.safetensors"
    checkpoints.save_training(path, straight, HEADER, optimizer, STATE)
    step(straight, optimizer)

    resumed = make_network()
    fresh = torch.optim.Adam(resumed.parameters(), lr=1e-3)
    assert checkpoints.load_training(path, resumed, fresh) == STATE
    step(resumed, fresh)
    for (name, one), two in zip(
        straight.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name


def test_header_and_weights_come_back(saved: Path) -> None:
    loaded = checkpoints.load_model(saved)
    assert loaded.header == HEADER
    assert loaded.header.class_names == ("é 0", "é 1")
    assert not loaded.network.training
    tensors = load_file(saved)
    for name, weight in loaded.network.state_dict().items():
        assert torch.equal(weight, tensors[f"model.{name}"]), name


def test_weights_alone_predict_but_cannot_go_on(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    network = make_network()
    checkpoints.save_model(path, network, HEADER)
    assert not any(name.startswith("optimizer") for name in load_file(path))
    with pytest.raises(CheckpointError, match=r"best\.safetensors: holds weights only"):
        checkpoints.load_training(path, network, torch.optim.Adam(network.parameters()))


def test_a_failed_save_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def fail(_tensors: Any, path: Path, **_: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", fail)
    with pytest.raises(ResourceError, match=r"last\.safetensors: the disk is full"):
        checkpoints.save_model(saved, make_network(), HEADER)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("kept", [0, 4, 1000, -1])
def test_a_truncated_file_is_named(saved: Path, kept: int) -> None:
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"last\.safetensors: is damaged or is not a"):
        checkpoints.load_model(saved)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_of_that_name_is_refused_and_never_run(tmp_path: Path) -> None:
    path, touched = tmp_path / "evil.safetensors", tmp_path / "touched"
    path.write_bytes(pickle.dumps(Trap(touched)))
    with pytest.raises(CheckpointError, match=r"evil\.safetensors: is damaged or is not a"):
        checkpoints.load_model(path)
    torch.save({"weights": Trap(touched)}, path)
    with pytest.raises(CheckpointError, match=r"evil\.safetensors: is damaged or is not a"):
        checkpoints.load_model(path)
    assert not touched.exists()


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match=f"{path.name}: no such file"):
            checkpoints.load_model(path)


def test_a_safetensors_file_of_others_is_named(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"theirs\.safetensors: .* not one that cellenhance"):
        checkpoints.load_model(path)


def rewrite(path: Path, change: dict[str, Any]) -> None:
    header = json.loads(FileHeader(model=HEADER).model_dump_json())
    header["model"] |= change
    save_file(load_file(path), path, metadata={"cellenhance": json.dumps(header)})


@pytest.mark.parametrize(
    "change",
    [
        {"entry": ENTRY.model_dump() | {"architecture": "os.system"}},
        {"in_channels": 0},
        {"in_channels": 3},
        {"unknown": 1},
        {"classes": []},
    ],
    ids=["architecture", "no channels", "other channels", "unknown key", "no classes"],
)
def test_a_header_that_lies_is_one_error_with_the_path(saved: Path, change: dict[str, Any]) -> None:
    rewrite(saved, change)
    with pytest.raises(CheckpointError, match=r"last\.safetensors"):
        checkpoints.load_model(saved)


@pytest.mark.parametrize("key", ["model.ensemble.bias", "optimizer.3.exp_avg"])
def test_a_single_flipped_bit_is_noticed(saved: Path, key: str) -> None:
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(saved)
    tensors[key].view(torch.int32)[0] ^= 1
    save_file(tensors, saved, metadata=metadata)
    with pytest.raises(CheckpointError, match=r"last\.safetensors: has changed since"):
        checkpoints.load_model(saved)


def test_a_changed_digit_of_the_header_is_noticed(saved: Path) -> None:
    data = saved.read_bytes()
    assert data.count(b"101.5") == 1
    saved.write_bytes(data.replace(b"101.5", b"101.6"))
    with pytest.raises(CheckpointError, match=r"last\.safetensors: has changed since"):
        checkpoints.load_model(saved)


def test_a_checkpoint_without_a_hash_still_opens(saved: Path) -> None:
    expected = checkpoints.load_model(saved).network.state_dict()
    rewrite(saved, {})
    found = checkpoints.load_model(saved).network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    network = make_network()
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = value
    checkpoints.save_model(tmp_path / "best.safetensors", network, HEADER)
    with pytest.raises(CheckpointError, match=r"best\.safetensors: '.*' holds NaN or infinity"):
        checkpoints.load_model(tmp_path / "best.safetensors")


def test_a_header_that_is_no_json_is_one_error_with_the_path(saved: Path) -> None:
    save_file(load_file(saved), saved, metadata={"cellenhance": "{"})
    with pytest.raises(CheckpointError, match=r"last\.safetensors"):
        checkpoints.load_model(saved)


def test_a_full_disk_is_said_with_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors import SafetensorError

    from cellenhance.engine import checkpoints
    from cellenhance.errors import ResourceError

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(ResourceError, match=r"last\.safetensors.*os error 28"):
        checkpoints.save_model(tmp_path / "last.safetensors", make_network(), HEADER)
