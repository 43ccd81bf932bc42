"""Models x folds x seeds on one dataset: every run in its own folder, then the tables.

It can be stopped and killed at any time: finished runs are found again, a begun one goes on from
its last checkpoint. Nothing is chosen on the scored images.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellenhance.errors import (
    BusyOutputError,
    CellEnhanceError,
    InterruptedRunError,
    PausedRunError,
    TerminatedRunError,
)
from cellenhance.progress import ProgressCallback, describe_time, format_duration, silent
from cellenhance.render.benchmark.dose_tables import dose_report
from cellenhance.render.benchmark.extra_tables import ExtraTable
from cellenhance.render.benchmark.tables import BenchmarkTable, MarkedTable
from cellenhance.tasks.benchmark.data import make_conditions
from cellenhance.tasks.benchmark.estimate import Estimate, estimate
from cellenhance.tasks.benchmark.files import (
    Summary,
    results_to_json,
    write_figures,
    write_results,
)
from cellenhance.tasks.benchmark.plan import (
    AS_IS,
    BenchmarkPlan,
    BenchmarkRun,
    as_it_stands,
    check_request,
    metric_names,
    plan_benchmark,
)
from cellenhance.tasks.benchmark.probing import probing_tables
from cellenhance.tasks.benchmark.protocols import apply_protocol, find_protocol, published_table
from cellenhance.tasks.benchmark.requests import BenchmarkRequest
from cellenhance.tasks.benchmark.run import ScoredRun, load_scored, make_scored
from cellenhance.tasks.benchmark.summary import (
    compared_runs,
    main_table,
    metric_table,
    part_tables,
)
from cellenhance.tasks.train.log import Watch, unwatched
from cellenhance.texts import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkResult:
    """What stands when a benchmark ends: at its goal, out of time, or with failed runs.

    `failed` holds the message of each failed run by its name.
    """

    plan: BenchmarkPlan
    scored: tuple[ScoredRun, ...]
    failed: Mapping[str, str]
    summary: Summary
    paths: tuple[Path, ...]

    @property
    def n_left(self) -> int:
        """Return the number of runs still to do."""
        return len(self.plan.runs) - len(self.scored) - len(self.failed)

    def to_json(self) -> dict[str, Any]:
        """Return what ``benchmark --json`` prints."""
        return results_to_json(self.plan, self.scored, self.failed, self.summary)


def plan_only(request: BenchmarkRequest) -> tuple[BenchmarkPlan, Estimate]:
    """Return what `benchmark` would do, and how long it would take; writes nothing.

    Degraded copies count as not made yet.
    """
    request = apply_protocol(request)
    check_request(request)
    plan = plan_benchmark(request, make_conditions(request, silent, write=False))
    return plan, estimate(plan)


def benchmark(
    request: BenchmarkRequest,
    announce: Callable[[str], None] = lambda _: None,
    watch: Watch = unwatched,
    progress: ProgressCallback = silent,
) -> BenchmarkResult:
    """Make every run that is not there yet, then write the tables of what is.

    Parameters
    ----------
    announce : called with the lines of the plan, then with one line after each run

    Raises
    ------
    SettingsError, DatasetError, CatalogError, OutputExistsError
        The request does not fit the data, the catalogue, or what the folder holds.
    InterruptedRunError, TerminatedRunError
        Ctrl-C or SIGTERM came; the run is saved and the tables of what is finished are written.
    """
    started = time.monotonic()
    limit_s = None if request.max_hours is None else 3600 * request.max_hours
    request = apply_protocol(request)
    check_request(request)
    plan = plan_benchmark(request, make_conditions(request, progress))
    for line in estimate(plan).lines:
        announce(line)
    work = _Work(plan, announce, watch, progress)
    try:
        work.run_all(lambda: limit_s is not None and time.monotonic() - started >= limit_s)
    finally:
        # Whatever ends it, what is finished is in the tables.
        result = work.write()
    return result


class _Work:
    """The runs of a plan as they get done."""

    def __init__(
        self,
        plan: BenchmarkPlan,
        announce: Callable[[str], None],
        watch: Watch,
        progress: ProgressCallback,
    ) -> None:
        self.plan = plan
        self.subset = plan.request.runs.subset
        self.metrics = metric_names(plan.request)
        self.announce = announce
        self.watch = watch
        self.progress = progress
        self.scored: dict[str, ScoredRun] = {}
        self.failed: dict[str, str] = {}

    def run_all(self, out_of_time: Callable[[], bool]) -> None:
        """Find what is done, do what is not, until the time is over."""
        for run in self.plan.runs:
            found = load_scored(run, self.subset, self.metrics)
            if found is not None:
                self.scored[run.name] = found
        if self.scored:
            self.announce(
                f"{len(self.scored)} of {counted(len(self.plan.runs), 'run')} finished already"
            )
        for run in self.plan.runs:
            if run.name in self.scored:
                continue
            if out_of_time():
                return
            # Another process may have made it in the meantime.
            found = load_scored(as_it_stands(run), self.subset, self.metrics)
            if found is not None:
                self.scored[run.name] = found
                continue
            try:
                self._make(run, out_of_time)
            except PausedRunError:
                return

    def _make(self, run: BenchmarkRun, out_of_time: Callable[[], bool]) -> None:
        try:
            with self.watch(run.name) as report:
                made = make_scored(
                    run, self.subset, self.metrics, report, self.progress, out_of_time
                )
        except (PausedRunError, InterruptedRunError, TerminatedRunError) as error:
            raise type(error)(
                f"{run.name}: stopped, its state is saved; the same command goes on"
            ) from error
        except BusyOutputError:
            self.announce(f"{run.name}: another process is working on it")
            return
        except CellEnhanceError as error:
            logger.error("%s: %s", run.name, error)
            self.failed[run.name] = str(error)
            return
        self.scored[run.name] = made
        done = len(self.scored) + len(self.failed)
        best = made.result.best_validation_miou
        told = "" if best is None else f"validation mIoU {100 * best:.2f} %, "
        seconds = made.result.training_s
        self.announce(
            f"{done}/{len(self.plan.runs)}  {run.name}: {told}{format_duration(seconds)} of "
            f"training{self._left()}"
        )

    def _left(self) -> str:
        """Return the time that is left, by the runs of the same model that are finished."""
        seconds = {
            model: [x.result.training_s for x in self.scored.values() if x.run.model == model]
            for model in self.plan.request.model
        }
        left = [x for x in self.plan.runs if x.name not in {*self.scored, *self.failed}]
        if not left or not all(seconds[run.model] for run in left):
            return ""
        total = sum(sum(seconds[run.model]) / len(seconds[run.model]) for run in left)
        return f", {describe_time(total)} left"

    def write(self) -> BenchmarkResult:
        """Write the tables of what is finished."""
        order = [run.name for run in self.plan.runs]
        scored: Sequence[ScoredRun] = [self.scored[name] for name in order if name in self.scored]
        request = self.plan.request
        summary = _summarise(self.plan, scored)
        paths = write_results(self.plan, scored, self.failed, summary)
        if request.tables.report:
            paths += write_figures(request.output, summary)
        return BenchmarkResult(self.plan, tuple(scored), self.failed, summary, paths)


def _summarise(plan: BenchmarkPlan, scored: Sequence[ScoredRun]) -> Summary:
    request = plan.request
    tables: list[BenchmarkTable] = []
    extra: list[ExtraTable] = []
    published: list[MarkedTable] = []
    for compared in compared_runs(plan, scored):
        tables.append(main_table(compared))
        metrics = metric_table(compared)
        extra += [metrics] if metrics else []
        extra += part_tables(compared)
        if request.tables.probing:
            extra += probing_tables(compared)
        if request.protocol and compared.condition.name == AS_IS:
            protocol = find_protocol(request.protocol)
            published.append(published_table(protocol, compared.classes, tables[-1], extra))
    dose = dose_report(tables, request.tables.iou_floor)
    return Summary(tuple(tables), tuple(extra), dose, tuple(published))
