"""Start weights: made, resumed bitwise, refused where a run had other settings, and of use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from cellenhance.engine.checkpoints import load_model
from cellenhance.engine.options import ComputeOptions
from cellenhance.engine.pretraining.pretrainer import PretrainReport
from cellenhance.errors import CheckpointError, InterruptedRunError, OutputExistsError
from cellenhance.tasks.pretrain import pretrain as module
from cellenhance.tasks.pretrain.pretrain import plan_pretraining, pretrain
from cellenhance.tasks.pretrain.requests import PretrainRequest

SMALL = ("crop_px=32", "batch_size=3")


def request(output: Path, dataset: Path, **changes: object) -> PretrainRequest:
    asked = PretrainRequest(
        sources=("world@2", str(dataset)),
        output=output,
        steps=6,
        set=SMALL,
        compute=ComputeOptions(device="cpu"),
    )
    return asked.model_copy(update=changes)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(path).network.state_dict())


def test_a_stopped_run_goes_on_to_bitwise_the_same_weights(
    tmp_path: Path, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = request(tmp_path / "straight.safetensors", tiny_dataset)
    pretrain(straight)
    broken = request(tmp_path / "broken.safetensors", tiny_dataset)

    def interrupt(event: PretrainReport) -> None:
        if event.step == 3:
            signals.append(2)

    signals: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(module, "deferred_signals", lambda: _Signals(signals))
        with pytest.raises(InterruptedRunError, match="after step 3"):
            pretrain(broken, interrupt)
    assert broken.state_path.exists()
    assert not broken.output.exists()
    pretrain(broken.model_copy(update={"resume": True}))
    assert not broken.state_path.exists()
    one, two = weights(straight.output), weights(broken.output)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


class _Signals:
    def __init__(self, received: list[int]) -> None:
        self.received = received

    def __enter__(self):  # type: ignore[no-untyped-def]
        return lambda: self.received[0] if self.received else None

    def __exit__(self, *_: object) -> None:
        pass


def test_another_seed_or_source_does_not_resume(tmp_path: Path, tiny_dataset: Path) -> None:
    asked = request(tmp_path / "start.safetensors", tiny_dataset, steps=1)
    pretrain(asked)
    asked.output.rename(asked.state_path)  # as if it had been stopped
    with pytest.raises(CheckpointError, match=r"started with other settings .seed: 0, now 1"):
        pretrain(asked.model_copy(update={"seed": 1, "resume": True}))
    sources = ("world", str(tiny_dataset))
    with pytest.raises(CheckpointError, match=r"started with other settings .sources"):
        pretrain(asked.model_copy(update={"sources": sources, "resume": True}))


def test_nothing_is_overwritten_unasked(tmp_path: Path, tiny_dataset: Path) -> None:
    asked = request(tmp_path / "start.safetensors", tiny_dataset, steps=1)
    first = pretrain(asked)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        pretrain(asked)
    again = pretrain(asked.model_copy(update={"resume": True}))  # nothing is left to do
    assert again.sha256 == first.sha256


def test_the_record_names_sources_seed_and_command(tmp_path: Path, tiny_dataset: Path) -> None:
    asked = request(tmp_path / "start.safetensors", tiny_dataset, steps=1, command_line="words")
    pretrain(asked)
    record = yaml.safe_load(asked.record_path.read_text(encoding="utf-8"))
    assert [each["source"] for each in record["sources"]] == ["world@2", str(tiny_dataset)]
    assert [each["images"] for each in record["sources"]] == [0, 8]
    assert (record["seed"], record["command"]) == (0, "words")
    assert record["settings"]["steps"] == 1
    assert record["cpu_seconds"] >= 0
    assert load_model(asked.output).header.class_names == ("background", "interior", "boundary")


def test_the_plan_writes_nothing(tmp_path: Path, tiny_dataset: Path) -> None:
    plan = plan_pretraining(request(tmp_path / "start.safetensors", tiny_dataset))
    assert (plan.n_steps, plan.n_images) == (6, 8)
    assert plan.shares == {"world@2": 2, str(tiny_dataset): 1}
    assert not list(tmp_path.iterdir())
