"""What this machine offers and what a run would use, with reasons."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass

import psutil
import torch

from cellenhance.engine.device import choose_compute, cpu_multiplies_bf16, free_memory_bytes
from cellenhance.runs.folder import collect_versions


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Facts by name, and warnings with what to do."""

    facts: dict[str, str]
    warnings: tuple[str, ...]


def diagnose() -> Diagnosis:
    """Return versions, devices, memory, threads, and what `auto` chooses and why."""
    compute = choose_compute()
    cpu_free = free_memory_bytes(torch.device("cpu"))
    facts = collect_versions()
    facts |= {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "CPU": f"{psutil.cpu_count(logical=False) or '?'} cores, {torch.get_num_threads()} threads",
        "CPU multiplies bfloat16": "yes" if cpu_multiplies_bf16() else "no",
        "free memory": f"{cpu_free / 2**30:.1f} GiB",
        "GPUs": ", ".join(_gpus()) or "none that this torch can use",
        "device in use": str(compute.device),
        "precision in use": compute.precision,
        "because": compute.reason,
    }
    return Diagnosis(facts, tuple(_warnings()))


def _gpus() -> list[str]:
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return [*names, "Apple GPU (MPS)"] if torch.backends.mps.is_available() else names


def _warnings() -> list[str]:
    if torch.version.cuda is None and shutil.which("nvidia-smi") is not None:
        return [
            "there is an NVIDIA driver, but this torch is a build for the CPU only; the README "
            "says how to install a CUDA build"
        ]
    if torch.version.cuda is not None and not torch.cuda.is_available():
        return [
            f"this torch is built for CUDA {torch.version.cuda}, but sees no GPU; check the driver "
            "with nvidia-smi"
        ]
    return []
