"""What a run would do and how long that takes: three lines before the first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cellenhance.catalog import Catalog, load_catalog
from cellenhance.networks.complexity import count_flops, count_parameters
from cellenhance.networks.registry import build_network
from cellenhance.progress import describe_time, format_duration
from cellenhance.tasks.train.draft import RunDraft
from cellenhance.tasks.train.memory import estimate_bytes
from cellenhance.texts import counted

LONG_S = 600.0
"""From here on the plan names what would be quicker."""
_LIGHT = "light-unet"
_WORTH_NAMING = 1.5
"""How many times lighter a model must be to be named as the quicker one."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The numbers of a run before its first step.

    Attributes
    ----------
    first_epoch, n_epochs : the epoch that comes next (from 1) and the last one
    memory_bytes : what training takes at most
    start : name of the file of weights that the network starts from; None for random ones
    seconds_per_step, seconds : measured, and from it for all that is left, validation included
    quicker : what would take less time; empty where the run is short
    limit_s, n_asked_epochs : the time limit that the epochs were fitted to, and what was asked
    """

    model: str
    recipe_name: str
    n_parameters: int
    n_train: int
    n_val: int
    crop_px: int | None
    batch_size: int
    n_steps_per_epoch: int
    first_epoch: int
    n_epochs: int
    memory_bytes: int
    seconds_per_step: float
    seconds: float
    device: str
    device_kind: str
    start: str | None
    quicker: tuple[str, ...]
    limit_s: float | None
    n_asked_epochs: int

    @property
    def lines(self) -> tuple[str, str, str]:
        """Return the plan in three lines: model and device, data and schedule, time."""
        part = "whole images" if self.crop_px is None else f"crops of {self.crop_px} px"
        epochs = counted(self.n_epochs, "epoch")
        if self.first_epoch > 1:
            is_over = self.first_epoch > self.n_epochs
            epochs = f"epochs {self.first_epoch} to {self.n_epochs}" if not is_over else "all done"
        start = f" from {self.start}" if self.start else ""
        return (
            f"{self.model} ({self.n_parameters:,} parameters){start}, recipe "
            f"'{self.recipe_name}', on {self.device}",
            f"{counted(self.n_train, 'training image')}, "
            f"{counted(self.n_val, 'validation image')}; {part} in batches of {self.batch_size}, "
            f"{counted(self.n_steps_per_epoch, 'step')} per epoch, {epochs}",
            self._time(),
        )

    def _time(self) -> str:
        text = f"{describe_time(self.seconds)} on this {self.device_kind}"
        if self.limit_s is not None:
            text += (
                f", within the time limit of {format_duration(self.limit_s)}: {self.n_epochs} of "
                f"{counted(self.n_asked_epochs, 'epoch')}"
            )
        return f"{text}; quicker: {', '.join(self.quicker)}" if self.quicker else text

    def to_json(self) -> dict[str, Any]:
        """Return what ``train --dry-run --json`` prints of a run."""
        return {
            "model": self.model,
            "recipe": self.recipe_name,
            "parameters": self.n_parameters,
            "training images": self.n_train,
            "validation images": self.n_val,
            "steps per epoch": self.n_steps_per_epoch,
            "epochs": self.n_epochs,
            "memory, GiB, at most": round(self.memory_bytes / 2**30, 2),
            "seconds per step, measured": round(self.seconds_per_step, 4),
            "minutes per run": round(self.seconds / 60, 1),
            "device": self.device,
            "start": self.start,
        }


def plan_of(draft: RunDraft) -> RunPlan:
    """Return the plan of a draft; steps are timed where its pace is not known yet."""
    measured = draft.with_pace()
    pace, recipe, former = measured.pace, draft.settings.recipe, draft.former
    assert pace is not None
    n_done = former.state.epoch - 1 if former is not None and former.state is not None else 0
    seconds = pace.seconds(max(0, recipe.epochs - n_done), draft.n_steps)
    kind = {"cpu": "CPU", "cuda": "GPU"}.get(draft.compute.device.type, "device")
    return RunPlan(
        model=draft.settings.model.name,
        recipe_name=draft.settings.recipe_name,
        n_parameters=count_parameters(draft.network),
        n_train=len(draft.train_ids),
        n_val=len(draft.val_ids),
        crop_px=recipe.crop_px,
        batch_size=recipe.batch_size,
        n_steps_per_epoch=draft.n_steps,
        first_epoch=n_done + 1,
        n_epochs=recipe.epochs,
        memory_bytes=estimate_bytes(draft.network, recipe, draft.shapes.largest_px),
        seconds_per_step=pace.step_s,
        seconds=seconds,
        device=draft.compute.reason,
        device_kind=kind,
        start=draft.start_name,
        quicker=_quicker_ways(draft, kind) if seconds >= LONG_S else (),
        limit_s=None if draft.budget is None else draft.budget.limit_s,
        n_asked_epochs=draft.asked.recipe.epochs,
    )


def _quicker_ways(draft: RunDraft, kind: str) -> tuple[str, ...]:
    ways = []
    if draft.former is None and draft.budget is None:
        ways.append("--time-limit 30m (the schedule is fitted to it)")
    catalog = load_catalog(draft.request.recipe.models)
    times = _times_lighter(draft, catalog)
    if times >= _WORTH_NAMING:
        ways.append(f"-m {_LIGHT} (about {times:.0f} times)")
    if kind == "CPU":
        ways.append("a GPU")
    return tuple(ways)


def _times_lighter(draft: RunDraft, catalog: Catalog) -> float:
    """Return how much less the light U-Net computes than the model of the draft."""
    network = draft.network
    light = build_network(catalog.resolve(_LIGHT), network.in_channels, network.n_classes)
    return count_flops(network) / count_flops(light)
