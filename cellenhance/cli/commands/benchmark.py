"""``cellenhance benchmark``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.cli.training_display import training_display

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cellenhance.tasks.benchmark.benchmark import BenchmarkResult
    from cellenhance.tasks.benchmark.plan import BenchmarkRequest
    from cellenhance.tasks.train.log import Report


@command
def benchmark(
    dataset: options.DatasetFolder,
    output: options.Output,
    models: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            metavar="A,B,C",
            help="Models of the catalogue; differences are to the first (default: the protocol's).",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME",
            show_default=False,
            help="Models, recipe and metrics of a publication, its numbers printed beside ours: "
            "aep-liver, aep-irpe, isbi2012, flmi or micro-objects.",
        ),
    ] = None,
    split: options.Split = None,
    folds: Annotated[
        str, typer.Option("--folds", metavar="all|K,K", help="Folds of the split.")
    ] = "all",
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Runs of each model and fold, averaged first.")
    ] = 1,
    seed: options.Seed = 0,
    subset: Annotated[str, typer.Option("--subset", help="test, or val while trying out.")] = (
        "test"
    ),
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="One recipe for all (default: each model's).", show_default=False
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Epochs (default: the recipe's).", show_default=False),
    ] = None,
    batch_size: options.BatchSize = None,
    set_: options.Set = None,
    models_file: options.Models = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="A,B",
            show_default=False,
            help="Further metrics, as evaluate --metrics: means over images, then over folds.",
        ),
    ] = None,
    photons: Annotated[
        str | None,
        typer.Option(
            "--photons",
            metavar="N,N",
            show_default=False,
            help="Repeat everything on copies of so many photons a pixel at the images' 99th "
            "percentile, such as 100,30,10.",
        ),
    ] = None,
    iou_floor: Annotated[
        float | None,
        typer.Option(
            "--iou-floor",
            min=0,
            max=1,
            show_default=False,
            help="With --photons: the mIoU, 0 to 1, whose loss is looked for (default: 0.9 times "
            "the first model's on the data as it is).",
        ),
    ] = None,
    probing: Annotated[
        bool,
        typer.Option(
            "--probing",
            help="Score U-Net and U-Net++ again without the deep maps of each decoder level.",
        ),
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Draw figures, too: scores, and accuracy by dose.")
    ] = False,
    max_hours: Annotated[
        float | None,
        typer.Option(
            "--max-hours",
            min=0,
            show_default=False,
            help="Pause after this many hours, in the middle of a run too; the same command goes "
            "on.",
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace runs made with other settings or data.")
    ] = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Compare models over folds and seeds: the tables of a paper, with intervals.

    Every run has its own folder under DIR/runs. The same command goes on after a stop or a kill:
    finished runs are kept, a begun one goes on exactly. Differences to the first model are paired:
    the same test images are drawn for both, whole groups together.

    Example: cellenhance benchmark data/liver -m unet,aep --folds all --seeds 3 -o bench
    """
    from cellenhance.data.dataset.splits import DEFAULT_SPLIT
    from cellenhance.tasks.benchmark.plan import BenchmarkRequest
    from cellenhance.tasks.benchmark.protocols import apply_protocol

    request = BenchmarkRequest(
        dataset=dataset,
        models=_words(models),
        output=output,
        split=split or DEFAULT_SPLIT,
        folds=folds,
        n_seeds=seeds,
        seed=seed,
        subset=subset,
        recipe=recipe,
        epochs=epochs,
        batch_size=batch_size,
        assignments=tuple(set_ or ()),
        models_file=models_file,
        device=device,
        precision=precision,
        metrics=_words(metrics),
        photons=_numbers(photons),
        iou_floor=iou_floor,
        probing=probing,
        report=report,
        max_hours=max_hours,
        overwrite=overwrite,
    )
    if protocol is not None:
        request = apply_protocol(request, protocol)
    if dry_run:
        _show_plan(request, json=json)
    else:
        _run(request, json=json)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _numbers(text: str | None) -> tuple[float, ...]:
    """Return ``"100,30"`` as numbers above 0."""
    from cellenhance.errors import SettingsError

    try:
        values = tuple(float(word) for word in (text or "").split(",") if word.strip())
    except ValueError:
        values = (0.0,)
    if not all(0 < value < float("inf") for value in values):
        raise SettingsError(f"--photons {text}: expected numbers above 0, such as 100,30,10")
    return values


def _show_plan(request: BenchmarkRequest, *, json: bool) -> None:
    from cellenhance.tasks.benchmark.benchmark import plan_only
    from cellenhance.tasks.benchmark.plan import RunStatus

    plan = plan_only(request)
    values: dict[str, object] = {
        "conditions": ", ".join(each.name for each in plan.conditions),
        "models": ", ".join(request.models),
        "folds": ", ".join(map(str, plan.folds)),
        "seeds": ", ".join(map(str, plan.seeds)),
        "runs": len(plan.runs),
    }
    values |= {f"runs {status.value}": plan.count(status) for status in RunStatus}
    if json:
        console.print_json(values)
        return
    rows = [[name, str(value)] for name, value in values.items()]
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
    done = f"{len(result.scored)} of {total} runs finished"
    if result.failed:
        raise PartlyDoneError(f"{done}, {len(result.failed)} failed, {result.n_left} left")
    if result.n_left:
        raise PartlyDoneError(
            f"{done}, {result.n_left} left (out of time, or another process is at them); the same "
            "command goes on"
        )
    console.note(done)
