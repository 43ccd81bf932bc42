"""Train a model on a dataset: one run, or one for each fold of a split."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cellenhance.data.dataset.manifest import load_dataset
from cellenhance.data.dataset.splits import load_split
from cellenhance.errors import SettingsError
from cellenhance.progress import ProgressCallback, silent
from cellenhance.tasks.train.draft import draft_run
from cellenhance.tasks.train.log import Watch, unwatched
from cellenhance.tasks.train.plan import RunPlan, plan_of
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.tasks.train.run import TrainResult, train_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """What would be trained: the number of runs, and the first of them."""

    n_runs: int
    run: RunPlan

    @property
    def seconds(self) -> float:
        """Return what all runs take together."""
        return self.n_runs * self.run.seconds


def train(
    request: TrainRequest,
    watch: Watch = unwatched,
    progress: ProgressCallback = silent,
) -> tuple[TrainResult, ...]:
    """Train to the end of the recipe; one result for each fold that was asked for.

    Parameters
    ----------
    watch : called with the name of each run, gives what receives its reports while it trains

    Raises
    ------
    SettingsError, DatasetError, CatalogError, DeviceError, OutputExistsError
        As `train_run`; or the split has several folds and none was chosen.
    InterruptedRunError, TerminatedRunError
        Ctrl-C or SIGTERM came; the state was saved first.
    """
    results = []
    for each in runs_of(request):
        with watch(each.output.name) as report:
            results.append(train_run(each, report, progress, tell=_log_plan))
        logger.info("%s", results[-1].summary)
    return tuple(results)


def plan_training(request: TrainRequest) -> TrainPlan:
    """Return what `train` would do, with a few steps of the first run timed; writes nothing."""
    runs = runs_of(request)
    return TrainPlan(len(runs), plan_of(draft_run(runs[0])))


def _log_plan(plan: RunPlan) -> None:
    for line in plan.lines:
        logger.info("%s", line)


def runs_of(request: TrainRequest) -> list[TrainRequest]:
    """Return one request for each run: the one that is asked for, or one per fold in fold-K.

    Raises
    ------
    SettingsError
        The split has several folds and none was chosen, or the fold does not exist.
    """
    name, fold = request.split, request.fold
    n_folds = load_split(load_dataset(request.dataset), name).n_folds
    if fold == "all":
        return [
            request.model_copy(update={"fold": k, "output": request.output / f"fold-{k}"})
            for k in range(1, n_folds + 1)
        ]
    if fold is None and n_folds > 1:
        raise SettingsError(
            f"split '{name}' has {n_folds} folds; choose one with --fold K or all of them with "
            "--fold all"
        )
    if fold is not None and not 1 <= fold <= n_folds:
        raise SettingsError(f"--fold {fold}: split '{name}' has the folds 1 to {n_folds}, or all")
    return [request]
