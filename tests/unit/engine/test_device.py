"""The words for devices and precisions, and the errors for what is not there."""

from __future__ import annotations

import pytest
import torch

from cellenhance.engine.device import choose_compute, free_memory_bytes
from cellenhance.errors import DeviceError


def test_what_was_asked_for_is_used_and_said() -> None:
    compute = choose_compute("cpu", "bf16")
    assert (compute.device, compute.precision) == (torch.device("cpu"), "bf16")
    assert compute.reason == "cpu: as asked; bf16 as asked"


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_the_cpu_uses_bfloat16_only_where_it_multiplies_it(
    native: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native, "amx_bf16": False}
    )
    assert choose_compute("cpu", "auto").precision == expected


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [
        ("gpu", "auto", "unknown device 'gpu'; use auto, cpu, cuda, cuda:1 or mps"),
        ("cuda:99", "auto", "'cuda:99' is not there: .* `cellenhance doctor` says more"),
        ("meta", "auto", "'meta' is not supported"),
        ("cpu", "fp8", "unknown precision 'fp8'; use auto, fp32, bf16 or fp16"),
        ("cpu", "fp16", "fp16 is not possible on the CPU"),
    ],
)
def test_what_is_not_there_is_an_error(device: str, precision: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        choose_compute(device, precision)


def test_autocast_is_on_for_bfloat16_only() -> None:
    left = torch.ones(2, 2)
    with choose_compute("cpu", "bf16").autocast():
        assert (left @ left).dtype == torch.bfloat16
    with choose_compute("cpu", "fp32").autocast():
        assert (left @ left).dtype == torch.float32


def test_the_free_memory_counts_the_limit_of_the_control_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cellenhance.engine import device

    numbers = {"memory.max": 5000, "memory.current": 2000}
    monkeypatch.setattr(device, "_read_number", lambda path: numbers.get(path.name))
    assert free_memory_bytes(torch.device("cpu")) == 3000
    monkeypatch.setattr(device, "_read_number", lambda _: None)
    assert free_memory_bytes(torch.device("cpu")) > 3000
