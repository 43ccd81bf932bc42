"""Progress of a training run on the terminal: a bar over all steps, a line for every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cellenhance.cli import console

if TYPE_CHECKING:
    from cellenhance.engine.training.records import EpochReport, StepReport


@contextmanager
def training_display(
    title: str, *, epoch_lines: bool = True
) -> Iterator[Callable[[StepReport | EpochReport], None]]:
    """Yield the report callback of a run; without a terminal only the epoch lines are shown."""
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
        started = time.perf_counter()

        def report(event: StepReport | EpochReport) -> None:
            if isinstance(event, EpochReport):
                if epoch_lines:
                    console.note(_epoch_line(event, time.perf_counter() - started))
                return
            loss = "" if event.loss is None else f", loss {event.loss:.4f}"
            bars.update(
                bar,
                total=event.n_epochs * event.n_steps,
                completed=(event.epoch - 1) * event.n_steps + event.step,
                description=f"{title}: epoch {event.epoch}/{event.n_epochs}{loss}",
            )

        yield report


def _epoch_line(event: EpochReport, seconds: float) -> str:
    """Return one line: loss, mIoU and IoU per class in percent, speed, elapsed time."""
    parts = [f"epoch {event.epoch}/{event.n_epochs}", f"loss {event.losses['total']:.4f}"]
    if event.scores is not None:
        pooled = event.scores.pooled
        classes = ", ".join(f"{name} {100 * value:.1f}" for name, value in pooled.iou.items())
        parts.append(f"val mIoU {100 * pooled.miou:.2f} ({classes})")
    parts.append(f"{event.n_images / max(event.train_seconds, 1e-9):.1f} images/s")
    parts.append(f"{seconds:.0f} s")
    return "  ".join(parts) + ("  best" if event.is_best else "")
