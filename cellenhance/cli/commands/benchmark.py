"""``cellenhance benchmark``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.cli.training_display import training_display
from cellenhance.tasks.benchmark.requests import BenchmarkRequest
from cellenhance.texts import counted

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cellenhance.tasks.benchmark.benchmark import BenchmarkResult
    from cellenhance.tasks.train.log import Report


@command
def benchmark(
    request: BenchmarkRequest, dry_run: options.DryRun = False, json: options.Json = False
) -> None:
    """Compare models over folds and seeds: the tables of a paper, with intervals.

    Every run has its own folder under FOLDER/runs. The same command goes on after a stop or a kill:
    finished runs are kept, a begun one goes on exactly. Differences to the first model are paired:
    the same test images are drawn for both, whole groups together.

    Example: cellenhance benchmark data/liver -m unet,aep --folds all --seeds 3 -o bench
    """
    if dry_run:
        _show_plan(request, json=json)
    else:
        _run(request, json=json)


def _show_plan(request: BenchmarkRequest, *, json: bool) -> None:
    from cellenhance.tasks.benchmark.benchmark import plan_only
    from cellenhance.tasks.benchmark.plan import RunStatus

    plan, needed = plan_only(request)
    values: dict[str, object] = {
        "conditions": ", ".join(each.name for each in plan.conditions),
        "models": ", ".join(plan.request.model),
        "folds": ", ".join(map(str, plan.folds)),
        "seeds": ", ".join(map(str, plan.seeds)),
        "runs": len(plan.runs),
    }
    values |= {f"runs {status.value}": plan.count(status) for status in RunStatus}
    if json:
        console.print_json(values | {"minutes": round(needed.seconds / 60, 1)})
        return
    rows = [[name, str(value)] for name, value in values.items()]
    if needed.lines:
        rows += [list(each) for each in zip(("to do", "data", "time"), needed.lines, strict=True)]
    console.print_table("Plan; nothing was written", ["", "value"], rows, numeric_from=2)


def _run(request: BenchmarkRequest, *, json: bool) -> None:
    from cellenhance.tasks.benchmark.benchmark import benchmark as task

    def watch(name: str) -> AbstractContextManager[Report]:
        return training_display(name, epoch_lines=False)

    result = task(request, console.note, watch)
    if json:
        console.print_json(result.to_json())
    else:
        _show(result)
    _close(result)


def _show(result: BenchmarkResult) -> None:
    for marked in result.summary.marked():
        console.show(marked.table, "")
        for line in marked.table.notes:
            console.note(f"- {line}")
    if not result.summary.tables:
        console.note("no fold is finished by every model yet: there is no table")


def _close(result: BenchmarkResult) -> None:
    """Say what stands; exit code 4 where something is missing."""
    from cellenhance.errors import PartlyDoneError

    total = len(result.plan.runs)
    root = result.plan.request.output
    names = ", ".join(path.relative_to(root).as_posix() for path in result.paths)
    console.note(f"{names} in {root}")
    done = f"{len(result.scored)} of {counted(total, 'run')} finished"
    if result.failed:
        raise PartlyDoneError(f"{done}, {len(result.failed)} failed, {result.n_left} left")
    if result.n_left:
        raise PartlyDoneError(
            f"{done}, {result.n_left} left (out of time, or another process is working on them); "
            "the same command goes on"
        )
    console.note(done)
