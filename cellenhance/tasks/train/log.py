"""What a run writes after each epoch: rows of metrics.csv and timing.csv, the curves figure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

from cellenhance.engine.training.records import TOTAL, EpochReport, StepReport
from cellenhance.render.figures import save_figure
from cellenhance.render.report.curves import draw_curves
from cellenhance.runs import folder as run_folder
from cellenhance.runs.folder import RunFolder, RunRecord

Report: TypeAlias = Callable[[StepReport | EpochReport], None]
Watch: TypeAlias = Callable[[str], AbstractContextManager[Report]]
"""Called with the name of a run; yields what receives its reports while it trains."""


_DRAWN_EVERY_S = 20.0
"""Drawing takes half a second, as long as an epoch of a small set: it does not follow each one."""


def unwatched(_name: str) -> AbstractContextManager[Report]:
    """Return what receives the reports of a run that nobody looks at."""
    return nullcontext(lambda _: None)


class RunLog:
    """Writes each epoch's rows, and curves now and then, and passes the reports on.

    Leaving its context draws the curves of the last epoch.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        report: Report,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.record = record
        self.report = report
        self._clock = clock
        self._drawn_at = -math.inf
        self._is_drawn = True

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_drawn:
            self._draw()

    def __call__(self, event: StepReport | EpochReport) -> None:
        """Record a finished epoch; pass every event on."""
        if isinstance(event, EpochReport):
            run_folder.append_row(self.folder.metrics_path, _metrics_row(event, self.record))
            run_folder.append_row(self.folder.timing_path, _timing_row(event))
            self._is_drawn = False
            if self._clock() - self._drawn_at >= _DRAWN_EVERY_S:
                self._draw()
        self.report(event)

    def _draw(self) -> None:
        rows = run_folder.read_table(self.folder.metrics_path)
        save_figure(draw_curves(rows), self.folder.curves_path)
        self._drawn_at, self._is_drawn = self._clock(), True


def _metrics_row(event: EpochReport, record: RunRecord) -> dict[str, object]:
    row: dict[str, object] = {"epoch": event.epoch, "learning_rate": event.learning_rate}
    row |= {_loss_column(name): value for name, value in event.losses.items()}
    if event.scores is not None:
        pooled = event.scores.pooled
        row |= {"val_miou": pooled.miou, "val_mdice": pooled.mdice, "val_accuracy": pooled.accuracy}
        row |= {f"val_iou_{each.name}": pooled.iou[each.name] for each in record.classes}
        row |= {
            f"val_miou_{name.replace(' ', '_')}": scores.pooled.miou
            for name, scores in event.scores.branches.items()
        }
    return row | {"is_best": int(event.is_best)}


def _loss_column(name: str) -> str:
    return "loss" if name == TOTAL else f"{name.replace(' ', '_')}_loss"


def _timing_row(event: EpochReport) -> dict[str, object]:
    seconds = max(event.train_seconds, 1e-9)
    return {
        "epoch": event.epoch,
        "train_s": round(event.train_seconds, 3),
        "validation_s": round(event.validation_seconds, 3),
        "images_per_s": round(event.n_images / seconds, 3),
    }
