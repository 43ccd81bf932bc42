"""``cellenhance train``."""

from __future__ import annotations

from cellenhance.cli import console, options
from cellenhance.cli.invocation import command
from cellenhance.cli.training_display import training_display
from cellenhance.tasks.train.requests import TrainRequest


@command
def train(
    request: TrainRequest, dry_run: options.DryRun = False, json: options.Json = False
) -> None:
    """Train a model on a dataset.

    The best weights are those of the highest mIoU on all validation images (ties: the later epoch);
    test images are never looked at. Ctrl-C saves; --resume with the same command goes on exactly.

    Example: cellenhance train data/liver -m aep -o runs/aep --epochs 50
    """
    from cellenhance.tasks.train.train import train as task

    if dry_run:
        _show_plan(request, json=json)
        return
    results = task(request, training_display)
    if json:
        shown = [each.to_json() for each in results]
        console.print_json(shown if request.fold == "all" else shown[0])


def _show_plan(request: TrainRequest, *, json: bool) -> None:
    from cellenhance.tasks.train.train import plan_training

    planned = plan_training(request)
    plan = planned.run
    seconds = plan.seconds_per_step * plan.n_steps_per_epoch * plan.n_epochs
    values = {
        "runs": planned.n_runs,
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
