"""How long a benchmark will take: its plan in three lines before the first run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cellenhance.progress import describe_time
from cellenhance.tasks.benchmark.plan import BenchmarkPlan, BenchmarkRun, RunStatus
from cellenhance.tasks.train.draft import draft_run
from cellenhance.tasks.train.plan import LONG_S, RunPlan, plan_of
from cellenhance.tasks.train.requests import TrainRequest
from cellenhance.texts import counted

_QUICKER = "; quicker: fewer --epochs, --seeds or --folds, or several machines on one folder"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left of a benchmark.

    Attributes
    ----------
    runs : the plan of one run of each model that has runs to do
    seconds : of all runs that are left, validation included, scoring not; begun ones count whole
    lines : both, for people
    """

    runs: dict[str, RunPlan]
    seconds: float
    lines: tuple[str, ...]


def estimate(plan: BenchmarkPlan) -> Estimate:
    """Return how long the runs that are left take, by a few timed steps of each model."""
    left = [run for run in plan.runs if run.status is not RunStatus.FINISHED]
    runs: dict[str, RunPlan] = {}
    with _each_run_says_it_again():
        for run in left:
            if run.model not in runs:
                runs[run.model] = plan_of(draft_run(_as_new(run, plan)))
    shares = {
        name: sum(run.model == name for run in left) * each.seconds for name, each in runs.items()
    }
    seconds = sum(shares.values())
    return Estimate(runs, seconds, _lines(plan, runs, shares) if runs else ())


def _as_new(run: BenchmarkRun, plan: BenchmarkPlan) -> TrainRequest:
    # A copy at a lower dose may not be there yet; its images have the sizes of the original's.
    return run.request.model_copy(update={"dataset": plan.request.dataset, "resume": False})


def _lines(
    plan: BenchmarkPlan, runs: dict[str, RunPlan], shares: dict[str, float]
) -> tuple[str, ...]:
    first = next(iter(runs.values()))
    models = ", ".join(f"{name} ({each.n_parameters:,} parameters)" for name, each in runs.items())
    n_left = sum(run.status is not RunStatus.FINISHED for run in plan.runs)
    parts = ", ".join(f"{name} {describe_time(each)}" for name, each in shares.items())
    seconds = sum(shares.values())
    time = f"{describe_time(seconds)} on this {first.device_kind}"
    time += f" ({parts})" if len(shares) > 1 else ""
    time += _QUICKER if seconds >= LONG_S else ""
    return (
        f"{n_left} of {counted(len(plan.runs), 'run')} to do: {models}, on {first.device}",
        f"each: {first.lines[1]}",
        time,
    )


@contextmanager
def _each_run_says_it_again() -> Iterator[None]:
    """Keep back what every run will say of the dataset and the batch when it is made."""
    logger = logging.getLogger("cellenhance.tasks.train")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
