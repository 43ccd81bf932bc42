"""Options of everything that computes: the device, the number format, the size of tiles."""

from __future__ import annotations

from typing import ClassVar, Literal

from cellenhance.options import Options, option


class DeviceOptions(Options):
    """Where to compute."""

    title: ClassVar[str] = "Compute"

    device: str = option(
        "auto", "auto, cpu, cuda, cuda:N (GPU N, from 0) or mps.", metavar="DEVICE"
    )


class ComputeOptions(DeviceOptions):
    """Where to compute, and in which number format."""

    precision: Literal["auto", "fp32", "bf16", "fp16"] = option(
        "auto",
        "Number format inside the networks: auto, fp32, bf16 or fp16.",
        metavar="PRECISION",
    )


class TilingOptions(Options):
    """How an image that is large is cut; both in pixels of the image."""

    title: ClassVar[str] = "Tiles"

    tile: int | None = option(
        None,
        "Side in pixels of the part of each tile that is kept.",
        limits={"ge": 32},
        unset="from the free memory",
    )
    overlap: int | None = option(
        None,
        "Pixels of context around the part that is kept.",
        limits={"ge": 0},
        unset="what the network sees",
    )
