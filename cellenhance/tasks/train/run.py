"""Train one model on one fold of a dataset: a request becomes a run folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.engine.checkpoints import load_state
from cellenhance.engine.training.interruption import ERRORS, deferred_signals
from cellenhance.errors import (
    OutputExistsError,
    PausedRunError,
    SettingsError,
)
from cellenhance.progress import ProgressCallback, format_duration, silent
from cellenhance.runs import folder as run_folder
from cellenhance.runs.folder import RunFolder, RunRecord
from cellenhance.runs.header import TrainingState
from cellenhance.runs.lock import LOCK_FILE, locked
from cellenhance.runs.samples import write_used_samples
from cellenhance.tasks.train.draft import RunDraft, draft_run
from cellenhance.tasks.train.log import Report, RunLog
from cellenhance.tasks.train.plan import RunPlan, plan_of
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.setup import PreparedRun, prepare_run
from cellenhance.texts import counted

logger = logging.getLogger(__name__)

_LATE = 1.1
"""How far beyond its time limit a run must come to be reported."""
_OUT_OF_TIME = -1
"""Stands among the numbers of signals for the caller's own reason to pause."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a finished run came to."""

    folder: Path
    n_epochs: int
    best_epoch: int
    best_miou: float | None
    stopped_because: str

    @property
    def summary(self) -> str:
        """Say in a line what came of the run."""
        best = "" if self.best_miou is None else f" (validation mIoU {100 * self.best_miou:.2f} %)"
        return (
            f"{counted(self.n_epochs, 'epoch')}, {self.stopped_because}; best is epoch "
            f"{self.best_epoch}{best}; run in {self.folder}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return what ``train --json`` prints of a run."""
        return {
            "run": str(self.folder),
            "epochs": self.n_epochs,
            "best_epoch": self.best_epoch,
            "best_validation_miou": self.best_miou,
            "stopped_because": self.stopped_because,
        }


def train_run(
    request: TrainRequest,
    report: Report = lambda _: None,
    progress: ProgressCallback = silent,
    out_of_time: Callable[[], bool] = lambda: False,
    tell: Callable[[RunPlan], None] | None = None,
) -> TrainResult:
    """Train to the end of the recipe and return what came of it.

    Parameters
    ----------
    tell : is given the plan before the first step, for which a few steps are timed
    out_of_time : asked after every step; True pauses the run where it is, as Ctrl-C does

    Raises
    ------
    OutputExistsError
        The folder holds a run and neither resume nor overwrite was asked for.
    SettingsError, DatasetError, CatalogError, DeviceError
        The request does not fit the data, the catalogue or the machine.
    InterruptedRunError, TerminatedRunError
        Ctrl-C or SIGTERM came; the state was saved first.
    PausedRunError
        `out_of_time` said so; the state was saved first.
    """
    folder = RunFolder(request.output)
    _check_output(folder, request)
    draft = draft_run(request)
    is_over = _is_over(draft)
    if tell is not None and not is_over:
        tell(plan_of(draft))
    prepared = prepare_run(draft, progress)
    with locked(folder.root):
        if is_over:
            state = load_state(folder.last_path)
            logger.info("%s is finished already (%s)", folder.root, state.stopped_because)
            return _result(folder, state)
        state = _start_state(prepared)
        with RunLog(folder, prepared.record, report) as log, deferred_signals() as received:
            state = prepared.trainer.fit(
                state, log, lambda: received() or (_OUT_OF_TIME if out_of_time() else None)
            )
            number = received()
    if number is not None and state.finished:
        # It came in the last validation: what calls us must stop all the same.
        raise ERRORS[number](
            f"stopped; the training in {folder.root} had just finished and is saved"
        )
    if state.stopped_because is None:
        error = PausedRunError if number is None else ERRORS[number]
        raise error(
            f"stopped in epoch {state.epoch} after step {state.step}, state saved in "
            f"{folder.last_path}; go on with --resume"
        )
    _report_lateness(prepared.record, state)
    return _result(folder, state)


def _check_output(folder: RunFolder, request: TrainRequest) -> None:
    if request.accept_changed_data and not request.resume:
        raise SettingsError("--accept-changed-data goes with --resume: a new run takes any data")
    if request.resume and request.overwrite:
        raise SettingsError("--resume and --overwrite contradict each other; give one of them")
    if folder.record_path.exists() and not (request.resume or request.overwrite):
        raise OutputExistsError(
            f"{folder.root}: holds a run already; go on with --resume, replace it with "
            "--overwrite, or choose another -o"
        )
    if (
        not folder.record_path.exists()
        and folder.root.is_dir()
        and any(each.name != LOCK_FILE for each in folder.root.iterdir())
    ):
        raise OutputExistsError(
            f"{folder.root}: is not empty and is not a run folder; choose another -o"
        )


def _is_over(draft: RunDraft) -> bool:
    """Tell whether nothing is left to do: a finished run that is not to be continued."""
    former = draft.former
    return former is not None and former.is_finished and draft.continued == former.record.continued


def _start_state(prepared: PreparedRun) -> TrainingState:
    """Return the counters to start from, and bring the folder into the state they describe."""
    folder, record, former = prepared.draft.folder, prepared.record, prepared.draft.former
    if former is not None and former.state is not None:
        state = prepared.trainer.resume()
        # The record before the hashes: what was accepted is recorded whenever a kill comes.
        if record != former.record:
            run_folder.write_record(folder, record)
        write_used_samples(folder.samples_path, prepared.used)
        for path in (folder.metrics_path, folder.timing_path):
            run_folder.cut_back(path, state.epoch - 1)
        logger.info("going on in epoch %d at step %d%s", state.epoch, state.step, _anew(prepared))
        return state
    if former is not None:
        logger.info("%s has no checkpoint yet: starting over", folder.root)
    for path in (folder.metrics_path, folder.timing_path, folder.last_path, folder.best_path):
        path.unlink(missing_ok=True)
    run_folder.write_record(folder, record)
    write_used_samples(folder.samples_path, prepared.used)
    return TrainingState()


def _anew(prepared: PreparedRun) -> str:
    """Return what there is to say of a continued run's schedule."""
    if not prepared.record.continued:
        return ""
    last, plan = prepared.record.continued[-1], prepared.trainer.plan
    names = " x ".join(each.name for each in plan.recipe.schedule)
    return (
        f"; a new {names} schedule runs from a rate of {last.learning_rate:g} over the epochs "
        f"{last.first_epoch} to {plan.recipe.epochs}"
    )


def _report_lateness(record: RunRecord, state: TrainingState) -> None:
    budget = record.time_budget
    if budget is not None and state.seconds > max(_LATE * budget.limit_s, budget.limit_s + 60):
        logger.warning(
            "training took %s, the time limit was %s: steps took longer than when they were "
            "measured",
            format_duration(state.seconds),
            format_duration(budget.limit_s),
        )


def _result(folder: RunFolder, state: TrainingState) -> TrainResult:
    assert state.best_epoch is not None
    assert state.stopped_because is not None
    return TrainResult(
        folder=folder.root,
        n_epochs=state.epoch - 1,
        best_epoch=state.best_epoch,
        best_miou=state.best_miou,
        stopped_because=state.stopped_because,
    )
