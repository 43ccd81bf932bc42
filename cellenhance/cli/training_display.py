"""Progress of a training run on the terminal: a bar over all steps, a line for every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cellenhance.cli import console
from cellenhance.progress import format_duration

if TYPE_CHECKING:
    from cellenhance.engine.training.records import EpochReport, StepReport

_LINE_EVERY_S = 300.0
"""How often a run without a terminal tells within a long epoch how far it is."""


@contextmanager
def training_display(
    title: str, *, epoch_lines: bool = True, clock: Callable[[], float] = time.perf_counter
) -> Iterator[Callable[[StepReport | EpochReport], None]]:
    """Yield the report callback of a run; without a terminal lines take the place of the bar."""
    from cellenhance.engine.training.records import EpochReport

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    shown = console.err.is_terminal and not console.is_quiet()
    with Progress(*columns, console=console.err, transient=True, disable=not shown) as bars:
        bar = bars.add_task(title, total=None)
        lines = _Lines(clock)

        def report(event: StepReport | EpochReport) -> None:
            if isinstance(event, EpochReport):
                line = lines.of_epoch(event)
                if epoch_lines:
                    console.note(line)
                return
            loss = "" if event.loss is None else f", loss {event.loss:.4f}"
            description = f"{title}: epoch {event.epoch}/{event.n_epochs}{loss}"
            bars.update(
                bar,
                total=event.n_epochs * event.n_steps,
                completed=(event.epoch - 1) * event.n_steps + event.step,
                description=description,
            )
            line = lines.of_step(event)
            if line and not shown:
                console.note(f"{description}{line}")

        yield report


class _Lines:
    """The lines of a run, each with the time that is left at the speed so far."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = self._told = clock()
        self._begun_at: float | None = None  # in epochs; a resumed run begins in the middle

    def of_step(self, event: StepReport) -> str:
        """Return how far the run is, or "" while the last line is not long ago."""
        position = event.epoch - 1 + event.step / event.n_steps
        if self._begun_at is None:
            self._begun_at = position - 1 / event.n_steps
        if self._clock() - self._told < _LINE_EVERY_S:
            return ""
        return f", step {event.step}/{event.n_steps}" + self._left(position, event.n_epochs)

    def of_epoch(self, event: EpochReport) -> str:
        """Return loss, mIoU and IoU per class in percent, speed, and time, gone and left."""
        parts = [f"epoch {event.epoch}/{event.n_epochs}", f"loss {event.losses['total']:.4f}"]
        if event.scores is not None:
            pooled = event.scores.pooled
            classes = ", ".join(f"{name} {100 * value:.1f}" for name, value in pooled.iou.items())
            parts.append(f"val mIoU {100 * pooled.miou:.2f} ({classes})")
        parts.append(f"{event.n_images / max(event.train_seconds, 1e-9):.1f} images/s")
        elapsed = format_duration(self._clock() - self._started)
        parts.append(elapsed + self._left(event.epoch, event.n_epochs))
        return "  ".join(parts) + ("  best" if event.is_best else "")

    def _left(self, position: float, n_epochs: int) -> str:
        self._told = self._clock()
        if self._begun_at is None or position >= n_epochs:
            return ""
        speed = (self._told - self._started) / (position - self._begun_at)
        return f", about {format_duration(speed * (n_epochs - position))} left"
