"""Which device and number format a run uses, and why; how much memory is free there."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from cellenhance.errors import DeviceError
from cellenhance.texts import counted

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, the precision inside the networks, and one sentence on why."""

    device: torch.device
    precision: str
    reason: str

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which a forward pass runs."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision])


def choose_compute(device: str = "auto", precision: str = "auto") -> Compute:
    """Return the device and precision that the words mean on this machine.

    Raises
    ------
    DeviceError
        The device is not there, or the precision is unknown or not possible on it.
    """
    chosen, device_reason = _choose_device(device)
    if chosen.type == "cuda":
        # TF32 keeps 10 bits: what is called fp32 here is computed in float32.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    chosen_precision, precision_reason = _choose_precision(precision, chosen)
    return Compute(chosen, chosen_precision, f"{device_reason}; {precision_reason}")


def _choose_device(name: str) -> tuple[torch.device, str]:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0), f"CUDA: {torch.cuda.get_device_name(0)}"
        if torch.backends.mps.is_available():
            return torch.device("mps"), "MPS: Apple GPU"
        return torch.device("cpu"), "CPU: no GPU that this torch can use"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device '{name}'; use auto, cpu, cuda, cuda:1 or mps") from error
    _check_there(device, name)
    return device, f"{name}: as asked"


def _check_there(device: torch.device, name: str) -> None:
    if device.type == "cpu":
        return
    if device.type == "mps" and torch.backends.mps.is_available():
        return
    if device.type == "cuda" and (device.index or 0) < torch.cuda.device_count():
        return
    if device.type not in ("cuda", "mps"):
        raise DeviceError(f"device '{name}' is not supported; use auto, cpu, cuda, cuda:1 or mps")
    raise DeviceError(
        f"device '{name}' is not there: this torch ({torch.__version__}) sees "
        f"{counted(torch.cuda.device_count(), 'CUDA device')}; `cellenhance doctor` says more"
    )


def _choose_precision(name: str, device: torch.device) -> tuple[str, str]:
    if name not in ("auto", *PRECISIONS):
        raise DeviceError(f"unknown precision '{name}'; use auto, fp32, bf16 or fp16")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("fp16 is not possible on the CPU; use fp32 or bf16")
    if name != "auto":
        return name, f"{name} as asked"
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16", "bf16, which this GPU multiplies natively"
    if device.type == "cpu" and cpu_multiplies_bf16():
        return "bf16", "bf16, which this CPU multiplies natively"
    return "fp32", "fp32, as no faster format is native here"


def cpu_multiplies_bf16() -> bool:
    """Tell whether the CPU has bfloat16 dot products (AVX512-BF16 or AMX)."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def free_memory_bytes(device: torch.device) -> int:
    """Return what can still be allocated on `device`; on the CPU the cgroup's limit counts too."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(psutil.virtual_memory().available, _cgroup_free_bytes())


def _cgroup_free_bytes() -> int:
    """Return the free part of the control group's memory limit, or a huge number without one."""
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit, used = (_read_number(Path("/sys/fs/cgroup") / n) for n in (limit_name, used_name))
        if limit is not None and used is not None:
            return max(0, limit - used)
    return 2**62


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
