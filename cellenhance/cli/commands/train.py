"""``cellenhance train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.cli.training_display import training_display

if TYPE_CHECKING:
    from cellenhance.tasks.train.setup import TrainRequest


@command
def train(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.", show_default=False)],
    output: options.Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="A model of the catalogue: cellenhance models.")
    ] = "aep",
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="A recipe of the catalogue (default: the model's own).",
            show_default=False,
        ),
    ] = None,
    split: options.Split = None,
    fold: Annotated[
        str | None,
        typer.Option(
            "--fold",
            metavar="K|all",
            show_default=False,
            help="Fold of the split, from 1, or all of them in RUN/fold-K.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Epochs (default: the recipe's).", show_default=False),
    ] = None,
    batch_size: options.BatchSize = None,
    patience: Annotated[
        int | None,
        typer.Option(
            "--patience",
            min=1,
            show_default=False,
            help="Stop after this many epochs without a better validation mIoU.",
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            min=0,
            show_default=False,
            metavar="MINUTES",
            help="Stop after this many minutes of training, then validate and save.",
        ),
    ] = None,
    set_: options.Set = None,
    models_file: options.Models = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    init_from: Annotated[
        Path | None,
        typer.Option(
            "--init-from",
            show_default=False,
            help="Start from the weights in this .safetensors file: a checkpoint of ours, or an "
            "encoder with torchvision's names; -v lists every tensor.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the output folder.")
    ] = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
) -> None:
    """Train a model on a dataset.

    The best weights are those of the highest mIoU on all validation images (ties: the later epoch);
    test images are never looked at. Ctrl-C saves; --resume with the same command goes on exactly.

    Example: cellenhance train data/liver -m aep -o runs/aep --epochs 50
    """
    from cellenhance.data.dataset.splits import DEFAULT_SPLIT
    from cellenhance.tasks.train.setup import TrainRequest
    from cellenhance.tasks.train.train import folds_of

    request = TrainRequest(
        dataset=dataset,
        model=model,
        output=output,
        recipe=recipe,
        split=split or DEFAULT_SPLIT,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        time_limit_min=time_limit,
        seed=seed,
        device=device,
        precision=precision,
        assignments=tuple(set_ or ()),
        models_file=models_file,
        init_from=init_from,
        resume=resume,
        overwrite=overwrite,
    )
    requests = _requests(request, folds_of(dataset, request.split, fold), everything=fold == "all")
    if dry_run:
        _show_plan(requests, json)
        return
    results = [_train_one(each) for each in requests]
    if json:
        console.print_json(results if fold == "all" else results[0])


def _requests(
    request: TrainRequest, folds: list[int] | None, *, everything: bool
) -> list[TrainRequest]:
    from dataclasses import replace

    if folds is None:
        return [request]
    return [
        replace(
            request,
            fold=fold,
            output=request.output / f"fold-{fold}" if everything else request.output,
        )
        for fold in folds
    ]


def _train_one(request: TrainRequest) -> dict[str, Any]:
    from cellenhance.tasks.train.train import train as task

    with training_display(request.output.name) as report:
        result = task(request, report)
    best = "" if result.best_miou is None else f" (validation mIoU {100 * result.best_miou:.2f} %)"
    console.note(
        f"{result.n_epochs} epochs, {result.stopped_because}; best is epoch "
        f"{result.best_epoch}{best}; run in {result.folder}"
    )
    return {
        "run": str(result.folder),
        "epochs": result.n_epochs,
        "best_epoch": result.best_epoch,
        "best_validation_miou": result.best_miou,
        "stopped_because": result.stopped_because,
    }


def _show_plan(requests: list[TrainRequest], json: bool) -> None:
    from cellenhance.tasks.train.train import plan_training

    plan = plan_training(requests[0])
    seconds = plan.seconds_per_step * plan.n_steps_per_epoch * plan.n_epochs
    values = {
        "runs": len(requests),
        "parameters": plan.n_parameters,
        "training images": plan.n_train,
        "validation images": plan.n_val,
        "steps per epoch": plan.n_steps_per_epoch,
        "epochs": plan.n_epochs,
        "memory, GiB, at most": round(plan.memory_bytes / 2**30, 2),
        "seconds per step, measured": round(plan.seconds_per_step, 4),
        "minutes per run, without validation": round(seconds / 60, 1),
        "device": plan.compute.reason,
    }
    if json:
        console.print_json(values)
        return
    rows = [[name, str(value)] for name, value in values.items()]
    console.print_table("Plan; nothing was written", ["", "value"], rows, numeric_from=2)
