"""Train one model on one fold of a dataset: a request becomes a run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.engine.device import Compute
from cellenhance.engine.training.interruption import ERRORS, deferred_signals
from cellenhance.engine.training.settings import first_difference, recorded_settings
from cellenhance.errors import (
    CheckpointError,
    OutputExistsError,
    PausedRunError,
    SettingsError,
)
from cellenhance.networks.complexity import count_parameters
from cellenhance.progress import ProgressCallback, silent
from cellenhance.runs import folder as run_folder
from cellenhance.runs.folder import RunFolder, RunRecord
from cellenhance.runs.header import TrainingState
from cellenhance.runs.lock import LOCK_FILE, locked
from cellenhance.tasks.train.log import Report, RunLog
from cellenhance.tasks.train.memory import estimate_bytes
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.setup import PreparedRun, prepare_run

logger = logging.getLogger(__name__)

_TIMED_STEPS = 3
_OUT_OF_TIME = -1
"""Stands among the numbers of signals for the caller's own reason to pause."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run would do: the numbers that ``--dry-run`` prints."""

    n_parameters: int
    n_train: int
    n_val: int
    n_steps_per_epoch: int
    n_epochs: int
    memory_bytes: int
    seconds_per_step: float
    compute: Compute


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
        epochs = "epoch" if self.n_epochs == 1 else "epochs"
        best = "" if self.best_miou is None else f" (validation mIoU {100 * self.best_miou:.2f} %)"
        return (
            f"{self.n_epochs} {epochs}, {self.stopped_because}; best is epoch "
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
) -> TrainResult:
    """Train to the end of the recipe and return what came of it.

    Parameters
    ----------
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
    prepared = prepare_run(request, progress)
    with locked(folder.root):
        state = _start_state(prepared, request)
        if state.finished:
            logger.info("%s is finished already (%s)", folder.root, state.stopped_because)
            return _result(folder, state)
        log = RunLog(folder, prepared.record, report)
        with deferred_signals() as received:
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
    return _result(folder, state)


def plan_run(request: TrainRequest, progress: ProgressCallback = silent) -> RunPlan:
    """Return what `train_run` would do, with a few steps timed; writes nothing."""
    prepared = prepare_run(request, progress)
    trainer = prepared.trainer
    recipe = trainer.plan.recipe
    trainer.network.train()
    trainer.train_step(1, 0)
    started = time.perf_counter()
    for step in range(_TIMED_STEPS):
        float(trainer.train_step(1, step % trainer.n_steps)[0]["total"])
    seconds = (time.perf_counter() - started) / _TIMED_STEPS
    return RunPlan(
        n_parameters=count_parameters(trainer.network),
        n_train=prepared.record.n_train,
        n_val=prepared.record.n_val,
        n_steps_per_epoch=trainer.n_steps,
        n_epochs=recipe.epochs,
        memory_bytes=estimate_bytes(
            trainer.network, recipe, max(mask.size for mask in trainer.data.images.masks)
        ),
        seconds_per_step=seconds,
        compute=trainer.plan.compute,
    )


def _check_output(folder: RunFolder, request: TrainRequest) -> None:
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
            f"{folder.root}: is not empty and no run of ours; choose another -o"
        )


def _start_state(prepared: PreparedRun, request: TrainRequest) -> TrainingState:
    """Return the counters to start from, and bring the folder into the state they describe."""
    folder, record = prepared.folder, prepared.record
    if request.resume and folder.record_path.exists():
        _check_same_run(run_folder.read_record(folder), record, folder)
        if folder.last_path.is_file():
            state = prepared.trainer.resume()
            for path in (folder.metrics_path, folder.timing_path):
                run_folder.cut_back(path, state.epoch - 1)
            if not state.finished:
                logger.info("going on in epoch %d at step %d", state.epoch, state.step)
            return state
        logger.info("%s has no checkpoint yet: starting over", folder.root)
    for path in (folder.metrics_path, folder.timing_path, folder.last_path, folder.best_path):
        path.unlink(missing_ok=True)
    run_folder.write_record(folder, record)
    return TrainingState()


def _check_same_run(old: RunRecord, new: RunRecord, folder: RunFolder) -> None:
    difference = first_difference(recorded_settings(old), recorded_settings(new))
    if difference is None and old.initialised_from != new.initialised_from:
        difference = f"--init-from: {old.initialised_from}, now {new.initialised_from}"
    if difference is None and old.dataset_identity != new.dataset_identity:
        difference = "the dataset or its split has changed"
    if difference is not None:
        raise CheckpointError(
            f"{folder.record_path}: the run was started otherwise ({difference}); repeat the "
            f"first command with --resume: {old.command_line}"
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
